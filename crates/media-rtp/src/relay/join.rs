//! Legs that outlive the relay they are in: joined, parted, joined with others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::leg::LegState;
use super::path::Path;
use super::{LegConfig, LegStats, Relay, RelayError, RtcpMode, Tap};
use crate::Seed;
use crate::quality::{CallQuality, Monitor};

/// One leg by itself: its keys and rollover counters, learned source, numbers and counters go with it from relay to relay.
///
/// That is what a transfer needs: the peer that stays hears one unbroken stream, whoever it talks to.
pub struct Leg(pub(super) Box<LegState>);

/// Two legs that cannot hear each other.
pub struct Unjoinable {
    /// Why.
    pub error: RelayError,
    /// The one leg, as it was.
    pub a: Leg,
    /// The other.
    pub b: Leg,
}

impl Leg {
    /// A leg in no relay. `idle` is the silence after which it is reported; the seed gives its SSRC and first numbers.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub fn new(
        config: LegConfig,
        idle: Option<Duration>,
        seed: Seed,
        now: Instant,
    ) -> Result<Self, RelayError> {
        LegState::new(config, idle, &mut seed.into_rng(), now).map(|leg| Self(Box::new(leg)))
    }

    /// Takes over what a re-INVITE agreed on, as [`Relay::apply`] does for a leg in a relay.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub fn apply(&mut self, config: LegConfig, now: Instant) -> Result<(), RelayError> {
        self.0.renegotiate(config, now)
    }

    /// Begins or ends showing the packets this leg receives to a tap.
    pub fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.0.tap = tap;
    }

    /// What the leg is configured for.
    #[must_use]
    pub fn config(&self) -> &LegConfig {
        &self.0.config
    }

    /// Where the leg's media goes; `None` when nothing may be sent.
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        self.0.latch.target()
    }

    /// What the leg has seen, in all relays it was in.
    #[must_use]
    pub fn stats(&self) -> LegStats {
        self.0.stats
    }

    /// How good what the leg received was; `None` for a codec this crate does not know.
    #[must_use]
    pub fn quality(&self) -> Option<CallQuality> {
        self.0.monitor.as_ref().map(Monitor::record)
    }
}

impl Relay {
    /// Joins two legs, wherever they were before.
    ///
    /// # Errors
    /// [`Unjoinable`] gives both legs back.
    pub fn join(a: Leg, b: Leg, rtcp: RtcpMode, now: Instant) -> Result<Self, Box<Unjoinable>> {
        let paths = Path::new(a.config(), b.config())
            .and_then(|there| Ok((there, Path::new(b.config(), a.config())?)));
        let (there, back) = match paths {
            Ok(paths) => paths,
            Err(error) => return Err(Box::new(Unjoinable { error, a, b })),
        };
        let (Leg(mut a), Leg(mut b)) = (a, b);
        (a.path, b.path) = (there, back);
        let mut relay = Self { legs: [a, b], rtcp, next_report: None, outputs: Default::default() };
        relay.next_report = relay.report_interval().map(|interval| now + interval);
        Ok(relay)
    }

    /// Takes the legs apart. What was not polled yet is lost.
    #[must_use]
    pub fn part(self) -> (Leg, Leg) {
        let [mut a, mut b] = self.legs;
        (a.path, b.path) = (Path::none(), Path::none());
        (Leg(a), Leg(b))
    }
}
