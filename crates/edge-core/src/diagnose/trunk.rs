//! Why a trunk carries no calls, or bad ones.

use media_rtp::diagnosis::MediaDiagnosis;
use sip_trunk::registration::Cause;
use sip_trunk::trunk::Reason;
use telco_model::entity::EntityRef;
use telco_model::value::TrunkId;

use super::Findings;
use super::facts::TrunkFacts;

/// A registration that is pending for so long, in seconds, is pending for ever.
const PENDING_FOR_EVER: u64 = 120;
/// Calls below this score are bad calls (ITU-T G.107: nearly all users dissatisfied).
const BAD_SCORE: f64 = 3.1;
/// So many of the latest calls are looked at, and a third of them bad is poor quality.
const LOOKED_AT: usize = 12;

impl Findings<'_, '_> {
    pub(super) fn trunk(&mut self, id: TrunkId) {
        let facts = self.facts;
        let this = [EntityRef::from(id)];
        match facts.runtime.trunks.get(&id) {
            None => self.not_shared(id),
            Some(trunk) if !trunk.runs_here() => {
                let by: Vec<_> = trunk.run_by.iter().map(ToString::to_string).collect();
                let evidence =
                    format!("no interface of this edge is bound to it; it runs on {}", by.join(", "));
                self.add("DG-012", evidence, this);
            }
            Some(_) => {}
        }
        let Some(known) = facts.trunks.get(&id) else { return };
        if let Some(reason) = known.reason() {
            self.down(id, reason, known.seconds);
        }
        for refused in known.refused.iter().rev().take(3) {
            self.add("DG-034", refused.clone(), this);
        }
        for identifier in known.unknown_terminations.iter().rev().take(3) {
            self.add("DG-032", format!("a call came for {identifier:?}, which no trunk has"), this);
        }
        self.media(id, known);
    }

    /// The trunk is of another group: nothing of it can be used here.
    fn not_shared(&mut self, id: TrunkId) {
        let organization = &self.facts.runtime.organization;
        let groups = organization.edge_groups().filter(|group| {
            let edges = organization.edges_of(group.id);
            group.trunks.contains(&id)
                || edges.flat_map(|edge| &edge.interfaces).any(|i| i.trunks.contains(&id))
        });
        let groups: Vec<_> = groups.map(|group| (group.id, group.name.as_str().to_owned())).collect();
        for (group, name) in groups {
            let evidence = format!("it belongs to edge group {name:?}; groups share nothing");
            self.add("DG-012", evidence, [id.into(), group.into()]);
        }
    }

    fn down(&mut self, id: TrunkId, reason: &Reason, seconds: u64) {
        let this = [EntityRef::from(id)];
        let evidence = format!("for {seconds} s: {reason}");
        match reason {
            Reason::Unregistered(Cause::Tls(_)) => self.add("DG-044", evidence, this),
            Reason::Unregistered(Cause::Unauthorized { .. }) => self.add("DG-049", evidence, this),
            Reason::RegistrationPending if seconds >= PENDING_FOR_EVER => self.add("DG-046", evidence, this),
            Reason::Unregistered(Cause::Silent { .. } | Cause::Unreachable { .. } | Cause::NotBound) => {
                self.add("DG-046", evidence, this);
            }
            Reason::Unreachable(why) if why.to_ascii_lowercase().contains("tls") => {
                self.add("DG-033", evidence, this)
            }
            Reason::RegistrationPending => {}
            Reason::Misconfigured(_)
            | Reason::OutOfService
            | Reason::Disabled(_)
            | Reason::Unregistered(_)
            | Reason::Unreachable(_)
            | Reason::Paused { .. }
            | _ => self.add("DG-031", evidence, this),
        }
    }

    fn media(&mut self, id: TrunkId, known: &TrunkFacts) {
        let this = [EntityRef::from(id)];
        for fault in known.media.iter().rev().take(LOOKED_AT) {
            let row = match fault {
                MediaDiagnosis::OneWay { .. }
                | MediaDiagnosis::WrongSource { .. }
                | MediaDiagnosis::PrivateAddress { .. } => "DG-050",
                MediaDiagnosis::PortBlocked { .. }
                | MediaDiagnosis::NoPackets { .. }
                | MediaDiagnosis::PayloadTypeMismatch { .. } => "DG-045",
                MediaDiagnosis::AuthenticationFailures { .. } => "DG-033",
                MediaDiagnosis::ClockMismatch { .. } | _ => continue,
            };
            self.add(row, format!("{fault}; {}", fault.fix()), this);
        }
        let recent: Vec<_> = known.mos.iter().rev().take(LOOKED_AT).collect();
        let bad = recent.iter().filter(|score| ***score < BAD_SCORE).count();
        if bad > 0 && bad * 3 >= recent.len() && known.reason().is_none() {
            let evidence = format!(
                "{bad} of the last {} calls scored below {BAD_SCORE}, and the trunk is up: quality moves no call to another trunk",
                recent.len()
            );
            self.add("DG-051", evidence, this);
        }
    }
}
