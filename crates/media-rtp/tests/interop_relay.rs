//! Ten seconds of audio sent by ffmpeg through our relay on real sockets, and compared with what should arrive.
//!
//! Needs the Debian package ffmpeg; without it the tests say so and pass. Loopback only, free ports, bounded waits.

#![cfg(all(feature = "driver", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and interop runs in real time"
)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_rtp::Seed;
use media_rtp::codec::g711;
use media_rtp::driver::{CallId, MediaThreads, SocketOptions, ThreadsConfig};
use media_rtp::relay::{LatchPolicy, LegConfig, LegId, Relay, RelayConfig};
use media_rtp::rtp::{RtpBuilder, RtpPacket};
use media_rtp::sdp::MediaSession;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{Codec, Format, MediaSecurity, TelephoneEvent};
use media_rtp::srtp::{MasterKey, SrtpConfig, SrtpProfile, SrtpReceiver};
use media_rtp::wav::{self, Audio};

const PROFILE: SrtpProfile = SrtpProfile::AesCm128HmacSha1_80;
const SECONDS: usize = 10;
const SAMPLES: usize = SECONDS * 8000;
const PATIENCE: Duration = Duration::from_secs(20);
const PEER_KEY: [u8; 30] = [0x31; 30];
const RELAY_KEY: [u8; 30] = [0x32; 30];

/// A tone that glides over the telephone band under slow noise: every code of G.711 occurs.
fn audio() -> Vec<i16> {
    let mut noise = 0x2545_F491_u32;
    let mut phase = 0.0_f32;
    (0..SAMPLES)
        .map(|at| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let seconds = at as f32 / 8000.0;
            phase += std::f32::consts::TAU * (200.0 + 300.0 * seconds) / 8000.0;
            let level = 0.02 + 0.9 * (seconds * 0.7).sin().abs();
            (phase.sin() * level * 32_000.0) as i16 / 2 * 2 + (noise >> 30) as i16
        })
        .collect()
}

/// A file of its own for each test.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-relay-{}-{name}", std::process::id()))
}

fn ffmpeg_is_here() -> bool {
    let here =
        Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !here {
        eprintln!("skipped: ffmpeg is not installed here");
    }
    here
}

fn ffmpeg(arguments: &[&str]) -> Child {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// Waits for a child and kills it when it takes too long.
fn finish(mut child: Child) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "ffmpeg failed: {status}");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("ffmpeg did not end in {PATIENCE:?}");
}

#[derive(Clone, Copy)]
enum Law {
    Mu,
    A,
}

impl Law {
    fn format(self) -> Format {
        match self {
            Law::Mu => Format { payload_type: 0, codec: Codec::pcmu() },
            Law::A => Format { payload_type: 8, codec: Codec::pcma() },
        }
    }

    fn encoder(self) -> &'static str {
        match self {
            Law::Mu => "pcm_mulaw",
            Law::A => "pcm_alaw",
        }
    }

    fn raw(self) -> &'static str {
        match self {
            Law::Mu => "mulaw",
            Law::A => "alaw",
        }
    }
}

fn session(local: [SocketAddr; 2], remote: SocketAddr, law: Law, secured: bool) -> MediaSession {
    let key = |octets: &[u8]| Box::new(MasterKey::from_inline(PROFILE, octets).unwrap());
    let security = match secured {
        true => MediaSecurity::Sdes { send: key(&RELAY_KEY), receive: key(&PEER_KEY) },
        false => MediaSecurity::Plain,
    };
    let events = Some(TelephoneEvent { payload_type: 101, clock_rate: 8000 });
    MediaSession {
        section: 0,
        local_rtp: local[0],
        local_rtcp: local[1],
        remote_rtp: Some(remote),
        remote_rtcp: Some(SocketAddr::new(remote.ip(), remote.port().wrapping_add(1))),
        rtcp_mux: false,
        direction: Direction::SendRecv,
        send: law.format(),
        receive: vec![law.format()],
        send_dtmf: events,
        receive_dtmf: events,
        comfort_noise: None,
        ptime: 20,
        security,
        ice: None,
        ssrcs: Vec::new(),
    }
}

/// Sockets for RTP on an even port and RTCP on the next: ffmpeg sends RTCP there unasked.
fn pair() -> [UdpSocket; 2] {
    let options = SocketOptions { receive_buffer: 1 << 20, ..SocketOptions::default() };
    loop {
        let rtp = options.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = rtp.local_addr().unwrap();
        if address.port().is_multiple_of(2)
            && let Ok(rtcp) = options.bind(SocketAddr::new(address.ip(), address.port() + 1))
        {
            return [rtp, rtcp];
        }
    }
}

/// A relay between A, whose address is learned, and B at `to`. Returns where A sends, and the handle that keeps it alive.
fn relay(a: (Law, bool), b: (Law, bool), to: SocketAddr) -> (SocketAddr, MediaThreads<Relay>, CallId) {
    let mut threads = MediaThreads::start(&ThreadsConfig::default()).unwrap();
    let sockets: Vec<_> = pair().into_iter().chain(pair()).collect();
    let at: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
    // A's description names a port nobody sends from, as behind a NAT.
    let leg_a = LegConfig::new(session([at[0], at[1]], (Ipv4Addr::LOCALHOST, 9).into(), a.0, a.1))
        .with_latch(LatchPolicy::LearnAfter { packets: 1, from: None });
    let leg_b = LegConfig::new(session([at[2], at[3]], to, b.0, b.1));
    let relay = Relay::new(RelayConfig::new(leg_a, leg_b), Seed([9; 32]), Instant::now()).unwrap();
    let call = threads.open(sockets, relay).unwrap();
    (at[0], threads, call)
}

/// Sends `file` with ffmpeg to `to`, in real time, 20 ms per packet.
fn play(file: &Path, to: SocketAddr, law: Law, secured: bool) -> Child {
    let file = file.to_str().unwrap();
    let key = STANDARD.encode(PEER_KEY);
    // SRTP keeps 14 octets of the packet size for itself.
    let url = match secured {
        true => format!("srtp://{to}?pkt_size=186"),
        false => format!("rtp://{to}?pkt_size=172"),
    };
    let mut arguments = vec!["-re", "-i", file, "-c:a", law.encoder(), "-f", "rtp"];
    if secured {
        arguments.extend(["-srtp_out_suite", PROFILE.sdes_name(), "-srtp_out_params", &key]);
    }
    arguments.push(&url);
    ffmpeg(&arguments)
}

/// What ffmpeg itself makes of the file in this law.
fn reference(file: &Path, law: Law) -> Vec<u8> {
    let out = file.with_extension(law.raw());
    finish(ffmpeg(&[
        "-i",
        file.to_str().unwrap(),
        "-c:a",
        law.encoder(),
        "-f",
        law.raw(),
        out.to_str().unwrap(),
    ]));
    std::fs::read(out).unwrap()
}

/// Collects payloads in order of sequence number until `SAMPLES` octets came, or no more do.
fn collect(socket: &UdpSocket, payload_type: u8, mut srtp: Option<SrtpReceiver>) -> Vec<u8> {
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut packets: Vec<(u16, Vec<u8>)> = Vec::new();
    let end = Instant::now() + PATIENCE;
    let mut buffer = [0; 2048];
    let mut octets = 0;
    while octets < SAMPLES && Instant::now() < end {
        let Ok((mut len, _)) = socket.recv_from(&mut buffer) else { break };
        if let Some(srtp) = &mut srtp {
            len = srtp.unprotect_rtp(&mut buffer[..len]).expect("the relay's packet is authentic");
        }
        let packet = RtpPacket::parse(&buffer[..len]).unwrap();
        assert_eq!(packet.payload_type(), payload_type);
        octets += packet.payload().len();
        packets.push((packet.sequence(), packet.payload().to_vec()));
    }
    let first = packets[0].0;
    packets.sort_by_key(|packet| packet.0.wrapping_sub(first));
    for (at, packet) in packets.iter().enumerate() {
        assert_eq!(packet.0, first.wrapping_add(u16::try_from(at).unwrap()), "sequence numbers have no gap");
    }
    packets.into_iter().flat_map(|packet| packet.1).collect()
}

/// ffmpeg plays to leg A, the test listens on leg B; returns what arrived and what ffmpeg's own encoder gives.
fn through(name: &str, a: (Law, bool), b: (Law, bool)) -> Option<(Vec<u8>, Vec<u8>)> {
    if !ffmpeg_is_here() {
        return None;
    }
    let file = scratch(name).with_extension("wav");
    let audio = Audio { rate: 8000, channels: 1, samples: audio() };
    wav::write(&audio, std::fs::File::create(&file).unwrap()).unwrap();
    let expected = reference(&file, a.0);
    let [listener, _rtcp] = pair();
    listener.set_nonblocking(false).unwrap();
    let (to, threads, call) = relay(a, b, listener.local_addr().unwrap());
    let player = play(&file, to, a.0, a.1);
    let srtp = b.1.then(|| {
        SrtpReceiver::new(&MasterKey::from_inline(PROFILE, &RELAY_KEY).unwrap(), &SrtpConfig::default())
            .unwrap()
    });
    let heard = collect(&listener, b.0.format().payload_type, srtp);
    finish(player);
    let relay = threads.close(call).unwrap().recv_timeout(Duration::from_secs(5)).unwrap();
    let stats = [LegId::A, LegId::B].map(|leg| relay.stats(leg));
    assert_eq!((stats[0].unauthentic, stats[0].malformed, stats[0].unknown_payload), (0, 0, 0));
    assert_eq!(stats[0].received, stats[1].sent, "{stats:?}");
    let _ = std::fs::remove_file(file);
    Some((heard, expected))
}

/// Plain RTP: every octet of ten seconds arrives as sent.
#[test]
fn plain_audio_passes_unchanged() {
    let Some((heard, sent)) = through("plain", (Law::Mu, false), (Law::Mu, false)) else { return };
    assert_eq!(heard.len(), SAMPLES);
    assert!(heard == sent, "the octets differ");
}

/// MR-006: SDES from ffmpeg on one leg, plain RTP on the other, and the other way round: the same octets.
#[test]
fn protected_audio_passes_unchanged() {
    let Some((heard, sent)) = through("sdes-in", (Law::Mu, true), (Law::Mu, false)) else { return };
    assert!(heard.len() == SAMPLES && heard == sent, "SDES to RTP");
}

/// MR-006: the relay's SRTP towards B carries the same octets.
#[test]
fn audio_is_protected_on_the_way_out() {
    let Some((heard, sent)) = through("sdes-out", (Law::A, false), (Law::A, true)) else { return };
    assert!(heard.len() == SAMPLES && heard == sent, "RTP to SDES");
}

/// MR-017: µ-law to A-law and back, plain and from SDES, is the table of G.711, octet by octet.
#[test]
fn laws_are_converted_by_the_tables() {
    let Some((heard, mut sent)) = through("mu-to-a", (Law::Mu, true), (Law::A, false)) else { return };
    g711::ulaw_to_alaw(&mut sent);
    assert!(heard.len() == SAMPLES && heard == sent, "µ-law to A-law");
}

/// MR-017: A-law to µ-law likewise, and the sound is the sound that was played.
#[test]
fn converted_audio_sounds_the_same() {
    let Some((heard, mut sent)) = through("a-to-mu", (Law::A, false), (Law::Mu, false)) else { return };
    g711::alaw_to_ulaw(&mut sent);
    assert!(heard.len() == SAMPLES && heard == sent, "A-law to µ-law");
    let (mut signal, mut noise) = (0.0, 0.0);
    for (played, code) in audio().into_iter().zip(heard) {
        let error = f64::from(g711::ulaw_decode(code)) - f64::from(played);
        signal += f64::from(played).powi(2);
        noise += error.powi(2);
    }
    let decibels = 10.0 * f64::log10(signal / noise);
    assert!(decibels > 30.0, "signal to noise {decibels:.1} dB");
}

/// ffmpeg as the receiver: it decrypts the relay's SRTP and hears what we played.
#[test]
fn ffmpeg_understands_our_srtp() {
    if !ffmpeg_is_here() {
        return;
    }
    let port = pair()[0].local_addr().unwrap().port();
    let (description, out) =
        (scratch("session").with_extension("sdp"), scratch("heard").with_extension("mulaw"));
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/SAVP 0\r\n\
         a=crypto:1 {} inline:{}\r\n",
        PROFILE.sdes_name(),
        STANDARD.encode(RELAY_KEY)
    );
    std::fs::write(&description, text).unwrap();
    let listener = ffmpeg(&[
        "-protocol_whitelist",
        "file,udp,rtp,srtp,crypto",
        "-reorder_queue_size",
        "0",
        "-i",
        description.to_str().unwrap(),
        "-t",
        "4",
        "-c:a",
        "copy",
        "-f",
        "mulaw",
        out.to_str().unwrap(),
    ]);
    let (to, threads, _) = relay((Law::Mu, false), (Law::Mu, true), (Ipv4Addr::LOCALHOST, port).into());
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Each packet carries its number, so that what ffmpeg wrote can be found in what was sent.
    let start = Instant::now();
    for number in 0..600_u16 {
        let payload = [number.to_be_bytes(); 80].concat();
        let mut packet = [0; 172];
        RtpBuilder::new(0, number, u32::from(number) * 160, 7).payload(&payload).write(&mut packet).unwrap();
        sender.send_to(&packet, to).unwrap();
        std::thread::sleep(
            (start + Duration::from_millis(10) * u32::from(number)).saturating_duration_since(Instant::now()),
        );
    }
    finish(listener);
    drop(threads);
    let heard = std::fs::read(&out).unwrap();
    assert!(heard.len() >= 3 * 8000, "ffmpeg wrote {} octets", heard.len());
    let numbers: Vec<u16> = heard.chunks_exact(160).map(|it| u16::from_be_bytes([it[0], it[1]])).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert!(
        heard
            .chunks_exact(2)
            .zip(heard.chunks_exact(160).flat_map(|it| std::iter::repeat_n(&it[..2], 80)))
            .all(|it| it.0 == it.1)
    );
    let _ = (std::fs::remove_file(description), std::fs::remove_file(out));
}
