//! Offer/answer (RFC 3264) for the audio of a call, as a value without I/O.

mod codec;
mod config;
mod payload_types;
mod refusal;
mod remote;
mod sdes;
mod security;
mod session;
mod write;

pub use codec::{Codec, CodecError};
pub use config::{
    Dtmf, DynamicPayloadType, IceParameters, LocalMedia, MediaConfig, NotDynamic, Signalling, SrtpPolicy,
};
pub use refusal::Refusal;
pub use session::{DtlsRole, Format, MediaSecurity, MediaSession, TelephoneEvent};

use std::sync::Arc;

use rand_core::RngCore as _;
use thiserror::Error;

use super::attribute::{Direction, Fingerprint, Group, Mid};
use super::connection::Connection;
use super::description::{Digest, Media, SessionDescription};
use super::line::Line;
use super::media_line::MediaLine;
use super::origin::Origin;
use crate::Seed;
use payload_types::{COMFORT_NOISE, PayloadTypes, TELEPHONE_EVENT};
use remote::RemoteAudio;
use sdes::LocalKeys;
use security::SecurityOffer;
use write::AudioSection;

/// One side of an offer/answer exchange, for as long as the dialog lasts.
///
/// ```text
///            offer() ──► HaveLocalOffer ──► process_answer() ──► MediaSession
///  Stable ──┤                        └────► rollback()           (488, 491, CANCEL)
///            answer(offer) ──► SessionDescription + MediaSession, or Refusal (488 + Warning)
/// ```
///
/// A call has one audio stream; further streams of an offer are refused with port 0 and kept in their place.
/// Cloning serves forked answers: clone before the answer, and let [`Self::rekey`] and re-offer follow on the branch that
/// wins, because all branches know the offered key.
#[derive(Debug, Clone)]
pub struct OfferAnswer {
    /// Shared by all sides that can do the same.
    config: Arc<MediaConfig>,
    local: LocalMedia,
    origin_id: u64,
    version: u64,
    payload_types: PayloadTypes,
    keys: LocalKeys,
    sections: Sections,
    /// Our last description and the last answer taken, to know a repeat of either.
    sent: Option<Digest>,
    answered_by: Option<Digest>,
    /// What holds now, as far as later descriptions depend on it, and all of it.
    agreement: Option<Agreement>,
    session: Option<Box<MediaSession>>,
    pending: Option<Box<PendingOffer>>,
    peer_codecs: Box<[Codec]>,
}

/// What a side remembers of an agreement even when it has given the session away.
#[derive(Debug, Clone)]
struct Agreement {
    direction: Direction,
    codec: Codec,
    dtls: Option<Box<(Vec<Fingerprint>, DtlsRole)>>,
}

impl Agreement {
    fn of(session: &MediaSession) -> Self {
        let dtls = match &session.security {
            MediaSecurity::Dtls { fingerprints, role } => Some(Box::new((fingerprints.clone(), *role))),
            MediaSecurity::Plain | MediaSecurity::Sdes { .. } => None,
        };
        Self { direction: session.direction, codec: session.send.codec.clone(), dtls }
    }
}

/// The media sections of the last agreed description: where the audio is, and those that are refused around it.
#[derive(Debug, Clone, Default)]
struct Sections {
    audio: usize,
    mid: Option<Mid>,
    refused: Box<[Refused]>,
}

/// A section without media: its `m=` line, and its identifier in a bundle.
type Refused = (MediaLine, Option<Mid>);

impl Sections {
    fn of(description: &SessionDescription, audio: usize) -> Self {
        let media = description.media();
        let refused = media.iter().enumerate().filter(|(at, _)| *at != audio);
        Self {
            audio,
            mid: media.get(audio).and_then(|media| media.section().attribute()),
            refused: refused.map(|(_, m)| (m.line().clone(), m.section().attribute())).collect(),
        }
    }

    /// What each section is for, in lower case.
    fn kinds(&self) -> impl Iterator<Item = String> {
        let (before, after) = self.around_audio();
        let kind = |(line, _): &Refused| line.media.to_ascii_lowercase();
        before.iter().map(kind).chain(["audio".to_owned()]).chain(after.iter().map(kind))
    }

    /// Those before the audio, and those after it.
    fn around_audio(&self) -> (&[Refused], &[Refused]) {
        self.refused.split_at(self.audio.min(self.refused.len()))
    }
}

/// An offer that was made and not answered.
#[derive(Debug, Clone)]
struct PendingOffer {
    sections: Sections,
    formats: Vec<Format>,
    events: Vec<Format>,
    comfort_noise: Option<u8>,
    security: SecurityOffer,
    direction: Direction,
}

/// Why no offer can be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OfferError {
    /// An offer is already out (RFC 3264 §4).
    #[error("an own offer is unanswered; wait for the answer or roll back")]
    Unanswered,
    /// SRTP is required, and keys must not travel over this signalling.
    #[error("SRTP is required and the signalling is not encrypted; use TLS")]
    InsecureSignalling,
    /// The codec list is empty.
    #[error("no codec is configured")]
    NoCodec,
}

/// An answer to send, and what it agrees on.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body for the response.
    pub description: SessionDescription,
    /// What now holds.
    pub session: MediaSession,
}

impl OfferAnswer {
    /// A side that has not talked yet. Session id and keys come from the seed.
    #[must_use]
    pub fn new(config: impl Into<Arc<MediaConfig>>, local: LocalMedia, seed: Seed) -> Self {
        let mut rng = seed.into_rng();
        // RFC 3264 §5: the id and version fit a 62 bit signed number.
        let origin_id = rng.next_u64() >> 2;
        let mut of_keys = Seed([0; 32]);
        rng.fill_bytes(&mut of_keys.0);
        Self {
            config: config.into(),
            local,
            origin_id,
            version: 1,
            payload_types: PayloadTypes::default(),
            keys: LocalKeys::new(of_keys),
            sections: Sections::default(),
            sent: None,
            answered_by: None,
            agreement: None,
            session: None,
            pending: None,
            peer_codecs: Box::default(),
        }
    }

    /// Makes an offer, first or later: `direction` is what this side wants.
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn offer(
        &mut self,
        direction: Direction,
        signalling: Signalling,
    ) -> Result<SessionDescription, OfferError> {
        if self.pending.is_some() {
            return Err(OfferError::Unanswered);
        }
        let security = self.offer_security(signalling)?;
        let formats = self.offered_formats();
        if formats.is_empty() {
            return Err(OfferError::NoCodec);
        }
        let events = self.offered_events(&formats);
        let comfort_noise = self.offered_comfort_noise();
        let all: Vec<_> = formats.iter().chain(&comfort_noise).chain(&events).cloned().collect();
        let mid = self.sections.mid.clone();
        let mut description = self.description("0 0");
        if let Some(mid) = &mid {
            description
                .session_mut()
                .add(&Group { semantics: "BUNDLE".to_owned(), mids: vec![mid.0.clone()] });
        }
        let audio = AudioSection {
            protocol: security.protocol.clone(),
            formats: &all,
            direction,
            rtcp_mux: self.config.rtcp_mux,
            cryptos: security.cryptos.iter().map(|(tag, key)| sdes::line(*tag, key)).collect(),
            setup: security.setup,
            mid,
        };
        let (before, after) = self.sections.around_audio();
        before.iter().for_each(|(line, mid)| write::refused(&mut description, line, mid.as_ref()));
        audio.write(&mut description, &self.config, &self.local);
        after.iter().for_each(|(line, mid)| write::refused(&mut description, line, mid.as_ref()));
        let comfort_noise = comfort_noise.map(|f| f.payload_type);
        let sections = Sections::of(&description, self.sections.audio);
        let pending = PendingOffer { sections, formats, events, comfort_noise, security, direction };
        self.pending = Some(Box::new(pending));
        Ok(self.stamp(description))
    }

    /// Offers to put the peer on hold: `sendonly`, or `inactive` where this side only received (RFC 3264 §8.4).
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn hold(&mut self, signalling: Signalling) -> Result<SessionDescription, OfferError> {
        let sends = self.direction().is_none_or(Direction::sends);
        self.offer(if sends { Direction::SendOnly } else { Direction::Inactive }, signalling)
    }

    /// Offers to talk again: `sendrecv`.
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn resume(&mut self, signalling: Signalling) -> Result<SessionDescription, OfferError> {
        self.offer(Direction::SendRecv, signalling)
    }

    /// Answers an offer: `direction` is what this side wants, and is cut to what the peer allows.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing has changed then, and the earlier session goes on.
    pub fn answer(
        &mut self,
        offer: &SessionDescription,
        direction: Direction,
        signalling: Signalling,
    ) -> Result<Answer, Refusal> {
        if self.pending.is_some() {
            return Err(Refusal::Glare);
        }
        let mut first_refusal = None;
        for index in self.audio_sections(offer, signalling) {
            let mut trial = self.clone();
            match trial.answer_section(offer, index, direction, signalling) {
                Ok(answer) => {
                    *self = trial;
                    return Ok(answer);
                }
                Err(refusal) => first_refusal = first_refusal.or(Some(refusal)),
            }
        }
        Err(first_refusal.unwrap_or(Refusal::NoAudio))
    }

    /// The codecs of an offer, in its order, without answering it.
    ///
    /// # Errors
    /// The [`Refusal`] that [`Self::answer`] would end in.
    pub fn examine(&self, offer: &SessionDescription, signalling: Signalling) -> Result<Vec<Codec>, Refusal> {
        if self.pending.is_some() {
            return Err(Refusal::Glare);
        }
        let mut first_refusal = None;
        for index in self.audio_sections(offer, signalling) {
            match self.examine_section(offer, index, signalling) {
                Ok(remote) => return Ok(remote.formats.into_iter().map(|format| format.codec).collect()),
                Err(refusal) => first_refusal = first_refusal.or(Some(refusal)),
            }
        }
        Err(first_refusal.unwrap_or(Refusal::NoAudio))
    }

    /// Takes the answer to the own offer. The same answer again (18x, then 200) gives the same session.
    ///
    /// # Errors
    /// A [`Refusal`]; the offer is withdrawn then, and the earlier session goes on. A repeat is refused when the session was
    /// [given away](Self::release_session) in between.
    pub fn process_answer(
        &mut self,
        answer: &SessionDescription,
        signalling: Signalling,
    ) -> Result<MediaSession, Refusal> {
        let Some(pending) = self.pending.take() else {
            let repeated = self.answered_by == Some(answer.digest());
            return self.session().cloned().filter(|_| repeated).ok_or(Refusal::NothingOffered);
        };
        let session = self.accept(&pending, answer, signalling)?;
        self.sections = pending.sections;
        self.answered_by = Some(answer.digest());
        Ok(session)
    }

    /// Withdraws the own offer after it was refused; the earlier session goes on.
    pub fn rollback(&mut self) {
        self.pending = None;
    }

    /// What holds now; `None` before the first agreement, and once it is [given away](Self::release_session).
    #[must_use]
    pub fn session(&self) -> Option<&MediaSession> {
        self.session.as_deref()
    }

    /// Gives what holds now to whoever carries the media, and keeps only what later descriptions depend on: a call lasts much longer
    /// than its negotiation.
    pub fn release_session(&mut self) -> Option<Box<MediaSession>> {
        self.session.take()
    }

    /// Which way media flows now, seen from this side; `None` before the first agreement.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.agreement.as_ref().map(|agreement| agreement.direction)
    }

    /// What this side sends now; `None` before the first agreement.
    #[must_use]
    pub fn codec(&self) -> Option<&Codec> {
        self.agreement.as_ref().map(|agreement| &agreement.codec)
    }

    /// The codecs of the peer's last description that was accepted, in its order; also those that were not chosen.
    #[must_use]
    pub fn peer_codecs(&self) -> &[Codec] {
        &self.peer_codecs
    }

    /// Whether an own offer waits for its answer.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// New SDES keys with the next offer or answer.
    pub fn rekey(&mut self) {
        self.keys.forget();
    }

    /// Puts these codecs first, those of them that are configured: what the other side of a call speaks needs no transcoding.
    pub fn prefer(&mut self, codecs: &[Codec]) {
        let rank =
            |codec: &Codec| codecs.iter().position(|other| other.matches(codec)).unwrap_or(codecs.len());
        if !self.config.codecs.is_sorted_by_key(rank) {
            Arc::make_mut(&mut self.config).codecs.sort_by_key(rank);
        }
    }

    /// Moves this side's media, from the next offer or answer on.
    pub fn relocate(&mut self, local: LocalMedia) {
        self.local = local;
    }

    /// The audio sections worth trying, best first: where SRTP can be had, secure ones go before plain ones.
    fn audio_sections(&self, offer: &SessionDescription, signalling: Signalling) -> Vec<usize> {
        let active = |media: &Media| media.line().is_audio() && media.line().port != 0;
        let mut indexes: Vec<_> = (0..offer.media().len()).filter(|i| active(&offer.media()[*i])).collect();
        let prefer_secure = self.config.srtp != SrtpPolicy::Off && signalling == Signalling::Secure;
        let later = |i: &usize| offer.media()[*i].line().protocol.is_secure() != prefer_secure;
        indexes.sort_by_key(|i| (self.agreement.is_none() || *i != self.sections.audio, later(i), *i));
        indexes
    }

    fn examine_section<'o>(
        &self,
        offer: &'o SessionDescription,
        index: usize,
        signalling: Signalling,
    ) -> Result<RemoteAudio<'o>, Refusal> {
        let remote = RemoteAudio::read(offer, &offer.media()[index], &self.local, &self.config.targets)?;
        self.choose(&remote)?;
        // An answer may make a key; this one makes none that lasts.
        self.answer_security(&mut self.keys.clone(), &remote, signalling)?;
        Ok(remote)
    }

    fn answer_section(
        &mut self,
        offer: &SessionDescription,
        index: usize,
        wanted: Direction,
        signalling: Signalling,
    ) -> Result<Answer, Refusal> {
        let media = &offer.media()[index];
        let remote = RemoteAudio::read(offer, media, &self.local, &self.config.targets)?;
        let (send, own) = self.choose(&remote)?;
        let mut keys = self.keys.clone();
        let (security, lines) = self.answer_security(&mut keys, &remote, signalling)?;
        self.keys = keys;
        for format in remote.formats.iter().chain(&remote.events).chain(&remote.comfort_noise) {
            self.payload_types.learn(format);
        }
        let dtmf = match self.config.dtmf {
            Dtmf::RtpEvents(_) => remote.events_for(send.codec.clock_rate()),
            Dtmf::InBand => None,
        };
        let comfort_noise = if self.config.comfort_noise { comfort_noise(&remote, &send) } else { None };
        let mut formats = vec![own.clone()];
        formats.extend(comfort_noise.clone());
        formats.extend(dtmf.map(|event| events_format(event.payload_type, event.clock_rate)));
        // RFC 3264 §6.1: what the peer only sends we only receive, and the other way round.
        let direction = wanted.and(remote.direction.reversed()).and(reachable(&remote));
        let rtcp_mux = remote.rtcp_mux && self.config.rtcp_mux;

        let mut description = self.description(&times(offer));
        if let Some(group) = bundle(offer, remote.mid.as_ref()) {
            description.session_mut().add(&group);
        }
        for (at, offered) in offer.media().iter().enumerate() {
            if at == index {
                let (protocol, mid) = (media.line().protocol.clone(), remote.mid.clone());
                let cryptos = lines.crypto.iter().cloned().collect();
                let setup = lines.setup;
                let audio =
                    AudioSection { protocol, formats: &formats, direction, rtcp_mux, cryptos, setup, mid };
                audio.write(&mut description, &self.config, &self.local);
            } else {
                write::refused(&mut description, offered.line(), offered.section().attribute().as_ref());
            }
        }
        self.sections = Sections::of(&description, index);
        let cn = comfort_noise.map(|f| (f.payload_type, f.payload_type));
        let agreed =
            Agreed { send, receive: vec![own], dtmf: (dtmf, dtmf), cn, direction, rtcp_mux, security };
        let session = self.agree(agreed, &remote);
        self.answered_by = None;
        Ok(Answer { description: self.stamp(description), session })
    }

    /// The best codec of ours that the peer has: as the peer writes it, and as we do.
    fn choose(&self, remote: &RemoteAudio<'_>) -> Result<(Format, Format), Refusal> {
        let common = self.config.codecs.iter().find_map(|codec| {
            let format = remote.formats.iter().find(|format| format.codec.matches(codec))?;
            Some((format.clone(), Format { payload_type: format.payload_type, codec: codec.clone() }))
        });
        common.ok_or_else(|| Refusal::NoCommonCodec { offered: remote.codec_names() })
    }

    fn accept(
        &mut self,
        pending: &PendingOffer,
        answer: &SessionDescription,
        signalling: Signalling,
    ) -> Result<MediaSession, Refusal> {
        // RFC 3264 §6: an answer has as many m= lines as the offer, in the same order.
        let answered = answer.media().iter().map(|media| media.line().media.to_ascii_lowercase());
        if !pending.sections.kinds().eq(answered) {
            return Err(Refusal::Mismatch);
        }
        let media = &answer.media()[self.sections.audio];
        if media.line().port == 0 {
            return Err(Refusal::StreamRefused);
        }
        let remote = RemoteAudio::read(answer, media, &self.local, &self.config.targets)?;
        let security = self.accept_security(&pending.security, &remote, signalling)?;
        let offered = |codec: &Codec| pending.formats.iter().find(|f| f.codec.matches(codec));
        let mut common: Vec<(Format, Format)> = remote
            .formats
            .iter()
            .filter_map(|theirs| Some((theirs.clone(), offered(&theirs.codec)?.clone())))
            .collect();
        // Some peers leave out the rtpmap of what they were offered under that very number.
        let unmapped =
            remote.unmapped.iter().filter_map(|pt| pending.formats.iter().find(|f| f.payload_type == *pt));
        common.extend(unmapped.map(|ours| (ours.clone(), ours.clone())));
        let Some((send, _)) = common.first().cloned() else {
            return Err(Refusal::NoCommonCodec { offered: remote.codec_names() });
        };
        let send_dtmf = remote.events_for(send.codec.clock_rate()).filter(|_| !pending.events.is_empty());
        let receive_dtmf = send_dtmf.and_then(|event| {
            let of_rate = pending.events.iter().find(|f| f.codec.clock_rate() == event.clock_rate);
            let format = of_rate.or(pending.events.first())?;
            Some(TelephoneEvent { payload_type: format.payload_type, clock_rate: format.codec.clock_rate() })
        });
        let cn =
            comfort_noise(&remote, &send).zip(pending.comfort_noise).map(|(f, own)| (f.payload_type, own));
        let mut receive: Vec<_> = common.into_iter().map(|(_, ours)| ours).collect();
        receive.shrink_to_fit();
        let agreed = Agreed {
            send,
            receive,
            dtmf: (send_dtmf, receive_dtmf),
            cn,
            direction: pending.direction.and(remote.direction.reversed()).and(reachable(&remote)),
            rtcp_mux: remote.rtcp_mux && self.config.rtcp_mux,
            security,
        };
        Ok(self.agree(agreed, &remote))
    }

    fn agree(&mut self, agreed: Agreed, remote: &RemoteAudio<'_>) -> MediaSession {
        let Agreed { send, receive, dtmf: (send_dtmf, receive_dtmf), cn, direction, rtcp_mux, security } =
            agreed;
        let session = MediaSession {
            section: self.sections.audio,
            local_rtp: self.local.rtp,
            local_rtcp: if rtcp_mux { self.local.rtp } else { self.local.rtcp },
            remote_rtp: remote.rtp,
            remote_rtcp: if rtcp_mux { remote.rtp } else { remote.rtcp },
            rtcp_mux,
            direction,
            send,
            receive,
            send_dtmf,
            receive_dtmf,
            comfort_noise: cn,
            ptime: remote.ptime(self.config.ptime),
            security,
            ice: remote.ice.clone(),
            ssrcs: remote.ssrcs.clone(),
        };
        self.agreement = Some(Agreement::of(&session));
        self.session = Some(Box::new(session.clone()));
        self.peer_codecs = remote.formats.iter().map(|format| format.codec.clone()).collect();
        self.payload_types.shrink();
        session
    }

    fn offered_formats(&mut self) -> Vec<Format> {
        let types = &mut self.payload_types;
        let assign = |codec: &Codec| {
            let payload_type = types.assign(codec, codec.static_payload_type())?;
            Some(Format { payload_type, codec: codec.clone() })
        };
        self.config.codecs.iter().filter_map(assign).collect()
    }

    /// One `telephone-event` per clock rate of the codecs (RFC 4733 §2.1).
    fn offered_events(&mut self, formats: &[Format]) -> Vec<Format> {
        let Dtmf::RtpEvents(preferred) = self.config.dtmf else { return Vec::new() };
        let mut events: Vec<Format> = Vec::new();
        for rate in formats.iter().map(|format| format.codec.clock_rate()) {
            if events.iter().any(|event| event.codec.clock_rate() == rate) {
                continue;
            }
            let codec = Codec::mapped(TELEPHONE_EVENT, rate, 1);
            let assigned = self.payload_types.assign(&codec, Some(preferred.into()));
            events.extend(assigned.map(|payload_type| events_format(payload_type, rate)));
        }
        events
    }

    fn offered_comfort_noise(&mut self) -> Option<Format> {
        let codec = self.config.comfort_noise.then(|| Codec::mapped(COMFORT_NOISE, 8000, 1))?;
        let payload_type = self.payload_types.assign(&codec, Some(13))?;
        Some(Format { payload_type, codec })
    }

    fn description(&self, times: &str) -> SessionDescription {
        let connection = Connection::ip(self.local.rtp.ip());
        let mut description = SessionDescription::new(&self.origin(), &connection);
        description.session_mut().set_line(b't', times);
        if self.local.ice.as_ref().is_some_and(|ice| ice.lite) {
            description.session_mut().add_attribute("ice-lite", None);
        }
        description
    }

    fn origin(&self) -> Origin {
        Origin {
            user: "-".to_owned(),
            session_id: self.origin_id.to_string(),
            version: self.version.to_string(),
            address_type: if self.local.rtp.is_ipv4() { "IP4" } else { "IP6" }.to_owned(),
            address: self.local.rtp.ip().to_string(),
        }
    }

    // RFC 3264 §8: the version goes up by one when the description changes, and stays when it does not.
    fn stamp(&mut self, mut description: SessionDescription) -> SessionDescription {
        if self.sent.is_some_and(|sent| sent != description.digest()) {
            self.version += 1;
            description.set_origin(&self.origin());
        }
        self.sent = Some(description.digest());
        description
    }
}

/// The parts of a session that differ between answering and being answered.
struct Agreed {
    send: Format,
    receive: Vec<Format>,
    dtmf: (Option<TelephoneEvent>, Option<TelephoneEvent>),
    cn: Option<(u8, u8)>,
    direction: Direction,
    rtcp_mux: bool,
    security: MediaSecurity,
}

fn events_format(payload_type: u8, clock_rate: u32) -> Format {
    Format { payload_type, codec: Codec::mapped(TELEPHONE_EVENT, clock_rate, 1).with_fmtp("0-16") }
}

fn comfort_noise(remote: &RemoteAudio<'_>, send: &Format) -> Option<Format> {
    remote.comfort_noise.iter().find(|f| f.codec.clock_rate() == send.codec.clock_rate()).cloned()
}

/// What is possible towards the peer's address: nothing can be sent to the null address.
fn reachable(remote: &RemoteAudio<'_>) -> Direction {
    Direction::new(remote.rtp.is_some() || remote.ice.is_some(), true)
}

/// RFC 3264 §6: the `t=` of an answer equals that of the offer; copied as text, never evaluated.
fn times(offer: &SessionDescription) -> String {
    offer.session().find(b't').map_or_else(|| "0 0".to_owned(), |line: &Line| line.text().into_owned())
}

/// RFC 9143 §7.3: the answer's bundle group holds the offered sections that are accepted.
fn bundle(offer: &SessionDescription, mid: Option<&Mid>) -> Option<Group> {
    let mid = mid?;
    let offered = offer.session().readable::<Group>();
    let mut bundles = offered.filter(|g| g.semantics == "BUNDLE" && g.mids.contains(&mid.0));
    bundles.next().map(|group| Group { mids: vec![mid.0.clone()], ..group })
}
