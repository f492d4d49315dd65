//! The call records of the spool, as a table.

use edge_core::cdr::{CallRecord, LegDirection, LegParty, LegRecord};
use telco_model::Organization;

use crate::out::say;

/// Prints every record with its legs, transfers and reasons.
pub(crate) fn print(records: &[CallRecord], organization: &Organization) {
    for (record, number) in records.iter().zip(1..) {
        let (direction, by) = (record.direction.as_str(), record.ending.by.as_str());
        let class = record.classification.as_deref().unwrap_or("–");
        say!(
            "  {number}  {direction:<9} {:<14} {class:<13} {:>2} s  ended by {by}: {}",
            record.dialled,
            record.billed_seconds(),
            record.ending.reason,
        );
        say!("     conversation {}", record.conversation);
        for (leg, number) in record.legs.iter().zip(1..) {
            say!("     {number} {}", line(leg, record, organization));
        }
        for transfer in &record.transfers {
            let kind = transfer.kind.as_str().replace('_', "-");
            say!("     ↪ {kind} transfer to {}: {}", transfer.target, transfer.status);
        }
        record.explain.iter().for_each(|why| say!("     · {why}"));
        say!();
    }
}

fn line(leg: &LegRecord, record: &CallRecord, organization: &Organization) -> String {
    let way = match leg.direction {
        LegDirection::In => "from",
        LegDirection::Out => "to  ",
    };
    let codes: Vec<_> = leg.sip_codes.iter().map(u16::to_string).collect();
    let cause = leg.q850.map(|cause| format!("  Q.850 {cause}")).unwrap_or_default();
    let call_id: String = leg.protocol_call_id.chars().take(12).collect();
    let call_id = if call_id.is_empty() { call_id } else { format!("  Call-ID {call_id}…") };
    let quality = leg.quality.as_ref().map(|heard| {
        let mos = heard.mos.map(|mos| format!(", MOS {mos:.1}")).unwrap_or_default();
        format!("  {} rx {} tx {} lost {}{mos}", heard.codec, heard.received, heard.sent, heard.lost)
    });
    let made_here = made_here(leg, record).map(|why| format!(" (here: {why})")).unwrap_or_default();
    let line = format!(
        "{way} {:<14} {:<9} {:<11}{cause}{}{call_id}",
        party(&leg.party, organization),
        leg.outcome.as_str().replace('_', " "),
        codes.join(" ") + &made_here,
        quality.unwrap_or_default(),
    );
    line.trim_end().to_owned()
}

/// Why the last code of a leg is no answer of the peer (RFC 3261 §8.1.3.1: a broken connection counts as 503).
fn made_here<'r>(leg: &LegRecord, record: &'r CallRecord) -> Option<&'r str> {
    let (LegParty::Trunk { name, .. }, LegDirection::Out) = (&leg.party, leg.direction) else { return None };
    let tried = format!("trunk {name}: tried, ");
    let why = record.explain.iter().find_map(|why| why.strip_prefix(&tried))?.split(',').next()?;
    // What a peer answered begins with its status.
    (leg.sip_codes.last().is_some_and(|code| *code >= 300) && !why.starts_with("SIP ")).then_some(why)
}

fn party(party: &LegParty, organization: &Organization) -> String {
    match party {
        LegParty::Trunk { name, .. } => name.clone(),
        LegParty::Phone { id, .. } => {
            organization.phone(*id).map(|phone| phone.name.to_string()).unwrap_or_default()
        }
        LegParty::Flow { id } => {
            let name = organization.call_flow(*id).map(|flow| flow.name.to_string());
            format!("flow {}", name.unwrap_or_default())
        }
        LegParty::Neighbour { .. } => "another edge".to_owned(),
        LegParty::Unknown => "unknown".to_owned(),
    }
}
