//! Our relay as a process of its own: this program started again with `serve`.
//!
//! One line per call on standard input, `A-PORT B-PORT` and for SDES the keys of A and of the relay in hexadecimal; the
//! answer is the relay's two ports. It ends with its input.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use std::time::Instant;

use media_rtp::Seed;
use media_rtp::driver::{MediaThreads, SocketOptions, ThreadsConfig};
use media_rtp::relay::{LegConfig, Relay, RelayConfig};
use media_rtp::sdp::MediaSession;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{Codec, Format, MediaSecurity, TelephoneEvent};
use media_rtp::srtp::MasterKey;

/// The child process.
pub(crate) struct OurRelay {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl OurRelay {
    pub(crate) fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("the child has no pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self { child, input, output })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bridges a call; returns where A and where B send.
    pub(crate) fn bridge(
        &mut self,
        a: u16,
        b: u16,
        keys: Option<(&[u8], &[u8])>,
    ) -> io::Result<(SocketAddr, SocketAddr)> {
        let hex = |bytes: &[u8]| bytes.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let keys = keys.map_or_else(String::new, |(of_a, ours)| format!(" {} {}", hex(of_a), hex(ours)));
        writeln!(self.input, "{a} {b}{keys}")?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut ports = line.split_whitespace().map(|port| port.parse().map_err(io::Error::other));
        let mut next = || ports.next().unwrap_or_else(|| Err(io::Error::other("the child did not answer")));
        Ok((
            SocketAddr::from((Ipv4Addr::LOCALHOST, next()?)),
            SocketAddr::from((Ipv4Addr::LOCALHOST, next()?)),
        ))
    }
}

impl Drop for OurRelay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child: reads calls, answers with ports, relays until its input ends.
pub(crate) fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let mut threads = MediaThreads::start(&ThreadsConfig::default())?;
    let options = SocketOptions::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (a, b, keys) = match fields[..] {
            [a, b] => (a.parse()?, b.parse()?, None),
            [a, b, theirs, ours] => (a.parse()?, b.parse()?, Some((key(ours)?, key(theirs)?))),
            _ => return Err("a call is two ports and perhaps two keys".into()),
        };
        let sockets: Vec<_> =
            (0..4).map(|_| options.bind((Ipv4Addr::LOCALHOST, 0).into())).collect::<io::Result<_>>()?;
        let address = |at: usize| sockets[at].local_addr();
        let security = match keys {
            Some((send, receive)) => MediaSecurity::Sdes { send: Box::new(send), receive: Box::new(receive) },
            None => MediaSecurity::Plain,
        };
        let leg_a = LegConfig::new(session([address(0)?, address(1)?], a, security));
        let leg_b = LegConfig::new(session([address(2)?, address(3)?], b, MediaSecurity::Plain));
        println!("{} {}", address(0)?.port(), address(2)?.port());
        let relay = Relay::new(RelayConfig::new(leg_a, leg_b), Seed([7; 32]), Instant::now())?;
        threads.open(sockets, relay)?;
    }
    Ok(())
}

fn key(hex: &str) -> Result<MasterKey, Box<dyn std::error::Error>> {
    let octets = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16));
    Ok(MasterKey::from_inline(crate::PROFILE, &octets.collect::<Result<Vec<_>, _>>()?)?)
}

/// What offer/answer would have agreed on: PCMU and telephone events, RTP and RTCP on ports of their own.
fn session([local_rtp, local_rtcp]: [SocketAddr; 2], remote: u16, security: MediaSecurity) -> MediaSession {
    let format = Format { payload_type: 0, codec: Codec::pcmu() };
    let events = Some(TelephoneEvent { payload_type: 101, clock_rate: 8000 });
    MediaSession {
        section: 0,
        local_rtp,
        local_rtcp,
        remote_rtp: Some((Ipv4Addr::LOCALHOST, remote).into()),
        remote_rtcp: Some((Ipv4Addr::LOCALHOST, remote + 1).into()),
        rtcp_mux: false,
        direction: Direction::SendRecv,
        send: format.clone(),
        receive: vec![format],
        send_dtmf: events,
        receive_dtmf: events,
        comfort_noise: None,
        ptime: 20,
        security,
        ice: None,
        ssrcs: Vec::new(),
    }
}
