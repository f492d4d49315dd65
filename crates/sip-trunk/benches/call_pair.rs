//! Two user agents that call each other over UDP on loopback, each in a thread of its own on the tokio driver:
//! `cargo bench --manifest-path crates/sip-trunk/benches/Cargo.toml --bench call_pair`.
//!
//! Calls are placed at a steady rate. Each is INVITE, 200, ACK, BYE, 200 with descriptions; set-up is from asking the agent for
//! the call to hearing of its answer. CPU is that of the whole process: both sides, and the kernel's work for their sockets.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a benchmark program

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sip_trunk::Seed;
use sip_trunk::driver::{Driver, Handle, Settings, SocketOptions, Sockets};
use sip_trunk::endpoint::{EndpointConfig, Listener};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{Answer, Body, Event, Invite, SessionId, UaConfig, UserAgent};

const RATES: [u32; 3] = [100, 400, 1_000];
const SPAN: Duration = Duration::from_secs(8);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8 101\r\n\
                   a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";

/// When each call was asked for.
type Started = Arc<Mutex<BTreeMap<SessionId, Instant>>>;

fn main() {
    println!(
        "| calls/s | calls | answered | calls per CPU-second | set-up µs: median | 95 % | 99 % | worst |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for rate in RATES {
        run(rate);
    }
}

fn run(rate: u32) {
    let (callee, at) = start(1, |event, agent, now| {
        if let Event::Incoming { session, .. } = event {
            let answer = Answer { body: Some(Body::sdp(SDP)), ..Answer::default() };
            agent.answer(session, answer, now).unwrap();
        }
    });
    let (sender, answered) = channel();
    let started = Started::default();
    let (caller, _) = start(2, {
        let started = started.clone();
        move |event, agent, now| {
            if let Event::Answered { session, .. } = event {
                let asked = started.lock().unwrap().remove(&session).unwrap();
                let _ = sender.send(asked.elapsed());
                agent.hang_up(session, None, now).unwrap();
            }
        }
    });
    let calls = rate * u32::try_from(SPAN.as_secs()).unwrap();
    let before = cpu();
    let begin = Instant::now();
    for call in 0..calls {
        std::thread::sleep((begin + SPAN * call / calls).saturating_duration_since(Instant::now()));
        place(&caller, at, started.clone());
    }
    let times = collect(&answered, calls);
    let spent = cpu() - before;
    drop((caller, callee));
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_micros();
    println!(
        "| {rate} | {calls} | {} | {:.0} | {} | {} | {} | {} |",
        times.len(),
        f64::from(calls) / spent.as_secs_f64(),
        at(50),
        at(95),
        at(99),
        at(100)
    );
}

/// An agent on a free port of loopback, in a thread of its own, until its handle is dropped.
fn start(
    seed: u8,
    handler: impl FnMut(Event, &mut UserAgent, Instant) + Send + 'static,
) -> (Handle<UserAgent>, SocketAddr) {
    let (sender, ready) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = Listener::new(SocketId(0), Transport::Udp, "127.0.0.1:0".parse().unwrap());
            let sockets = Sockets::bind(vec![listener], SocketOptions::default()).unwrap();
            let listeners = sockets.listeners().to_vec();
            let at = listeners[0].local;
            let peers = vec!["127.0.0.0/8".parse().unwrap()];
            let endpoint = EndpointConfig { listeners, peers, ..EndpointConfig::default() };
            let config = UaConfig { endpoint, ..UaConfig::default() };
            let agent = UserAgent::new(config, Seed([seed; 32]), Instant::now());
            let (driver, handle) = Driver::with_handler(agent, sockets, Settings::default(), handler);
            sender.send((handle, at)).unwrap();
            driver.run().await;
        });
    });
    ready.recv().unwrap()
}

fn place(caller: &Handle<UserAgent>, to: SocketAddr, started: Started) {
    let asked = Instant::now();
    let placed = caller.post(move |agent, now| {
        let mut invite = Invite::new(format!("sip:+12025550123@{to}"), "<sip:+14085550100@example.com>");
        invite.body = Some(Body::sdp(SDP));
        let session = agent.invite(invite, now).unwrap();
        started.lock().unwrap().insert(session, asked);
    });
    placed.unwrap();
}

/// The set-up times of all calls that were answered, sorted.
fn collect(answered: &Receiver<Duration>, calls: u32) -> Vec<Duration> {
    let mut times: Vec<_> =
        (0..calls).map_while(|_| answered.recv_timeout(Duration::from_secs(2)).ok()).collect();
    times.sort_unstable();
    times
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
}
