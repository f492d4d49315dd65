//! Calls on paper: what each site does with a dialled number, and the INVITE that would leave.

use std::error::Error;

use jiff::Timestamp;
use numplan::{Caller, Chance, Conditions, Outcome, Simulation, SitePlan, present, simulate, write_number};
use sip_trunk::msg::{Draft, HeaderName, Method};
use telco_model::Organization;
use telco_model::entity::Site;
use telco_model::value::HostPort;

/// What people dial at any site: an emergency, an extension, a neighbour, another country, an address, a slip.
const DIALLED: [&str; 6] = ["911", "4101", "3175550123", "+442079460018", "alice@example.com", "31+7"];

/// Simulates every dialled string at every site.
pub(crate) fn simulate_all(organization: &Organization, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let conditions = Conditions::as_configured(now);
    for site in organization.sites() {
        println!("  site {}", site.name);
        for dialled in DIALLED {
            let simulation = simulate(organization, site.id, dialled, &conditions)?;
            let verdict = match simulation.first_failure() {
                None => format!("✓ {}", way(&simulation)),
                Some(step) => format!("✗ {}", found(step)),
            };
            println!("    {dialled:<20} {verdict}");
        }
        println!();
    }
    Ok(())
}

/// What the number became, and the stops on its way.
fn way(simulation: &Simulation) -> String {
    let number = simulation.explanation.classified.iter();
    let number = number.map(|(classification, address)| format!("{address}, {classification}"));
    let stops = simulation.steps.iter().skip(2).map(found).filter(|stop| !stop.starts_with("none needed"));
    number.chain(stops).collect::<Vec<_>>().join(" → ")
}

fn found(step: &numplan::Step) -> String {
    use numplan::detail::StepState;
    match &step.state {
        StepState::Pass { found } => found.clone(),
        StepState::Fail { reason, fix } => format!("{}: {reason}. Look at: {fix}", step.name.label()),
        StepState::NotReached => "not reached".to_owned(),
    }
}

/// Prints the INVITE of the first call of the first site that a trunk can carry.
pub(crate) fn print_invite(organization: &Organization) -> Result<(), Box<dyn Error>> {
    for site in organization.sites() {
        let plan = SitePlan::compile(organization, site.id)?;
        for dialled in ["3175550123", "8112345678"] {
            if let Some(invite) = invite(organization, site, &plan, dialled)? {
                println!("  {dialled} dialled at {}:\n", site.name);
                invite.lines().for_each(|line| println!("    {line}"));
                return Ok(());
            }
        }
    }
    println!("  No site has a trunk that carries a call.");
    Ok(())
}

fn invite(
    organization: &Organization,
    site: &Site,
    plan: &SitePlan,
    dialled: &str,
) -> Result<Option<String>, Box<dyn Error>> {
    let Ok(decision) = plan.decide(dialled, &mut Chance::new([7; 32])) else { return Ok(None) };
    let (Outcome::Route { trunks, .. } | Outcome::Pattern { trunks, .. }) = decision.outcome else {
        return Ok(None);
    };
    let Some(trunk) = trunks.get(0).and_then(|candidate| organization.trunk(candidate.id)) else {
        return Ok(None);
    };
    let (Some(server), Some(number)) = (trunk.servers.first(), decision.address.e164()) else {
        return Ok(None);
    };

    let country = organization.country_of(site.id).and_then(|country| country.calling_code());
    let caller =
        Caller { site: site.caller_address, site_name: site.caller_name.as_ref(), ..Caller::default() };
    let presented = present(&trunk.identity, caller, country);
    let from = presented.number.map(|number| number.to_string()).unwrap_or_else(|| "anonymous".to_owned());
    let called = write_number(number, trunk.identity.called, country);
    let host = host(server);
    let mut draft = Draft::request(&Method::Invite, format!("sip:{called}@{host};user=phone"))
        .header(HeaderName::Via, "SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bKquickstart;rport")
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, format!("<sip:{from}@192.0.2.10;user=phone>;tag=quickstart"))
        .header(HeaderName::To, format!("<sip:{called}@{host};user=phone>"))
        .header(HeaderName::CallId, "quickstart@192.0.2.10")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, "<sip:192.0.2.10:5061;transport=tls>");
    for custom in &trunk.protocol.custom_headers {
        draft = draft.header(custom.name.as_str(), custom.value.as_str());
    }
    Ok(Some(String::from_utf8(draft.finish()?.to_vec())?))
}

fn host(server: &HostPort) -> String {
    server.to_string()
}
