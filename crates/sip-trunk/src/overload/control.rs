//! The server's side: saying how much less should come, and refusing what comes all the same.

use std::time::{Duration, Instant};

use super::feedback::{Algorithm, Feedback, Sequence};
use super::throttle::Priority;
use crate::Seed;
use crate::engine::Tokens;
use crate::msg::Message;

/// When an engine calls itself overloaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlConfig {
    /// Load, as a share of what the engine can carry, up to which nothing is asked of anybody; 0.85.
    pub comfortable: f64,
    /// How often the loss asked for is computed again; 500 ms.
    pub every: Duration,
    /// For how long clients obey one answer; 1 s.
    pub validity: Duration,
    /// The longest Retry-After of a refusal for want of capacity; 30 s.
    pub longest_retry: Duration,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            comfortable: 0.85,
            every: Duration::from_millis(500),
            validity: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
        }
    }
}

/// What to do with a request, see [`Control::admit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Serve it.
    Serve,
    /// Answer 503 without Retry-After: its sender takes no part in overload control (RFC 7339 §5.10.2).
    Refuse,
}

/// How overloaded one engine is, by the load its owner reports.
///
/// The loss asked for follows the load like a thermostat: it rises by what is too much, and falls slowly.
#[derive(Debug)]
pub struct Control {
    config: ControlConfig,
    loss: f64,
    computed: Instant,
    started: Instant,
    chance: Tokens,
}

/// The loss is lowered only below this share of a comfortable load, so that it does not swing.
const EASY: f64 = 0.9;

impl Control {
    /// Not overloaded.
    pub fn new(config: ControlConfig, seed: Seed, now: Instant) -> Self {
        let chance = Tokens::new(&seed, "overload control");
        Self { config, loss: 0.0, computed: now, started: now, chance }
    }

    /// Takes the load: busy share of the engine's time, or calls held by calls it can hold. 1 is full, more is possible.
    pub fn observe(&mut self, load: f64, now: Instant) {
        if now.saturating_duration_since(self.computed) < self.config.every {
            return;
        }
        self.computed = now;
        let comfortable = self.config.comfortable;
        let before = self.loss / 100.0;
        let wanted = if load > comfortable {
            // What passes now makes this load: let the share of it through that makes a comfortable one.
            1.0 - (1.0 - before) * comfortable / load
        } else if load < comfortable * EASY {
            before * 0.8 - 0.01
        } else {
            before
        };
        self.loss = (wanted * 100.0).clamp(0.0, 100.0);
    }

    /// Percent of requests clients are asked to leave out.
    pub fn loss(&self) -> u32 {
        // Between 0 and 100.
        self.loss.round() as u32
    }

    /// Whether to serve a request. Clients that take part have left out theirs already; the others bear the same share.
    pub fn admit(&mut self, request: &Message, priority: Priority) -> Admission {
        let spared = priority == Priority::Spared || Feedback::is_understood(request, Algorithm::Loss);
        if spared || f64::from(self.chance.below(10_000)) / 100.0 >= self.loss {
            Admission::Serve
        } else {
            Admission::Refuse
        }
    }

    /// What the answer to `request` says in its top Via; `None` when its sender takes no part.
    pub fn feedback(&self, request: &Message) -> Option<Feedback> {
        if !Feedback::is_understood(request, Algorithm::Loss) {
            return None;
        }
        let age = self.computed.saturating_duration_since(self.started);
        let value = self.loss();
        // RFC 7339 §5.7: when there is nothing to ask for, say so.
        let validity = if value == 0 { Duration::ZERO } else { self.config.validity };
        let sequence = Sequence { whole: 1 + age.as_secs(), part: age.subsec_micros() / 10 };
        Some(Feedback { value, algorithm: Algorithm::Loss, validity, sequence: Some(sequence) })
    }

    /// Retry-After for a refusal that is not about load but about room, such as a trunk with all its calls in use:
    /// spread, so that those refused together do not come back together.
    pub fn retry_after(&mut self) -> Duration {
        let longest = u32::try_from(self.config.longest_retry.as_secs()).unwrap_or(u32::MAX).max(1);
        Duration::from_secs(u64::from(1 + self.chance.below(longest)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any starting point does")]
mod tests {
    use super::*;

    fn invite(via: &str) -> Message {
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1{via}\r\nFrom: <sip:x@y>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        Message::from_datagram(text).unwrap()
    }

    fn settle(control: &mut Control, offered: f64, from: Instant) -> Instant {
        let mut now = from;
        for _ in 0..60 {
            now += Duration::from_millis(500);
            let passing = 1.0 - f64::from(control.loss()) / 100.0;
            control.observe(offered * passing, now);
        }
        now
    }

    #[test]
    fn the_loss_settles_where_the_load_is_comfortable() {
        let start = Instant::now();
        let mut control = Control::new(ControlConfig::default(), Seed([2; 32]), start);
        let now = settle(&mut control, 1.7, start);
        let loss = control.loss();
        assert!((40..=60).contains(&loss), "twice what is comfortable: about half is left out, not {loss}");
        settle(&mut control, 0.3, now);
        assert_eq!(control.loss(), 0);
    }

    /// RFC 7339 §5.1, §5.10.2: those that take part are told, those that do not are refused their share.
    #[test]
    fn clients_are_told_or_refused() {
        let start = Instant::now();
        let mut control = Control::new(ControlConfig::default(), Seed([2; 32]), start);
        let (knows, plain) = (invite(super::super::OFFER), invite(""));
        let quiet = control.feedback(&knows).unwrap();
        assert_eq!((quiet.value, quiet.validity), (0, Duration::ZERO));
        assert_eq!(control.feedback(&plain), None);
        settle(&mut control, 1.7, start);
        let asked = control.feedback(&knows).unwrap();
        assert!(asked.value > 0 && asked.sequence > quiet.sequence, "{asked}");
        let served = |control: &mut Control, request: &Message, priority| {
            (0..1000).filter(|_| control.admit(request, priority) == Admission::Serve).count()
        };
        assert_eq!(served(&mut control, &knows, Priority::Normal), 1000);
        assert_eq!(served(&mut control, &plain, Priority::Spared), 1000);
        let passed = served(&mut control, &plain, Priority::Normal);
        assert!((350..650).contains(&passed), "{passed} of 1000");
    }

    #[test]
    fn retry_after_is_spread() {
        let mut control = Control::new(ControlConfig::default(), Seed([2; 32]), Instant::now());
        let spans: std::collections::BTreeSet<_> =
            (0..100).map(|_| control.retry_after().as_secs()).collect();
        assert!(spans.len() > 10 && spans.iter().all(|span| (1..=30).contains(span)));
    }
}
