//! Offer and answer of one call leg, from its profile to what the media thread needs.

use std::net::IpAddr;

use bytes::Bytes;
use media_rtp::Seed;
use media_rtp::dtmf::Method;
use media_rtp::relay::{LatchPolicy, LegConfig};
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{Codec, LocalMedia, OfferError};
use media_rtp::sdp::{MediaSession, OfferAnswer, Refusal, SessionDescription, Signalling};

use super::ports::MediaAddress;
use super::profile::{Abilities, DtmfMethod, Latching, LegProfile};

/// One leg's side of offer/answer, for as long as its dialog lasts.
///
/// The two legs of a call negotiate independently; [`Self::prefer`] is what makes them meet on one codec.
#[derive(Debug, Clone)]
pub struct LegNegotiation {
    side: OfferAnswer,
    signalling: Signalling,
    /// The host that signals.
    source: Option<IpAddr>,
    latch: Latching,
    dtmf: DtmfMethod,
    mask: Option<media_rtp::dtmf::mask::EventMask>,
    /// What this side wanted last.
    wanted: Direction,
}

impl LegNegotiation {
    /// A leg that has not talked yet. `source` is the host its signalling comes from or goes to.
    #[must_use]
    pub fn new(
        profile: &LegProfile,
        address: MediaAddress,
        signalling: Signalling,
        source: Option<IpAddr>,
        seed: Seed,
    ) -> Self {
        Self::sharing(&mut Abilities::default(), profile, address, signalling, source, seed)
    }

    /// The same with what the profile can do in one value for all calls.
    pub(crate) fn sharing(
        abilities: &mut Abilities,
        profile: &LegProfile,
        address: MediaAddress,
        signalling: Signalling,
        source: Option<IpAddr>,
        seed: Seed,
    ) -> Self {
        let local = LocalMedia::new(address.advertised);
        Self {
            side: OfferAnswer::new(abilities.of(profile), local, seed),
            signalling,
            source,
            latch: profile.latch,
            dtmf: profile.dtmf,
            mask: profile.mask,
            wanted: Direction::SendRecv,
        }
    }

    /// Moves codecs to the front that the other leg speaks, in that order, as far as the profile has them: then nothing
    /// needs transcoding.
    pub fn prefer(&mut self, codecs: &[Codec]) {
        self.side.prefer(codecs);
    }

    /// The host that signals has changed: a redirect, or the next server of a trunk.
    pub fn source_changed(&mut self, source: Option<IpAddr>, signalling: Signalling) {
        (self.source, self.signalling) = (source, signalling);
    }

    /// An offer, first or later: for an INVITE, a re-INVITE, an UPDATE, or the 200 to an INVITE without one.
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn offer(&mut self, direction: Direction) -> Result<Bytes, OfferError> {
        let offer = self.side.offer(direction, self.signalling)?;
        self.wanted = direction;
        Ok(offer.to_bytes().into())
    }

    /// An offer that puts the peer on hold (RFC 3264 §8.4).
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn hold(&mut self) -> Result<Bytes, OfferError> {
        let sends = self.side.direction().is_none_or(Direction::sends);
        self.offer(if sends { Direction::SendOnly } else { Direction::Inactive })
    }

    /// An offer to talk again.
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn resume(&mut self) -> Result<Bytes, OfferError> {
        self.offer(Direction::SendRecv)
    }

    /// The answer to the peer's offer; `direction` is what this side wants.
    ///
    /// # Errors
    /// A [`Refusal`], which knows its status and Warning; what held before goes on.
    pub fn answer(&mut self, offer: &[u8], direction: Direction) -> Result<Bytes, Refusal> {
        let offer = SessionDescription::parse(offer)?;
        let answer = self.side.answer(&offer, direction, self.signalling)?;
        self.wanted = direction;
        Ok(answer.description.to_bytes().into())
    }

    /// Takes the peer's answer. The same one again, in a 200 after a 18x, changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`]; the offer is withdrawn then, and what held before goes on.
    pub fn take_answer(&mut self, answer: &[u8]) -> Result<(), Refusal> {
        let answer = SessionDescription::parse(answer)?;
        self.side.process_answer(&answer, self.signalling).map(drop)
    }

    /// The peer refused the offer, or it was withdrawn: what held before goes on.
    pub fn offer_refused(&mut self) {
        self.side.rollback();
    }

    /// Whether an own offer waits for its answer.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.side.is_pending()
    }

    /// What was agreed on; `None` before the first agreement, and once it was [given away](Self::release).
    #[must_use]
    pub fn session(&self) -> Option<&MediaSession> {
        self.side.session()
    }

    /// What is sent; `None` before the first agreement.
    #[must_use]
    pub fn codec(&self) -> Option<&Codec> {
        self.side.codec()
    }

    /// Forgets what the media thread was told and nobody else needs until the next agreement.
    pub fn release(&mut self) {
        self.side.release_session();
    }

    /// The codecs of an offer, in its order, before anything is answered: for [`Self::prefer`] of the other leg.
    ///
    /// # Errors
    /// The [`Refusal`] that [`Self::answer`] would end in: there is no point in calling anybody then.
    pub fn examine(&self, offer: &[u8]) -> Result<Vec<Codec>, Refusal> {
        self.side.examine(&SessionDescription::parse(offer)?, self.signalling)
    }

    /// The codecs of the peer's last description that was accepted, in its order.
    #[must_use]
    pub fn peer_codecs(&self) -> &[Codec] {
        self.side.peer_codecs()
    }

    /// Whether the peer has put us on hold: it wants to hear nothing (RFC 3264 §8.4).
    #[must_use]
    pub fn peer_holds(&self) -> bool {
        self.wanted.sends() && self.side.direction().is_some_and(|direction| !direction.sends())
    }

    /// Whether we have put the peer on hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.wanted.receives() && self.side.direction().is_some()
    }

    /// What the media thread needs to know, once something is agreed, until it is [given away](Self::release).
    #[must_use]
    pub fn config(&self) -> Option<LegConfig> {
        let session = self.session()?.clone();
        let digits = match self.dtmf {
            DtmfMethod::RtpEvents(_) if session.send_dtmf.is_some() => Method::Events,
            DtmfMethod::RtpEvents(_) | DtmfMethod::InBand => Method::InBand,
            DtmfMethod::SipInfo(kind) => Method::Info(kind),
        };
        let latch = match self.latch {
            Latching::Signalled => LatchPolicy::SignalledOnly,
            // Without a known host nobody is learned.
            Latching::SignallingHost { packets } => match self.source {
                Some(host) => LatchPolicy::LearnAfter { packets, from: Some(host) },
                None => LatchPolicy::SignalledOnly,
            },
            Latching::Anybody { packets } => LatchPolicy::LearnAfter { packets, from: None },
            Latching::Strict => LatchPolicy::Strict,
        };
        Some(LegConfig { digits, mask: self.mask, ..LegConfig::new(session).with_latch(latch) })
    }
}

#[cfg(test)]
mod tests {
    use media_rtp::sdp::offer_answer::{MediaSecurity, SrtpPolicy};

    use super::*;
    use crate::media::PoolId;

    fn leg(profile: &LegProfile, signalling: Signalling, byte: u8) -> LegNegotiation {
        let bound = format!("10.0.0.{byte}:10000").parse().unwrap();
        let advertised = format!("192.0.2.{byte}:10000").parse().unwrap();
        let address = MediaAddress { pool: PoolId(0), bound, advertised };
        LegNegotiation::new(profile, address, signalling, "198.51.100.7".parse().ok(), Seed([byte; 32]))
    }

    fn profile(codecs: &[&str]) -> LegProfile {
        let codecs = codecs.iter().map(|name| Codec::from_mime(name).unwrap()).collect();
        LegProfile { codecs, ..LegProfile::default() }
    }

    fn agree(a: &mut LegNegotiation, b: &mut LegNegotiation) -> Result<(), Refusal> {
        let offer = a.offer(Direction::SendRecv).unwrap();
        let answer = b.answer(&offer, Direction::SendRecv)?;
        a.take_answer(&answer)
    }

    /// MR-002, ST-038: offers follow the preference list and carry the public address.
    #[test]
    fn an_offer_says_what_the_profile_says() {
        let mut leg = leg(&profile(&["audio/PCMA", "audio/PCMU"]), Signalling::Insecure, 1);
        let offer = String::from_utf8(leg.offer(Direction::SendRecv).unwrap().to_vec()).unwrap();
        assert!(offer.contains("m=audio 10000 RTP/AVP 8 0 101\r\n"), "{offer}");
        assert!(offer.contains("c=IN IP4 192.0.2.1\r\n"), "{offer}");
    }

    /// MR-002: the second leg is offered the first one's codecs first, and the first is answered with what the second took.
    #[test]
    fn two_legs_meet_on_one_codec() {
        let mut caller = leg(&profile(&["audio/PCMA", "audio/PCMU"]), Signalling::Insecure, 1);
        let mut inbound = leg(&profile(&["audio/PCMU", "audio/PCMA"]), Signalling::Insecure, 2);
        let mut outbound = leg(&profile(&["audio/PCMU", "audio/PCMA"]), Signalling::Insecure, 3);
        let mut called = leg(&profile(&["audio/PCMU", "audio/PCMA"]), Signalling::Insecure, 4);
        let offer = caller.offer(Direction::SendRecv).unwrap();
        outbound.prefer(&inbound.examine(&offer).unwrap());
        agree(&mut outbound, &mut called).unwrap();
        inbound.prefer(&[outbound.session().unwrap().send.codec.clone()]);
        caller.take_answer(&inbound.answer(&offer, Direction::SendRecv).unwrap()).unwrap();
        let codec = |leg: &LegNegotiation| leg.session().unwrap().send.codec.encoding().to_owned();
        assert_eq!(codec(&inbound), codec(&outbound));
    }

    /// MR-006, ST-002, ES-35: SRTP is used over TLS, refused in the clear when it is required, and never silently dropped.
    #[test]
    fn srtp_follows_the_signalling() {
        let secure = profile(&["audio/PCMU"]);
        let required = LegProfile { srtp: SrtpPolicy::Required, ..secure.clone() };
        let (mut a, mut b) = (leg(&secure, Signalling::Secure, 1), leg(&required, Signalling::Secure, 2));
        agree(&mut a, &mut b).unwrap();
        assert!(matches!(a.session().unwrap().security, MediaSecurity::Sdes { .. }));
        let (mut a, mut b) = (leg(&secure, Signalling::Insecure, 1), leg(&required, Signalling::Insecure, 2));
        assert_eq!(agree(&mut a, &mut b), Err(Refusal::SrtpRequired));
        assert_eq!(b.offer(Direction::SendRecv), Err(OfferError::InsecureSignalling));
    }

    #[test]
    fn hold_is_seen_from_both_sides() {
        let profile = profile(&["audio/PCMU"]);
        let (mut a, mut b) = (leg(&profile, Signalling::Insecure, 1), leg(&profile, Signalling::Insecure, 2));
        agree(&mut a, &mut b).unwrap();
        assert!(!a.holds() && !b.peer_holds());
        let answer = b.answer(&a.hold().unwrap(), Direction::SendRecv).unwrap();
        a.take_answer(&answer).unwrap();
        assert!(a.holds() && b.peer_holds() && !a.peer_holds() && !b.holds());
        let answer = b.answer(&a.resume().unwrap(), Direction::SendRecv).unwrap();
        a.take_answer(&answer).unwrap();
        assert!(!a.holds() && !b.peer_holds());
    }

    /// MR-003, MR-013: digits go by events where negotiated, and only the signalling host is learned from.
    #[test]
    fn the_media_thread_is_told_whom_to_believe() {
        let events = profile(&["audio/PCMU"]);
        let in_band = LegProfile { dtmf: DtmfMethod::InBand, latch: Latching::Signalled, ..events.clone() };
        let (mut a, mut b) = (leg(&events, Signalling::Insecure, 1), leg(&in_band, Signalling::Insecure, 2));
        assert!(a.config().is_none());
        agree(&mut a, &mut b).unwrap();
        let (a, b) = (a.config().unwrap(), b.config().unwrap());
        assert_eq!((a.digits, b.digits), (Method::InBand, Method::InBand));
        assert_eq!(a.latch, LatchPolicy::LearnAfter { packets: 5, from: "198.51.100.7".parse().ok() });
        assert_eq!(b.latch, LatchPolicy::SignalledOnly);
    }
}
