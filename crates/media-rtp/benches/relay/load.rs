//! The load: G.711 streams in both directions of many calls, every 20 ms, counted and checked on arrival.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use media_rtp::driver::SocketOptions;
use media_rtp::rtp::{RtpBuilder, RtpPacket};
use media_rtp::srtp::{SrtpBackend, SrtpSession};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// The two ends of one call.
pub(crate) struct Ends {
    pub(crate) a: End,
    pub(crate) b: End,
}

/// One end: its socket, where it sends, and its protection.
pub(crate) struct End {
    pub(crate) socket: UdpSocket,
    pub(crate) to: SocketAddr,
    pub(crate) srtp: Option<SrtpSession>,
    ssrc: u32,
    sent: u16,
    received: u64,
}

/// What came of a load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Arrived, but damaged.
    pub(crate) wrong: u64,
}

/// Streams start spread over the 20 ms of a packet.
const PHASES: usize = 20;

const PAYLOAD: [u8; 160] = [0xD5; 160];

impl End {
    /// A socket with room for bursts; where to send is filled in later.
    pub(crate) fn open() -> io::Result<Self> {
        let options = SocketOptions { receive_buffer: 1 << 20, ..SocketOptions::default() };
        let socket = options.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let port = socket.local_addr()?.port();
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        Ok(Self { socket, to, srtp: None, ssrc: u32::from(port) << 8, sent: 0, received: 0 })
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    fn send(&mut self) -> bool {
        let mut packet = [0; 256];
        let builder = RtpBuilder::new(0, self.sent, u32::from(self.sent) * 160, self.ssrc).payload(&PAYLOAD);
        self.sent = self.sent.wrapping_add(1);
        let Ok(mut len) = builder.write(&mut packet) else { return false };
        if let Some(srtp) = &mut self.srtp {
            let Ok(protected) = srtp.protect_rtp(&mut packet, len) else { return false };
            len = protected;
        }
        self.socket.send_to(&packet[..len], self.to).is_ok()
    }

    /// Takes one packet; false when it is damaged.
    fn receive(&mut self) -> Option<bool> {
        let mut buffer = [0; 2048];
        let (mut len, _) = self.socket.recv_from(&mut buffer).ok()?;
        // RTCP the relay sends by itself is not part of the load.
        if (192..=223).contains(&buffer[1]) {
            return None;
        }
        self.received += 1;
        if let Some(srtp) = &mut self.srtp {
            match srtp.unprotect_rtp(&mut buffer[..len]) {
                Ok(plain) => len = plain,
                Err(_) => return Some(false),
            }
        }
        Some(RtpPacket::parse(&buffer[..len]).is_ok_and(|packet| packet.payload() == PAYLOAD))
    }
}

/// Sends for `duration` and collects for half a second more.
pub(crate) fn run(calls: &mut [Ends], duration: Duration) -> io::Result<Outcome> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (at, call) in (0_u64..).zip(calls.iter()) {
        for (side, end) in [(0, &call.a), (1, &call.b)] {
            epoll::add(&epoll, &end.socket, epoll::EventData::new_u64(at * 2 + side), epoll::EventFlags::IN)?;
        }
    }
    let mut outcome = Outcome::default();
    let mut ready = Vec::with_capacity(1024);
    let start = Instant::now();
    let mut tick = 0_u32;
    loop {
        let now = start.elapsed();
        if now >= duration + Duration::from_millis(500) {
            return Ok(outcome);
        }
        while now < duration && Duration::from_millis(tick.into()) <= now {
            let phase = tick as usize % PHASES;
            for call in calls.iter_mut().skip(phase).step_by(PHASES) {
                outcome.sent += u64::from(call.a.send()) + u64::from(call.b.send());
            }
            tick += 1;
        }
        ready.clear();
        let next = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let _ = epoll::wait(&epoll, spare_capacity(&mut ready), Some(&next));
        for event in &ready {
            let key = usize::try_from(event.data.u64()).unwrap_or(0);
            let call = &mut calls[key / 2];
            let end = if key.is_multiple_of(2) { &mut call.a } else { &mut call.b };
            if let Some(intact) = end.receive() {
                outcome.received += 1;
                outcome.wrong += u64::from(!intact);
            }
        }
    }
}
