//! Media on its threads, over real sockets of this machine.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use edge_core::driver::{MediaConfig, MediaDriver, PortPlan};
use edge_core::media::{
    Action, LegNegotiation, LegProfile, MediaAddress, MediaCommand, MediaEvent, MediaId, MediaLeg,
    MediaPorts, MediaSettings, Notice, Order, PlayEnd, PoolId, Sound,
};
use media_rtp::Seed;
use media_rtp::driver::SocketOptions;
use media_rtp::relay::PortRange;
use media_rtp::rtp::{RtpBuilder, RtpPacket};
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::{Signalling, TargetPolicy};
use media_rtp::wav::{Audio, Layout};
use tempfile::TempDir;
use tokio::net::UdpSocket;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);
const A: MediaLeg = MediaLeg(0);
const B: MediaLeg = MediaLeg(1);

/// An edge's media and nothing else.
struct Bench {
    driver: MediaDriver,
    ports: MediaPorts,
    files: TempDir,
}

impl Bench {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let free = std::net::UdpSocket::bind((LOCAL, 0)).unwrap().local_addr().unwrap().port() & !1;
        let range = PortRange::new(free.min(60_000), free.min(60_000) + 2000).unwrap();
        let config = MediaConfig {
            threads: 2,
            ports: vec![PortPlan { id: PoolId(0), bind: LOCAL, advertised: None, range, most: 8 }],
            sockets: SocketOptions::default(),
            prompts: files.path().join("prompts"),
            recordings: files.path().join("recordings"),
        };
        let (driver, pools) = MediaDriver::start(config, Seed([1; 32])).unwrap();
        Self { driver, ports: MediaPorts::new(pools, &Seed([2; 32])), files }
    }

    fn act(&mut self, call: u64, action: Action) {
        self.driver.handle([MediaCommand { call: MediaId(call), action }]);
    }

    /// A call with two bridged legs and a peer at each.
    async fn call(&mut self, call: u64) -> [Peer; 2] {
        self.act(call, Action::Open(MediaSettings::default()));
        let mut peers = Vec::new();
        for leg in [A, B] {
            let address = self.ports.take(PoolId(0), Instant::now()).unwrap();
            self.act(call, Action::Attach { leg, address });
            let peer = Peer::new(address).await;
            self.act(call, Action::Connect { leg, config: Box::new(peer.edge.config().unwrap()) });
            peers.push(peer);
        }
        self.act(call, Action::Bridge { a: A, b: B });
        peers.try_into().ok().unwrap()
    }

    /// The next event that is wanted.
    async fn wait<T>(&mut self, wanted: impl Fn(&MediaEvent) -> Option<T>) -> T {
        let next = async {
            loop {
                if let Some(found) = wanted(&self.driver.event().await) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap()
    }

    /// One speaks until the other hears it.
    async fn speak(&mut self, from: &mut Peer, to: &Peer, byte: u8) {
        let mut speaks = tokio::time::interval(Duration::from_millis(20));
        let speaking = async {
            loop {
                speaks.tick().await;
                from.say(byte).await;
            }
        };
        let heard = async {
            tokio::select! { () = to.hears(byte) => (), never = speaking => never }
        };
        self.during(heard).await;
    }

    /// Events are fetched while something else goes on.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let events = async {
            loop {
                self.driver.event().await;
            }
        };
        tokio::select! { done = work => done, never = events => never }
    }
}

struct Peer {
    socket: UdpSocket,
    edge: LegNegotiation,
    to: SocketAddr,
    sequence: u16,
}

impl Peer {
    async fn new(edge_address: MediaAddress) -> Self {
        let socket = UdpSocket::bind((LOCAL, 0)).await.unwrap();
        let own = socket.local_addr().unwrap();
        Self { edge: Self::agree(edge_address, own), socket, to: edge_address.bound, sequence: 0 }
    }

    /// The edge's side of an agreement with a peer that says it is there.
    fn agree(edge_address: MediaAddress, own: SocketAddr) -> LegNegotiation {
        let profile = LegProfile { targets: TargetPolicy::with_loopback(), ..LegProfile::default() };
        let own = MediaAddress { pool: PoolId(0), bound: own, advertised: own };
        let negotiation = |address, seed| {
            LegNegotiation::new(&profile, address, Signalling::Insecure, None, Seed([seed; 32]))
        };
        let (mut edge, mut phone) = (negotiation(edge_address, 1), negotiation(own, 2));
        let offer = phone.offer(Direction::SendRecv).unwrap();
        phone.take_answer(&edge.answer(&offer, Direction::SendRecv).unwrap()).unwrap();
        edge
    }

    async fn say(&mut self, byte: u8) {
        let mut packet = [0; 172];
        let timestamp = u32::from(self.sequence) * 160;
        RtpBuilder::new(0, self.sequence, timestamp, 7).payload(&[byte; 160]).write(&mut packet).unwrap();
        self.sequence += 1;
        self.socket.send_to(&packet, self.to).await.unwrap();
    }

    /// Waits until audio of this kind arrives.
    async fn hears(&self, byte: u8) {
        let mut buffer = [0; 500];
        let listen = async {
            loop {
                let (len, _) = self.socket.recv_from(&mut buffer).await.unwrap();
                let packet = RtpPacket::parse(&buffer[..len]);
                if packet.is_ok_and(|packet| packet.payload()[0] == byte) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, listen).await.unwrap();
    }
}

#[tokio::test]
async fn two_peers_hear_each_other_and_the_call_is_recorded() {
    let mut bench = Bench::new();
    let [mut a, mut b] = bench.call(1).await;
    bench.act(1, Action::Record { leg: A, file: "call.wav".into(), layout: Layout::DualChannel });
    // The file is opened meanwhile.
    for _ in 0..20 {
        bench.speak(&mut a, &b, 0x11).await;
        bench.speak(&mut b, &a, 0x22).await;
    }
    bench.act(1, Action::Close);
    let recorded = |event: &MediaEvent| {
        if let Notice::RecordingEnded { file, error, .. } = &event.notice {
            Some((file.clone(), error.clone()))
        } else {
            None
        }
    };
    let (file, error) = bench.wait(recorded).await;
    assert_eq!((file.clone(), error), (bench.files.path().join("recordings/call.wav"), None));
    bench.wait(|event| (event.notice == Notice::Closed).then_some(())).await;
    let end = Instant::now() + PATIENCE;
    while !file.exists() && Instant::now() < end {
        tokio::task::yield_now().await;
    }
    let audio = media_rtp::wav::read(&std::fs::read(file).unwrap()).unwrap();
    assert!(audio.channel(0).any(|sample| sample != 0) && audio.channel(1).any(|sample| sample != 0));
}

#[tokio::test]
async fn a_prompt_is_read_and_what_follows_waits_for_it() {
    let mut bench = Bench::new();
    let [a, _b] = bench.call(1).await;
    std::fs::create_dir_all(bench.files.path().join("prompts")).unwrap();
    let audio = Audio { rate: 8000, channels: 1, samples: vec![1000; 1600] };
    let file = std::fs::File::create(bench.files.path().join("prompts/hello.wav")).unwrap();
    media_rtp::wav::write(&audio, file).unwrap();
    let play = |file: &str| Action::Play {
        leg: A,
        order: Order(1),
        sound: Sound::File(file.into()),
        repeat: false,
        interruptible: false,
    };
    bench.act(1, play("hello.wav"));
    bench.during(a.hears(media_rtp::codec::g711::ulaw_encode(1000))).await;
    let ended = |event: &MediaEvent| {
        if let Notice::PlayEnded { end, .. } = &event.notice { Some(end.clone()) } else { None }
    };
    assert_eq!(bench.wait(ended).await, PlayEnd::Finished);
    bench.act(1, play("missing.wav"));
    let PlayEnd::Failed(why) = bench.wait(ended).await else { panic!("it is missing") };
    assert!(why.contains("missing.wav"), "{why}");
}

/// EC-018: the media of an attended transfer: a leg and its sockets go to the call of the one who stays.
#[tokio::test]
async fn a_leg_moves_between_calls_on_different_threads() {
    let mut bench = Bench::new();
    let [mut a, _b] = bench.call(1).await;
    let [_consulting, mut target] = bench.call(2).await;
    let leg = MediaLeg(2);
    bench.act(1, Action::Adopt { leg, from: (MediaId(2), B) });
    bench.act(1, Action::Bridge { a: A, b: leg });
    bench.act(1, Action::Detach { leg: B });
    bench.act(2, Action::Close);
    bench.wait(|event| (event.call == MediaId(2) && event.notice == Notice::Closed).then_some(())).await;
    bench.speak(&mut a, &target, 0x33).await;
    bench.speak(&mut target, &a, 0x44).await;
}

#[tokio::test]
async fn a_leg_that_is_gone_cannot_be_adopted_and_nothing_hangs() {
    let mut bench = Bench::new();
    let [mut a, b] = bench.call(1).await;
    bench.act(1, Action::Adopt { leg: MediaLeg(2), from: (MediaId(9), B) });
    bench.act(2, Action::Open(MediaSettings::default()));
    bench.act(1, Action::Adopt { leg: MediaLeg(2), from: (MediaId(2), B) });
    for _ in 0..2 {
        bench.wait(|event| matches!(event.notice, Notice::Failed { .. }).then_some(())).await;
    }
    bench.speak(&mut a, &b, 0x55).await;
}

/// The system refuses what a leg's socket should send, as it does for a network that is gone: the packets are lost and counted, and the
/// call goes on when the peer says where else it is.
#[tokio::test]
async fn a_socket_that_cannot_send_loses_packets_and_not_the_call() {
    let mut bench = Bench::new();
    let [mut a, mut b] = bench.call(1).await;
    bench.speak(&mut a, &b, 0x11).await;
    let address = MediaAddress { pool: PoolId(0), bound: b.to, advertised: b.to };
    let connect =
        |edge: &LegNegotiation| Action::Connect { leg: B, config: Box::new(edge.config().unwrap()) };
    // Nothing leaves loopback from a socket that is bound there.
    bench.act(1, connect(&Peer::agree(address, "198.51.100.7:4000".parse().unwrap())));
    let end = Instant::now() + PATIENCE;
    while bench.driver.stats().send_errors < 5 {
        assert!(Instant::now() < end, "{:?}", bench.driver.stats());
        a.say(0x22).await;
        bench.during(tokio::time::sleep(Duration::from_millis(5))).await;
    }
    bench.act(1, connect(&b.edge));
    bench.speak(&mut a, &b, 0x33).await;
    bench.speak(&mut b, &a, 0x44).await;
    bench.act(1, Action::Close);
    let report = bench.wait(|event| {
        if let Notice::LegEnded { leg: B, report } = &event.notice { Some(report.clone()) } else { None }
    });
    assert!(report.await.stats.unreachable >= 5);
}

/// The ports of one call serve the next.
#[tokio::test]
async fn ports_are_used_again() {
    let mut bench = Bench::new();
    for call in 0..20 {
        let [mut a, b] = bench.call(call).await;
        bench.speak(&mut a, &b, 0x66).await;
        bench.act(call, Action::Close);
        bench.wait(|event| (event.notice == Notice::Closed).then_some(())).await;
        for peer in [&a, &b] {
            let address = MediaAddress { pool: PoolId(0), bound: peer.to, advertised: peer.to };
            // As if the rest was over already.
            bench.ports.release(&address, Instant::now() - MediaPorts::REST);
        }
    }
}
