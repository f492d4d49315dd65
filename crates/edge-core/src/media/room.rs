//! Who hears whom: a leg and another, or a leg and the voice that speaks to it while it is alone.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use media_rtp::relay::{LegConfig, LegId, Relay};
use media_rtp::sdp::MediaSession;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{MediaSecurity, TelephoneEvent};

/// Two sides joined by a relay.
pub(super) struct Room {
    pub(super) relay: Relay,
    pub(super) sides: [Side; 2],
}

/// One side of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// This leg of the call.
    Leg(usize),
    /// Nobody: what is played to the other side comes from here.
    Voice,
}

impl Room {
    pub(super) fn side(&self, id: LegId) -> Side {
        self.sides[id as usize]
    }
}

/// Where the voice seems to be. Nothing is ever sent there.
pub(super) const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// The voice's side of a room with this leg: it speaks what the leg sends on, and takes what the leg gets.
pub(super) fn voice_for(leg: &MediaSession) -> LegConfig {
    let receive = leg.receive.first().unwrap_or(&leg.send);
    // Any number that is not the audio's: it keeps the relay from listening for digits in what is played.
    let payload_type = if leg.send.payload_type == 127 { 126 } else { 127 };
    let events = TelephoneEvent { payload_type, clock_rate: leg.send.codec.clock_rate() };
    LegConfig::new(MediaSession {
        section: 0,
        local_rtp: NOWHERE,
        local_rtcp: NOWHERE,
        remote_rtp: Some(NOWHERE),
        remote_rtcp: Some(NOWHERE),
        rtcp_mux: true,
        direction: Direction::SendRecv,
        send: receive.clone(),
        receive: vec![leg.send.clone()],
        send_dtmf: Some(leg.receive_dtmf.unwrap_or(events)),
        receive_dtmf: Some(events),
        comfort_noise: None,
        ptime: leg.ptime,
        security: MediaSecurity::Plain,
        ice: None,
        ssrcs: Vec::new(),
    })
}
