//! The media of a call in virtual time: who hears what, which digits are understood, what is recorded.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge_core::media::{
    Action, CallMedia, CollectEnd, Collection, Instruction, LegNegotiation, LegProfile, MediaAddress,
    MediaId, MediaLeg, MediaSettings, Notice, Order, PlayEnd, PoolId, Sound, ToneKind,
};
use media_rtp::Seed;
use media_rtp::codec::g711;
use media_rtp::driver::{EngineOutput, Forward, MediaEngine};
use media_rtp::dtmf::{Digit, Event};
use media_rtp::rtp::{RtpBuilder, RtpPacket};
use media_rtp::sdp::Signalling;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{Codec, SrtpPolicy};
use media_rtp::wav::{Audio, Layout};
use telco_testkit::Clock;

const FRAME: Duration = Duration::from_millis(20);
const A: MediaLeg = MediaLeg(0);
const B: MediaLeg = MediaLeg(1);

/// A call's media, what it sent and what it told.
struct Call {
    media: CallMedia,
    clock: Clock,
    sent: Vec<(usize, SocketAddr, Vec<u8>)>,
    told: Vec<Notice>,
}

impl Call {
    fn new() -> Self {
        let media = CallMedia::new(MediaId(7), MediaSettings::default(), Seed([9; 32]));
        Self { media, clock: Clock::new(), sent: Vec::new(), told: Vec::new() }
    }

    /// A call with one connected leg.
    fn of_one(a: &Peer) -> Self {
        let mut call = Self::new();
        call.connect(a);
        call
    }

    /// A call with two bridged legs.
    fn of_two(a: &Peer, b: &Peer) -> Self {
        let mut call = Self::of_one(a);
        call.connect(b);
        call.act(Action::Bridge { a: a.leg, b: b.leg });
        call
    }

    fn connect(&mut self, peer: &Peer) {
        let config = Box::new(peer.edge.config().unwrap());
        self.act(Action::Connect { leg: peer.leg, config });
    }

    fn act(&mut self, action: Action) {
        self.instruct(Instruction::Do(action));
    }

    fn instruct(&mut self, instruction: Instruction) {
        self.media.handle_command(instruction, self.clock.now());
        self.drain();
    }

    fn play(&mut self, leg: MediaLeg, sound: Sound, interruptible: bool) {
        self.act(Action::Play { leg, order: Order(1), sound, repeat: false, interruptible });
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while let Some(at) = self.media.next_timeout().filter(|at| *at <= end) {
            let now = self.clock.advance_to(at);
            self.media.handle_timeout(now);
            self.drain();
        }
        self.clock.advance_to(end);
    }

    /// A packet from a peer; what was forwarded is among what was sent.
    fn hear(&mut self, peer: &Peer, packet: &[u8]) {
        let mut buffer = vec![0; media_rtp::driver::BUFFER];
        buffer[..packet.len()].copy_from_slice(packet);
        let (port, now) = (2 * usize::from(peer.leg.0), self.clock.now());
        let forward = self.media.handle_datagram(port, peer.address, &mut buffer, packet.len(), now);
        if let Forward::Send { port, to, len } = forward {
            self.sent.push((port, to, buffer[..len].to_vec()));
        }
        self.drain();
    }

    /// A peer says a constant for some frames.
    fn speak(&mut self, peer: &mut Peer, sample: i16, frames: usize) {
        for _ in 0..frames {
            let packet = peer.frame(sample);
            self.hear(peer, &packet);
            self.pass(FRAME);
        }
    }

    fn key(&mut self, peer: &mut Peer, digits: &str) {
        for digit in digits.chars() {
            for packet in peer.digit(digit) {
                self.hear(peer, &packet);
                self.pass(FRAME);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.media.poll_output() {
            match output {
                EngineOutput::Transmit { port, to, datagram } => self.sent.push((port, to, datagram)),
                EngineOutput::Event(event) => self.told.push(event.notice),
            }
        }
    }

    /// The RTP packets a peer got since last asked.
    fn heard_by(&mut self, peer: &Peer) -> Vec<Vec<u8>> {
        let theirs = |port: usize| port == 2 * usize::from(peer.leg.0);
        let (heard, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sent).into_iter().partition(|(port, ..)| theirs(*port));
        self.sent = others;
        assert!(heard.iter().all(|(_, to, _)| *to == peer.address));
        heard.into_iter().map(|(_, _, packet)| packet).collect()
    }

    /// The audio a peer got since last asked, decoded as µ-law.
    fn audio_for(&mut self, peer: &Peer) -> Vec<i16> {
        let pcm = |packet: &Vec<u8>| {
            let packet = RtpPacket::parse(packet).unwrap();
            assert_eq!(packet.payload_type(), 0, "PCMU");
            packet.payload().iter().map(|byte| g711::ulaw_decode(*byte)).collect::<Vec<_>>()
        };
        self.heard_by(peer).iter().flat_map(pcm).collect()
    }

    fn told(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.told)
    }

    fn collected(&mut self) -> Option<(String, CollectEnd)> {
        self.told().into_iter().find_map(|notice| {
            if let Notice::Collected { digits, end, .. } = notice { Some((digits, end)) } else { None }
        })
    }
}

/// A phone or a carrier: its address, what the edge agreed on with it, and its RTP stream.
struct Peer {
    leg: MediaLeg,
    address: SocketAddr,
    edge: LegNegotiation,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
}

impl Peer {
    fn new(leg: MediaLeg, codec: &str) -> Self {
        let profile = LegProfile {
            codecs: vec![Codec::from_mime(codec).unwrap()],
            srtp: SrtpPolicy::Off,
            ..LegProfile::default()
        };
        let negotiation = |bound: SocketAddr, seed| {
            let address = MediaAddress { pool: PoolId(0), bound, advertised: bound };
            LegNegotiation::new(&profile, address, Signalling::Insecure, None, Seed([seed; 32]))
        };
        let address = format!("192.0.2.{}:4000", 10 + leg.0).parse().unwrap();
        let port = 10_000 + 2 * u16::from(leg.0);
        let mut edge = negotiation(format!("203.0.113.1:{port}").parse().unwrap(), leg.0);
        let mut phone = negotiation(address, 100 + leg.0);
        let offer = phone.offer(Direction::SendRecv).unwrap();
        phone.take_answer(&edge.answer(&offer, Direction::SendRecv).unwrap()).unwrap();
        let payload_type = phone.session().unwrap().send.payload_type;
        Self { leg, address, edge, payload_type, sequence: 1, timestamp: 0 }
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 500];
        let builder = RtpBuilder::new(payload_type, self.sequence, timestamp, 7).marker(marker);
        let len = builder.payload(payload).write(&mut packet).unwrap();
        packet.truncate(len);
        self.sequence += 1;
        packet
    }

    fn frame(&mut self, sample: i16) -> Vec<u8> {
        let byte = if self.payload_type == 8 { g711::alaw_encode(sample) } else { g711::ulaw_encode(sample) };
        self.timestamp += 160;
        self.packet(self.payload_type, self.timestamp, false, &[byte; 160])
    }

    /// The packets of one digit by RFC 4733.
    fn digit(&mut self, digit: char) -> Vec<Vec<u8>> {
        let code = Digit::from_char(digit).unwrap().code();
        let start = self.timestamp + 160;
        self.timestamp += 640;
        let reports = [(false, 160), (false, 320), (false, 480), (true, 640), (true, 640), (true, 640)];
        let event = |(end, duration)| Event { code, end, volume: 10, duration }.to_bytes();
        let packet = |(n, report)| self.packet(101, start, n == 0, &event(report));
        reports.into_iter().enumerate().map(packet).collect()
    }
}

/// A constant for one second.
fn prompt() -> Sound {
    Sound::Audio(Arc::new(Audio { rate: 8000, channels: 1, samples: vec![8000; 8000] }))
}

fn near(samples: &[i16], value: i16) -> bool {
    !samples.is_empty() && samples.iter().all(|sample| (sample - value).abs() <= value / 16 + 8)
}

#[test]
fn a_leg_that_is_alone_hears_silence_then_what_is_played() {
    let a = Peer::new(A, "audio/PCMU");
    let mut call = Call::of_one(&a);
    call.pass(Duration::from_millis(100));
    assert!(near(&call.audio_for(&a), 0));
    call.play(A, prompt(), false);
    call.pass(Duration::from_millis(500));
    assert!(near(&call.audio_for(&a), 8000));
    assert_eq!(call.told(), []);
    call.pass(Duration::from_millis(600));
    assert_eq!(call.told(), [Notice::PlayEnded { leg: A, order: Order(1), end: PlayEnd::Finished }]);
}

#[test]
fn a_stream_has_one_source_and_no_gap_whatever_is_heard() {
    let (a, mut b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
    let mut call = Call::of_one(&a);
    let sound = Sound::Tone(ToneKind::RingBack);
    call.act(Action::Play { leg: A, order: Order(1), sound, repeat: true, interruptible: false });
    call.pass(Duration::from_millis(200));
    call.connect(&b);
    call.act(Action::Bridge { a: A, b: B });
    call.act(Action::StopPlay { leg: A });
    call.speak(&mut b, 3000, 10);
    call.act(Action::Part { leg: A });
    call.pass(Duration::from_millis(100));
    let packets = call.heard_by(&a);
    let packets: Vec<_> = packets.iter().map(|packet| RtpPacket::parse(packet).unwrap()).collect();
    assert!(packets.len() >= 25, "{}", packets.len());
    for pair in packets.windows(2) {
        assert_eq!(pair[0].ssrc(), pair[1].ssrc());
        assert_eq!(pair[0].sequence().wrapping_add(1), pair[1].sequence());
        let step = pair[1].timestamp().wrapping_sub(pair[0].timestamp());
        assert!((1..=640).contains(&step), "{step}");
    }
}

/// EC-027: two peers of this edge hear each other through it, also while they speak different codecs.
#[test]
fn bridged_legs_hear_each_other() {
    let (mut a, mut b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMA"));
    let mut call = Call::of_two(&a, &b);
    call.speak(&mut b, 3000, 5);
    assert!(near(&call.audio_for(&a), 3000));
    call.speak(&mut a, 2000, 5);
    let packets = call.heard_by(&b);
    let packet = RtpPacket::parse(&packets[0]).unwrap();
    assert_eq!((packet.payload_type(), packets.len()), (8, 5));
    assert!(near(&[g711::alaw_decode(packet.payload()[80])], 2000));
}

#[test]
fn while_something_plays_a_leg_does_not_hear_its_peer() {
    let (a, mut b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
    let mut call = Call::of_two(&a, &b);
    call.play(A, prompt(), false);
    call.speak(&mut b, 3000, 20);
    assert!(near(&call.audio_for(&a), 8000));
    call.pass(Duration::from_millis(700));
    call.audio_for(&a);
    call.speak(&mut b, 3000, 5);
    assert!(near(&call.audio_for(&a), 3000), "bridged again by itself");
}

#[test]
fn digits_interrupt_a_prompt_and_are_collected() {
    let mut a = Peer::new(A, "audio/PCMU");
    let mut call = Call::of_one(&a);
    call.play(A, prompt(), true);
    let collection = Collection { most: 4, ..Collection::default() };
    call.act(Action::Collect { leg: A, order: Order(1), collection });
    call.pass(Duration::from_millis(300));
    call.key(&mut a, "12");
    assert!(call.told().contains(&Notice::PlayEnded { leg: A, order: Order(1), end: PlayEnd::Interrupted }));
    call.key(&mut a, "3#");
    let hash = Digit::from_char('#').unwrap();
    assert_eq!(call.collected(), Some(("123".to_owned(), CollectEnd::Terminator(hash))));
}

#[test]
fn nobody_waits_for_ever_for_digits() {
    let a = Peer::new(A, "audio/PCMU");
    let mut call = Call::of_one(&a);
    call.play(A, prompt(), false);
    call.act(Action::Collect { leg: A, order: Order(1), collection: Collection::default() });
    call.pass(Duration::from_secs(7));
    assert_eq!(call.collected(), None, "the prompt took the first second");
    call.pass(Duration::from_secs(2));
    assert_eq!(call.collected(), Some((String::new(), CollectEnd::TimedOut)));
}

/// MR-003: digits go to a peer as RTP events, also when nobody else speaks to it.
#[test]
fn digits_are_sent_as_events() {
    let a = Peer::new(A, "audio/PCMU");
    let mut call = Call::of_one(&a);
    let digits = Digit::parse_all("7").unwrap();
    call.act(Action::SendDigits { leg: A, digits, duration: Duration::from_millis(100) });
    call.pass(Duration::from_millis(400));
    let packets = call.heard_by(&a);
    let packets = packets.iter().map(|packet| RtpPacket::parse(packet).unwrap());
    let events: Vec<u8> =
        packets.filter(|packet| packet.payload_type() == 101).map(|packet| packet.payload()[0]).collect();
    assert!(events.len() >= 5 && events.iter().all(|code| *code == 7), "{events:?}");
}

#[test]
fn digits_reach_the_other_leg_and_are_told() {
    let (mut a, b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
    let mut call = Call::of_two(&a, &b);
    call.key(&mut a, "5");
    let packets = call.heard_by(&b);
    let event = |packet: &Vec<u8>| RtpPacket::parse(packet).unwrap().payload_type() == 101;
    assert!(packets.len() == 6 && packets.iter().all(event));
    let five = Digit::from_char('5').unwrap();
    let about = |notice: &Notice| matches!(notice, Notice::Digit { leg: A, digit, .. } if *digit == five);
    assert!(call.told().iter().any(about));
}

/// EC-018: an attended transfer joins legs of two calls; the one that moved goes on where it was.
#[test]
fn a_leg_moves_from_one_call_to_another() {
    let (mut a, b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
    let mut first = Call::of_two(&a, &b);
    let (consulting, mut target) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMA"));
    let mut second = Call::of_two(&consulting, &target);
    second.speak(&mut target, 1000, 3);
    let released = second.media.release(B, second.clock.now()).unwrap();
    second.pass(FRAME);
    assert!(second.audio_for(&consulting).len() > 3 * 160, "the one left behind hears silence");

    target.leg = MediaLeg(2);
    first.instruct(Instruction::Adopt { leg: MediaLeg(2), released });
    first.act(Action::Bridge { a: A, b: MediaLeg(2) });
    first.act(Action::Detach { leg: B });
    let ended = first.told();
    assert!(matches!(&ended[..], [Notice::LegEnded { leg: B, .. }]), "{ended:?}");
    first.sent.clear();
    first.speak(&mut target, 2500, 5);
    assert!(near(&first.audio_for(&a), 2500));
    first.speak(&mut a, 500, 5);
    assert_eq!(first.heard_by(&target).len(), 5);
}

#[test]
fn legs_without_a_common_way_stay_alone_and_say_so() {
    let (a, b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/G729"));
    let mut call = Call::of_two(&a, &b);
    let told = call.told();
    let about = |notice: &Notice| matches!(notice, Notice::Failed { cause, .. } if cause.contains("G729"));
    assert!(told.iter().any(about), "{told:?}");
    call.pass(Duration::from_millis(100));
    assert!(!call.heard_by(&a).is_empty());
}

/// The far side's port is gone (ICMP says so for every packet): the call goes on for the side that is left, and the cause is told.
#[test]
fn a_far_port_that_is_gone_is_told() {
    let (mut a, b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
    let mut call = Call::of_two(&a, &b);
    for _ in 0..500 {
        call.speak(&mut a, 1000, 1);
        call.media.handle_unreachable(2 * usize::from(B.0));
    }
    let told = call.told();
    let about = |notice: &&Notice| matches!(notice, Notice::Diagnosed { leg: B, diagnosis } if diagnosis.code() == "port-blocked");
    assert_eq!(told.iter().filter(about).count(), 1, "{told:?}");
    assert!(!told.contains(&Notice::Closed), "{told:?}");
}

/// MR-015, DG-050: silence is reported, and so is its cause, each once.
#[test]
fn silence_is_reported_with_its_cause() {
    let (mut a, mut b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
    let mut call = Call::of_two(&a, &b);
    call.speak(&mut a, 1000, 50 * 70);
    let told = call.told();
    assert!(told.contains(&Notice::Idle { leg: B }));
    let cause = |notice| {
        if let Notice::Diagnosed { leg, diagnosis } = notice { Some((leg, diagnosis.code())) } else { None }
    };
    assert_eq!(told.into_iter().filter_map(cause).collect::<Vec<_>>(), [(B, "one-way")]);
    call.speak(&mut b, 1000, 1);
    assert!(call.told().contains(&Notice::Resumed { leg: B }));
}

/// MR-016: each leg ends with what it was like.
#[test]
fn a_call_ends_with_a_report_of_each_leg() {
    let (mut a, mut b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMA"));
    let mut call = Call::of_two(&a, &b);
    for _ in 0..250 {
        let (from_a, from_b) = (a.frame(100), b.frame(200));
        call.hear(&a, &from_a);
        call.hear(&b, &from_b);
        call.pass(FRAME);
    }
    call.act(Action::Close);
    let told = call.told();
    let [
        Notice::LegEnded { leg: A, report: of_a },
        Notice::LegEnded { leg: B, report: of_b },
        Notice::Closed,
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    for (report, codec) in [(of_a, "PCMU"), (of_b, "PCMA")] {
        assert_eq!((report.codec.as_str(), report.stats.received, report.stats.sent), (codec, 250, 250));
        assert_eq!(report.diagnoses, []);
        let quality = report.quality.as_ref().unwrap();
        assert!(quality.lost == 0 && quality.mos_listening.unwrap() > 4.0, "{quality:?}");
    }
}

/// A file in memory that can be read after it was written.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.lock().unwrap().seek(to)
    }
}

/// A disk with so many octets left.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::Error::other("no space left on device"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Full {
    fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn a_recording_has_what_a_leg_says_and_what_it_hears() {
    let (mut a, mut b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMA"));
    let mut call = Call::of_two(&a, &b);
    let (memory, layout) = (Memory::default(), Layout::DualChannel);
    let (sink, file) = (Box::new(memory.clone()), "call.wav".into());
    call.instruct(Instruction::Record { leg: A, sink, file, layout });
    for _ in 0..50 {
        let (from_a, from_b) = (a.frame(1000), b.frame(2000));
        call.hear(&a, &from_a);
        call.hear(&b, &from_b);
        call.pass(FRAME);
    }
    call.play(A, prompt(), false);
    call.speak(&mut a, 1000, 50);
    call.act(Action::StopRecording { leg: A });
    let length = |notice| {
        if let Notice::RecordingEnded { length, error, .. } = notice { Some((length, error)) } else { None }
    };
    assert_eq!(call.told().into_iter().find_map(length), Some((Duration::from_secs(2), None)));
    let bytes = memory.0.lock().unwrap().get_ref().clone();
    let audio = media_rtp::wav::read(&bytes).unwrap();
    assert_eq!((audio.channels, audio.rate), (2, 8000));
    let (said, heard): (Vec<i16>, Vec<i16>) = (audio.channel(0).collect(), audio.channel(1).collect());
    assert!(near(&said[..16_000], 1000));
    assert!(near(&heard[..8000], 2000) && near(&heard[8200..15_800], 8000));
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_call() {
    for room in [0, 10_000] {
        let (mut a, b) = (Peer::new(A, "audio/PCMU"), Peer::new(B, "audio/PCMU"));
        let mut call = Call::of_two(&a, &b);
        let (sink, file) = (Box::new(Full(room)), "call.wav".into());
        call.instruct(Instruction::Record { leg: A, sink, file, layout: Layout::Mixed });
        call.speak(&mut a, 1000, 150);
        let error = |notice| if let Notice::RecordingEnded { error, .. } = notice { error } else { None };
        let why = call.told().into_iter().find_map(error);
        assert!(why.as_ref().is_some_and(|why| why.contains("no space left")), "{why:?}");
        assert_eq!(call.heard_by(&b).len(), 150);
    }
}

#[test]
fn what_makes_no_sense_is_ignored_or_told() {
    let mut call = Call::new();
    let far = MediaLeg(200);
    for action in [
        Action::Bridge { a: A, b: A },
        Action::Bridge { a: A, b: far },
        Action::Part { leg: B },
        Action::StopPlay { leg: far },
        Action::StopCollect { leg: far },
        Action::StopRecording { leg: far },
        Action::Detach { leg: far },
        Action::SendDigits { leg: far, digits: vec![], duration: FRAME },
        Action::Play {
            leg: far,
            order: Order(1),
            sound: Sound::Tone(ToneKind::Busy),
            repeat: true,
            interruptible: true,
        },
    ] {
        call.act(action);
    }
    let (source, now) = ("192.0.2.1:1".parse().unwrap(), call.clock.now());
    assert_eq!(call.media.handle_datagram(999, source, &mut [0; 64], 64, now), Forward::Nothing);
    assert!(call.told().iter().all(|notice| matches!(notice, Notice::Failed { .. })));
}
