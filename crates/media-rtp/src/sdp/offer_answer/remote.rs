//! The peer's audio section, read and checked.

use std::net::SocketAddr;

use super::super::attribute::{
    Candidate, Crypto, Direction, Fingerprint, Fmtp, IceOptions, IcePwd, IceUfrag, MaxPtime, Mid, Ptime,
    Rtcp, RtpMap, Setup, Ssrc,
};
use super::super::connection::Host;
use super::super::description::{Media, SessionDescription};
use super::super::section::Section;
use super::super::target::TargetPolicy;
use super::codec::Codec;
use super::config::{IceParameters, LocalMedia};
use super::payload_types::{COMFORT_NOISE, TELEPHONE_EVENT};
use super::refusal::Refusal;
use super::session::{Format, TelephoneEvent};

/// What the peer says about its audio.
pub(super) struct RemoteAudio<'a> {
    pub(super) media: &'a Media,
    /// `None` for the null address: nothing may be sent.
    pub(super) rtp: Option<SocketAddr>,
    pub(super) rtcp: Option<SocketAddr>,
    pub(super) rtcp_mux: bool,
    pub(super) direction: Direction,
    /// Codecs in the peer's order.
    pub(super) formats: Vec<Format>,
    pub(super) events: Vec<Format>,
    pub(super) comfort_noise: Vec<Format>,
    /// Dynamic payload types without `rtpmap`.
    pub(super) unmapped: Vec<u8>,
    pub(super) ptime: Option<u16>,
    pub(super) max_ptime: Option<u16>,
    pub(super) cryptos: Vec<Crypto>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) setup: Option<Setup>,
    pub(super) ice: Option<Box<IceParameters>>,
    pub(super) ssrcs: Vec<u32>,
    pub(super) mid: Option<Mid>,
}

impl<'a> RemoteAudio<'a> {
    pub(super) fn read(
        description: &'a SessionDescription,
        media: &'a Media,
        local: &LocalMedia,
        targets: &TargetPolicy,
    ) -> Result<Self, Refusal> {
        if !media.line().protocol.is_rtp() {
            return Err(Refusal::Transport(media.line().protocol.to_string()));
        }
        let (session, section) = (description.session(), media.section());
        let ice = local.ice.as_ref().and_then(|_| ice(session, section, targets)).map(Box::new);
        let rtp = rtp_target(description, media, local)?;
        let rtcp = rtp.and_then(|rtp| rtcp_target(section, rtp));
        // With ICE the address in c= is only a hint (RFC 8839 §4.2.1); the candidates are filtered instead.
        if ice.is_none() {
            rtp.iter().chain(&rtcp).try_for_each(|target| targets.check(*target))?;
        }
        let mut audio = Self {
            media,
            rtp,
            rtcp,
            rtcp_mux: section.has("rtcp-mux"),
            direction: Direction::of(section).or_else(|| Direction::of(session)).unwrap_or_default(),
            formats: Vec::new(),
            events: Vec::new(),
            comfort_noise: Vec::new(),
            unmapped: Vec::new(),
            ptime: section.attribute::<Ptime>().map(|Ptime(ms)| ms),
            max_ptime: section.attribute::<MaxPtime>().map(|MaxPtime(ms)| ms),
            cryptos: section.readable().collect(),
            fingerprints: fingerprints(session, section),
            setup: section.attribute().or_else(|| session.attribute()),
            ice,
            ssrcs: Vec::new(),
            mid: section.attribute(),
        };
        for Ssrc { id, .. } in section.readable() {
            if !audio.ssrcs.contains(&id) {
                audio.ssrcs.push(id);
            }
        }
        audio.read_formats();
        Ok(audio)
    }

    fn read_formats(&mut self) {
        let section = self.media.section();
        let maps: Vec<RtpMap> = section.readable().collect();
        let parameters: Vec<Fmtp> = section.readable().collect();
        let mut seen = [false; 128];
        for payload_type in self.media.line().payload_types() {
            if std::mem::replace(&mut seen[usize::from(payload_type)], true) {
                continue;
            }
            let fmtp =
                parameters.iter().find(|f| f.payload_type == payload_type).map(|f| f.parameters.clone());
            let mapped = maps
                .iter()
                .find(|m| m.payload_type == payload_type)
                .map(|map| Codec::mapped(&map.encoding, map.clock_rate, map.channels.unwrap_or(1)));
            let Some(mut codec) = mapped.or_else(|| without_rtpmap(payload_type)) else {
                self.unmapped.push(payload_type);
                continue;
            };
            codec.set_fmtp(fmtp);
            let is = |name: &str| codec.encoding().eq_ignore_ascii_case(name);
            let list = if is(TELEPHONE_EVENT) {
                &mut self.events
            } else if is(COMFORT_NOISE) {
                &mut self.comfort_noise
            } else {
                &mut self.formats
            };
            list.push(Format { payload_type, codec });
        }
    }

    /// The events that go with a codec: those of its clock rate, else of 8000 Hz, else the first.
    pub(super) fn events_for(&self, clock_rate: u32) -> Option<TelephoneEvent> {
        // RFC 4733 §2.1: events share the clock of the audio they replace; browsers also pair 48 kHz audio with 8 kHz.
        let of_rate = |rate| self.events.iter().find(|f| f.codec.clock_rate() == rate);
        let format = of_rate(clock_rate).or_else(|| of_rate(8000)).or(self.events.first())?;
        Some(TelephoneEvent { payload_type: format.payload_type, clock_rate: format.codec.clock_rate() })
    }

    /// The peer's codecs as text for a refusal.
    pub(super) fn codec_names(&self) -> String {
        let names: Vec<_> = self.formats.iter().take(16).map(|f| f.codec.to_string()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Milliseconds per packet to send: what the peer asks for, within what it accepts and what is sensible.
    pub(super) fn ptime(&self, own: u16) -> u16 {
        let wanted = self.ptime.unwrap_or(own);
        wanted.min(self.max_ptime.unwrap_or(u16::MAX)).clamp(10, 200)
    }
}

fn rtp_target(
    description: &SessionDescription,
    media: &Media,
    local: &LocalMedia,
) -> Result<Option<SocketAddr>, Refusal> {
    let connection = description.connection_of(media)?.ok_or(Refusal::NoConnection)?;
    let ip = match connection.host {
        Host::Ip(ip) => ip,
        // RFC 3264 §5.1 with RFC 4317: a name under .invalid is the IPv6 way to say "nowhere yet".
        Host::Name(name) if name.ends_with(".invalid") => return Ok(None),
        Host::Name(name) => return Err(Refusal::HostName(name)),
    };
    // RFC 3264 §8.4: the null address means that neither RTP nor RTCP may be sent.
    if ip.is_unspecified() {
        return Ok(None);
    }
    if ip.is_ipv4() != local.rtp.is_ipv4() {
        return Err(Refusal::AddressFamily(ip));
    }
    Ok(Some(SocketAddr::new(ip, media.line().port)))
}

// RFC 3605 §2.1: a=rtcp names port and perhaps address; otherwise RTCP goes to the next port.
fn rtcp_target(section: &Section, rtp: SocketAddr) -> Option<SocketAddr> {
    match section.attribute::<Rtcp>() {
        Some(Rtcp { port, host: Some(Host::Ip(ip)) }) => Some(SocketAddr::new(ip, port)),
        Some(Rtcp { port, host: _ }) => Some(SocketAddr::new(rtp.ip(), port)),
        None => rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port)),
    }
}

fn ice(session: &Section, section: &Section, targets: &TargetPolicy) -> Option<IceParameters> {
    let ufrag = section.attribute::<IceUfrag>().or_else(|| session.attribute())?;
    let pwd = section.attribute::<IcePwd>().or_else(|| session.attribute())?;
    let options = section.attribute::<IceOptions>().or_else(|| session.attribute());
    let permitted = |candidate: &Candidate| match candidate.host {
        Host::Ip(ip) => targets.check(SocketAddr::new(ip, candidate.port)).is_ok(),
        Host::Name(_) => true,
    };
    let candidates = section.readable().filter(permitted).collect();
    let options = options.map(|IceOptions(options)| options).unwrap_or_default();
    Some(IceParameters { ufrag, pwd, candidates, lite: session.has("ice-lite"), options })
}

fn fingerprints(session: &Section, section: &Section) -> Vec<Fingerprint> {
    // RFC 8122 §5: MD5 and older hashes prove nothing.
    let of =
        |section: &Section| section.readable().filter(|f: &Fingerprint| f.hash.starts_with("sha")).collect();
    let own: Vec<_> = of(section);
    if own.is_empty() { of(session) } else { own }
}

fn without_rtpmap(payload_type: u8) -> Option<Codec> {
    if payload_type == 13 {
        return Some(Codec::mapped(COMFORT_NOISE, 8000, 1));
    }
    Codec::of_static(payload_type)
}
