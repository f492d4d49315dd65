//! The call records of the spool, as a table.

use edge_core::cdr::{CallRecord, LegDirection, LegParty, LegRecord};
use telco_model::Organization;

/// Prints every record with its legs, transfers and reasons.
pub(crate) fn print(records: &[CallRecord], organization: &Organization) {
    for (record, number) in records.iter().zip(1..) {
        let (direction, by) = (record.direction.as_str(), record.ending.by.as_str());
        let class = record.classification.as_deref().unwrap_or("–");
        println!(
            "  {number}  {direction:<9} {:<14} {class:<13} {:>2} s  ended by {by}: {}",
            record.dialled,
            record.billed_seconds(),
            record.ending.reason,
        );
        println!("     conversation {}", record.conversation);
        for (leg, number) in record.legs.iter().zip(1..) {
            println!("     {number} {}", line(leg, organization));
        }
        for transfer in &record.transfers {
            let kind = transfer.kind.as_str().replace('_', "-");
            println!("     ↪ {kind} transfer to {}: {}", transfer.target, transfer.status);
        }
        record.explain.iter().for_each(|why| println!("     · {why}"));
        println!();
    }
}

fn line(leg: &LegRecord, organization: &Organization) -> String {
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
    let line = format!(
        "{way} {:<14} {:<9} {:<11}{cause}{}{call_id}",
        party(&leg.party, organization),
        leg.outcome.as_str().replace('_', " "),
        codes.join(" "),
        quality.unwrap_or_default(),
    );
    line.trim_end().to_owned()
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
