//! What the edge has seen of trunks and phones, gathered for a diagnosis.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use media_rtp::diagnosis::MediaDiagnosis;
use sip_trunk::trunk::Unmatched;
use telco_model::diagnose::Diagnosis;
use telco_model::value::{PhoneId, TrunkId};

use super::Edge;
use crate::call::CallId;
use crate::diagnose::{Facts, PhoneFacts, Question, TrunkFacts, diagnose};
use crate::guard::{Code, SecurityEvent};
use crate::media::{LegReport, MediaLeg};
use crate::registrar;

/// So much is remembered of each kind and trunk; the latest counts.
const REMEMBERED: usize = 12;

/// What was seen so long ago explains nothing any more.
const FADES: Duration = Duration::from_secs(3600);

/// What explains symptoms later.
#[derive(Debug, Default)]
pub(super) struct Seen {
    trunks: BTreeMap<TrunkId, OfTrunk>,
    /// How often the password of a phone was wrong since it was last right.
    wrong_passwords: BTreeMap<PhoneId, u32>,
    /// Phones that have registered here.
    phones: BTreeSet<PhoneId>,
    /// Identifiers that no trunk has.
    unknown_terminations: Latest<String>,
}

#[derive(Debug, Default)]
struct OfTrunk {
    refused: Latest<String>,
    media: Latest<MediaDiagnosis>,
    mos: Latest<f64>,
}

/// The latest of something, latest last.
#[derive(Debug)]
struct Latest<T>(VecDeque<(Instant, T)>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Clone> Latest<T> {
    fn push(&mut self, seen: T, now: Instant) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((now, seen));
    }

    fn since(&self, now: Instant) -> Vec<T> {
        let fresh = |at: Instant| now.saturating_duration_since(at) < FADES;
        self.0.iter().filter(|(at, _)| fresh(*at)).map(|(_, seen)| seen.clone()).collect()
    }
}

impl Edge {
    /// Everything that is not as it should be with the edges of the group, the trunks that run here and the phones that have tried to
    /// register here, as far as the configuration and this edge can tell. An hour after it was seen, a call's trouble is forgotten.
    pub fn diagnose(&self, now: Instant) -> Vec<Diagnosis> {
        let facts = self.facts(now);
        let own = self.runtime.edge.iter().map(|edge| edge.id);
        let edges = own.chain(self.runtime.neighbours.keys().copied()).map(Question::Edge);
        let trunks = facts.trunks.keys().copied().map(Question::Trunk);
        let phones = facts.phones.keys().copied().map(Question::Phone);
        edges.chain(trunks).chain(phones).flat_map(|question| diagnose(&question, &facts)).collect()
    }

    /// Everything that explains one symptom.
    pub fn diagnose_symptom(&self, question: &Question, now: Instant) -> Vec<Diagnosis> {
        diagnose(question, &self.facts(now))
    }

    /// What is known beside the configuration.
    fn facts(&self, now: Instant) -> Facts<'_> {
        let mut facts = Facts::of(&self.runtime, self.clock.at(now));
        facts.edges = self.statuses(now).into_iter().collect();
        facts.machine.clone_from(&self.config.machine);
        let external =
            |id: &&TrunkId| self.runtime.trunks.get(id).is_some_and(|t| t.settings.kind.is_external());
        for id in self.runtime.trunks.keys().filter(external) {
            let Some(trunk) = self.runtime.trunk_key(*id).and_then(|key| self.trunks.get(key)) else {
                continue;
            };
            let mut known = TrunkFacts {
                standing: Some(trunk.health().standing().clone()),
                seconds: now.saturating_duration_since(trunk.health().since()).as_secs(),
                ..TrunkFacts::default()
            };
            if trunk.config().termination.is_some() {
                known.unknown_terminations = self.seen.unknown_terminations.since(now);
            }
            if let Some(seen) = self.seen.trunks.get(id) {
                (known.refused, known.media) = (seen.refused.since(now), seen.media.since(now));
                known.mos = seen.mos.since(now);
            }
            facts.trunks.insert(*id, known);
        }
        let tried = self.seen.phones.iter().chain(self.seen.wrong_passwords.keys());
        for id in tried {
            let Some(phone) = self.runtime.phones.get(id) else { continue };
            let known = PhoneFacts {
                online: !self.registrar.contacts_of(*id).is_empty(),
                wrong_passwords: self.seen.wrong_passwords.get(id).copied().unwrap_or_default(),
                role: phone.role,
            };
            facts.phones.insert(*id, known);
        }
        facts
    }

    /// A leg has no audio, or bad audio.
    pub(super) fn saw_media_fault(&mut self, id: CallId, leg: MediaLeg, fault: MediaDiagnosis, now: Instant) {
        let trunk = self.calls.get(id).and_then(|call| call.leg(leg)?.party.trunk());
        if let Some(trunk) = trunk.map(|trunk| trunk.settings.id) {
            self.seen.trunks.entry(trunk).or_default().media.push(fault, now);
        }
    }

    /// What the media of a leg was like to its end.
    pub(super) fn saw_media(&mut self, trunk: TrunkId, report: &LegReport, now: Instant) {
        if let Some(mos) = report.quality.and_then(|quality| quality.mos_listening) {
            self.seen.trunks.entry(trunk).or_default().mos.push(mos, now);
        }
    }

    /// A request that belonged to no trunk.
    pub(super) fn saw_unmatched(&mut self, unmatched: &Unmatched, now: Instant) {
        match unmatched {
            Unmatched::NotAllowed { trunk, .. } => {
                let trunk = self.runtime.trunk_of_key(*trunk).map(|trunk| trunk.settings.id);
                if let Some(trunk) = trunk {
                    self.seen.trunks.entry(trunk).or_default().refused.push(unmatched.to_string(), now);
                }
            }
            Unmatched::UnknownTermination { identifier } => {
                self.seen.unknown_terminations.push(identifier.clone(), now);
            }
            Unmatched::Stranger { .. } | Unmatched::Ambiguous { .. } => {}
        }
    }

    pub(super) fn saw_security(&mut self, event: &SecurityEvent) {
        let account = event.user.as_deref().and_then(|user| self.runtime.accounts.get(user));
        if let Some(account) = account.filter(|_| event.code == Code::AuthWrongPassword) {
            let wrong = self.seen.wrong_passwords.entry(account.phone).or_default();
            *wrong = wrong.saturating_add(event.count);
        }
    }

    pub(super) fn saw_contact(&mut self, event: &registrar::Event) {
        if let registrar::Event::Online { phone } = event {
            self.seen.wrong_passwords.remove(phone);
            self.seen.phones.insert(*phone);
        }
    }
}
