//! One packet on its way from leg to leg: numbered, transcoded or translated, protected.

use std::net::SocketAddr;
use std::time::Instant;

use super::leg::LegState;
use super::path::Route;
use super::splice::Numbers;
use super::{Component, LegId, Verdict};
use crate::dtmf::{EventPacket, Report};
use crate::rtp::{RtpHeaderMut, RtpPacket};
use crate::srtp::{MAX_OVERHEAD, UnprotectError};

/// The numbers in the header of an incoming packet.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    /// Octets before the payload.
    pub(super) before: usize,
    pub(super) payload: usize,
}

impl Header {
    pub(super) fn of(packet: &RtpPacket<'_>) -> Self {
        Self {
            payload_type: packet.payload_type(),
            marker: packet.marker(),
            sequence: packet.sequence(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            before: packet.header_len(),
            payload: packet.payload().len(),
        }
    }
}

/// An audio route.
#[derive(Clone, Copy)]
pub(super) struct Audio {
    pub(super) payload_type: u8,
    pub(super) same: bool,
    pub(super) transcoder: Option<u8>,
}

/// What the header of an outgoing packet says, and the length of the packet.
#[derive(Clone, Copy)]
pub(super) struct Prepared {
    payload_type: u8,
    marker: bool,
    numbers: Numbers,
    len: usize,
}

impl LegState {
    pub(super) fn stranger(&mut self, source: SocketAddr) -> Verdict {
        self.stats.wrong_source += 1;
        self.stats.last_wrong_source = Some(source);
        Verdict::Done
    }

    pub(super) fn refuse(&mut self, error: UnprotectError) -> Verdict {
        match error {
            UnprotectError::Authentication => self.stats.unauthentic += 1,
            UnprotectError::Malformed => self.stats.malformed += 1,
            UnprotectError::UnknownKey
            | UnprotectError::Replayed
            | UnprotectError::TooOld
            | UnprotectError::TooManySources
            | UnprotectError::KeyExpired
            | UnprotectError::ClearRtcp => self.stats.refused_srtp += 1,
        }
        Verdict::Done
    }

    /// Counts an accepted packet; says whether it ends an idle time.
    pub(super) fn accept(&mut self, header: &Header, route: Route, len: usize, now: Instant) -> bool {
        self.source = Some(header.ssrc);
        self.stats.received += 1;
        self.stats.received_octets += len as u64;
        if let Some(monitor) = &mut self.monitor {
            monitor.receive(header.sequence, header.timestamp, header.payload, now);
        }
        if matches!(route, Route::Audio { .. }) {
            self.stats.clock.note(header.ssrc, header.timestamp, now);
        }
        self.idle.as_mut().is_some_and(|idle| idle.heard(now))
    }

    /// Reads an event and masks it; says whether it may be passed on.
    pub(super) fn take_event(&mut self, header: &Header, buffer: &mut [u8], now: Instant) -> bool {
        let payload = &mut buffer[header.before..header.before + header.payload];
        let report =
            Report { ssrc: header.ssrc, timestamp: header.timestamp, marker: header.marker, payload };
        self.digits_in.handle_event(report, now);
        self.config.mask.is_none_or(|mask| mask.apply(payload))
    }

    pub(super) fn pass_audio(
        &mut self,
        to: &mut Self,
        header: &Header,
        audio: Audio,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Option<Prepared> {
        let numbers = self.number(to, header, header.timestamp, now);
        if let Some(event) = to.digits_out.packet(numbers.timestamp) {
            return to.write_event(event, header.before, numbers, buffer);
        }
        let marker = header.marker || numbers.spliced;
        let prepared = |len| Some(Prepared { payload_type: audio.payload_type, marker, numbers, len });
        let tones = to.tones_until.is_some_and(|until| now < until);
        let transcoder = audio.transcoder.and_then(|index| self.path.transcoders.get_mut(usize::from(index)));
        let Some(transcoder) = transcoder else { return prepared(len) };
        if audio.same && !tones && !self.path.listens {
            return prepared(len);
        }
        let end = header.before + header.payload;
        if !tones && !self.path.listens && transcoder.law_to_law(&mut buffer[header.before..end]) {
            self.stats.transcoded += 1;
            return prepared(len);
        }
        let Some(samples) = transcoder.decode(&buffer[header.before..end]) else {
            self.stats.unsendable += 1;
            to.splice.skip();
            return None;
        };
        if self.path.listens {
            self.digits_in.handle_audio(transcoder.heard(samples), now);
            if audio.same && !tones {
                return prepared(len);
            }
        }
        let room = buffer.len().saturating_sub(MAX_OVERHEAD).max(header.before);
        let Some(payload) = transcoder.encode(samples, &mut buffer[header.before..room], &mut to.digits_out)
        else {
            self.stats.unsendable += 1;
            to.splice.skip();
            return None;
        };
        self.stats.transcoded += 1;
        clear_padding(buffer);
        prepared(header.before + payload)
    }

    pub(super) fn pass_noise(
        &mut self,
        to: &mut Self,
        header: &Header,
        payload_type: Option<u8>,
        len: usize,
        now: Instant,
    ) -> Option<Prepared> {
        let numbers = self.number(to, header, header.timestamp, now);
        let Some(payload_type) = payload_type else {
            to.splice.skip();
            return None;
        };
        Some(Prepared { payload_type, marker: header.marker, numbers, len })
    }

    pub(super) fn pass_event(
        &mut self,
        to: &mut Self,
        header: &Header,
        permitted: bool,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Option<Prepared> {
        if let Some(payload_type) = self.path.events.filter(|_| permitted) {
            let numbers = self.number(to, header, header.timestamp, now);
            return Some(Prepared { payload_type, marker: header.marker, numbers, len });
        }
        // An event packet stands for a stretch of audio; a repeated one stands for nothing.
        let duration =
            buffer.get(header.before + 2..header.before + 4).map_or(0, |d| u16::from_be_bytes([d[0], d[1]]));
        let repeated =
            self.last_event.replace((header.timestamp, duration)) == Some((header.timestamp, duration));
        let at = header.timestamp.wrapping_add(u32::from(duration));
        let numbers = self.number(to, header, at, now);
        if !repeated && permitted {
            if let Some(event) = to.digits_out.packet(numbers.timestamp) {
                return to.write_event(event, header.before, numbers, buffer);
            }
            if to.tones_until.is_some_and(|until| now < until)
                && let Some(prepared) = self.tone_packet(to, header, numbers, buffer)
            {
                return Some(prepared);
            }
        }
        to.splice.skip();
        None
    }

    /// A packet of silence with the tones that are due, in place of an event packet.
    fn tone_packet(
        &mut self,
        to: &mut Self,
        header: &Header,
        numbers: Numbers,
        buffer: &mut [u8],
    ) -> Option<Prepared> {
        let (ptime, payload_type) = (self.config.session.ptime, to.config.session.send.payload_type);
        let room = buffer.len().saturating_sub(MAX_OVERHEAD).max(header.before);
        let transcoder = self.path.primary()?;
        let samples = transcoder.silence(ptime)?;
        let payload = transcoder.encode(samples, &mut buffer[header.before..room], &mut to.digits_out)?;
        clear_padding(buffer);
        Some(Prepared { payload_type, marker: numbers.spliced, numbers, len: header.before + payload })
    }

    fn write_event(
        &mut self,
        event: EventPacket,
        before: usize,
        numbers: Numbers,
        buffer: &mut [u8],
    ) -> Option<Prepared> {
        let payload_type = self.config.session.send_dtmf?.payload_type;
        let len = before + event.payload.len();
        buffer.get_mut(before..len)?.copy_from_slice(&event.payload);
        clear_padding(buffer);
        let numbers = Numbers { timestamp: event.timestamp, ..numbers };
        Some(Prepared { payload_type, marker: event.marker, numbers, len })
    }

    fn number(&self, to: &mut Self, header: &Header, timestamp: u32, now: Instant) -> Numbers {
        to.splice.number(header.ssrc, header.sequence, timestamp, self.path.clock_rate, now)
    }

    /// Writes the header and protects the packet.
    pub(super) fn send(
        &mut self,
        id: LegId,
        target: SocketAddr,
        prepared: Option<Prepared>,
        buffer: &mut [u8],
    ) -> Verdict {
        let Some(Prepared { payload_type, marker, numbers, len }) = prepared else { return Verdict::Done };
        let ssrc = self.splice.ssrc();
        let Ok(mut header) = RtpHeaderMut::parse(&mut buffer[..len]) else {
            self.stats.unsendable += 1;
            return Verdict::Done;
        };
        header.set_payload_type(payload_type);
        header.set_marker(marker);
        header.set_sequence(numbers.sequence);
        header.set_timestamp(numbers.timestamp);
        header.set_ssrc(ssrc);
        let Some(sealed) = self.security.seal_rtp(buffer, len) else {
            self.stats.unsendable += 1;
            return Verdict::Done;
        };
        self.stats.sent += 1;
        self.stats.sent_octets += len as u64;
        Verdict::Send { leg: id, component: Component::Rtp, to: target, len: sealed }
    }

    pub(super) fn rtcp_component(&self) -> Component {
        if self.config.session.rtcp_mux { Component::Rtp } else { Component::Rtcp }
    }
}

/// The payload was written anew, without padding.
fn clear_padding(buffer: &mut [u8]) {
    if let Some(first) = buffer.first_mut() {
        *first &= !0x20;
    }
}
