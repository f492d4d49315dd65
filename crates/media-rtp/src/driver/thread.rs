//! The loop of one media thread.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use slab::Slab;

use super::bell::Bell;
use super::threads::{CallId, Counters};
use super::{BUFFER, EngineOutput, Forward, MAX_DATAGRAM, MediaEngine};

/// What signalling sends to a thread.
pub(super) enum Instruction<E: MediaEngine> {
    Open { id: CallId, sockets: Vec<UdpSocket>, engine: E },
    Command { id: CallId, command: E::Command },
    Query { id: CallId, ask: Query<E> },
    Attach { id: CallId, first: usize, sockets: Vec<UdpSocket> },
    Detach { id: CallId, ports: Range<usize>, taker: PortTaker<E> },
    Close { id: CallId, taker: CallTaker<E> },
}

/// Something to ask an engine on its own thread.
pub(super) type Query<E> = Box<dyn FnOnce(&E) + Send>;

/// Takes sockets from a running call, with a look at its engine.
pub(super) type PortTaker<E> = Box<dyn FnOnce(&mut E, Vec<UdpSocket>) + Send>;

/// Takes what is left of a call that was closed.
pub(super) type CallTaker<E> = Box<dyn FnOnce(E, Vec<UdpSocket>) + Send>;

/// Takes an event; false when it cannot.
pub(super) type Deliver<E> = Box<dyn Fn(CallId, <E as MediaEngine>::Event) -> bool + Send>;

pub(super) struct MediaThread<E: MediaEngine> {
    instructions: Receiver<Instruction<E>>,
    bell: Arc<Bell>,
    deliver: Deliver<E>,
    counters: Arc<Counters>,
    tick: Duration,
    epoll: OwnedFd,
    calls: Slab<Call<E>>,
    by_id: HashMap<CallId, usize>,
    /// Where a ready socket belongs: its key in epoll is its key here.
    sockets: Slab<Port>,
    tally: Tally,
    /// The earliest deadline of all calls, or one before it that is no more.
    earliest: Option<Instant>,
    /// Calls whose deadline has passed: empty between scans, kept for its room.
    due: Vec<usize>,
}

struct Call<E> {
    id: CallId,
    engine: E,
    /// When the engine wants to be looked at.
    deadline: Option<Instant>,
    /// Each port's socket, and its key in the table of sockets.
    ports: Vec<Option<(UdpSocket, usize)>>,
}

impl<E> Call<E> {
    fn socket(&self, port: usize) -> Option<&UdpSocket> {
        self.ports.get(port)?.as_ref().map(|(socket, _)| socket)
    }
}

#[derive(Clone, Copy)]
struct Port {
    call: usize,
    port: usize,
}

/// Counted locally, published after each round.
#[derive(Default)]
struct Tally {
    received: u64,
    sent: u64,
    send_errors: u64,
    dropped_events: u64,
    panics: u64,
}

/// The key of the waker; a slab never grows that far.
const WAKER: u64 = u64::MAX;

/// Ready sockets taken from the kernel at a time.
const ROUND: usize = 512;

impl<E: MediaEngine> MediaThread<E> {
    pub(super) fn new(
        instructions: Receiver<Instruction<E>>,
        bell: Arc<Bell>,
        deliver: Deliver<E>,
        counters: Arc<Counters>,
        tick: Duration,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &bell.event, epoll::EventData::new_u64(WAKER), epoll::EventFlags::IN)?;
        Ok(Self {
            instructions,
            bell,
            deliver,
            counters,
            tick,
            epoll,
            calls: Slab::new(),
            by_id: HashMap::new(),
            sockets: Slab::new(),
            tally: Tally::default(),
            earliest: None,
            due: Vec::new(),
        })
    }

    /// Serves calls until nobody can command the thread any more.
    pub(super) fn run(&mut self) {
        let mut ready = Vec::with_capacity(ROUND);
        let mut buffer = vec![0; BUFFER];
        let mut rested = Instant::now();
        loop {
            ready.clear();
            // Deadlines within a tick are kept together.
            let patience = self.earliest.map(|earliest| timespec(earliest.max(rested)));
            // An interrupted wait is a round in which nothing was ready.
            let _ = epoll::wait(&self.epoll, spare_capacity(&mut ready), patience.as_ref());
            let now = Instant::now();
            let mut woken = false;
            for event in &ready {
                match event.data.u64() {
                    WAKER => woken = true,
                    // Level-triggered: one datagram per socket and round, so that no stream waits for another.
                    key => self.receive(key as usize, &mut buffer, now),
                }
            }
            if now >= rested && self.earliest.is_some_and(|earliest| earliest <= now) {
                self.scan(now);
                rested = now + self.tick;
            }
            // After the sockets: an instruction may close some that this round called ready.
            let ended = woken && self.obey(now);
            self.publish();
            if ended {
                return;
            }
        }
    }

    fn receive(&mut self, key: usize, buffer: &mut [u8], now: Instant) {
        let Some(&Port { call, port }) = self.sockets.get(key) else { return };
        self.with_call(call, |call, tally| {
            let Some(socket) = call.socket(port) else { return };
            let received = socket.recv_from(&mut buffer[..MAX_DATAGRAM]);
            let Ok((len, source)) = received.inspect_err(|error| note(call, port, error)) else { return };
            tally.received += 1;
            let forward = call.engine.handle_datagram(port, source, buffer, len, now);
            if let Forward::Send { port, to, len } = forward {
                send(call, port, to, buffer.get(..len), tally);
            }
        });
    }

    /// Lets one call work, and does what it wants done. A panic ends the media of this call and of no other.
    fn with_call(&mut self, slot: usize, work: impl FnOnce(&mut Call<E>, &mut Tally)) {
        let Some(call) = self.calls.get_mut(slot) else { return };
        let (deliver, tally) = (&self.deliver, &mut self.tally);
        // The call is given up when it has panicked: nobody looks at what was left half done.
        let worked = catch_unwind(AssertUnwindSafe(|| {
            work(call, tally);
            drain(call, deliver, tally);
            call.engine.next_timeout()
        }));
        match worked {
            Ok(deadline) => {
                call.deadline = deadline;
                self.earliest = [self.earliest, deadline].into_iter().flatten().min();
            }
            Err(panic) => self.give_up(slot, &*panic),
        }
    }

    fn give_up(&mut self, slot: usize, panic: &(dyn Any + Send)) {
        self.tally.panics += 1;
        let Some(id) = self.calls.get(slot).map(|call| call.id) else { return };
        drop(self.take_ports(id, 0..usize::MAX));
        self.by_id.remove(&id);
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let call = self.calls.remove(slot);
        // Its last words and its end may panic again.
        let last = catch_unwind(AssertUnwindSafe(move || call.engine.lost(text.unwrap_or_default())));
        if let Ok(Some(event)) = last
            && !(self.deliver)(id, event)
        {
            self.tally.dropped_events += 1;
        }
    }

    /// Lets every engine whose deadline has passed do what it waited for.
    fn scan(&mut self, now: Instant) {
        let mut waiting = std::mem::take(&mut self.due);
        self.earliest = None;
        for (slot, call) in &self.calls {
            match call.deadline {
                Some(deadline) if deadline <= now => waiting.push(slot),
                later => self.earliest = [self.earliest, later].into_iter().flatten().min(),
            }
        }
        for slot in waiting.drain(..) {
            self.with_call(slot, |call, _| call.engine.handle_timeout(now));
        }
        self.due = waiting;
    }

    /// Follows the waiting instructions; true when there will never be another.
    fn obey(&mut self, now: Instant) -> bool {
        self.bell.heard();
        loop {
            match self.instructions.try_recv() {
                Ok(Instruction::Open { id, sockets, engine }) => self.open(id, sockets, engine),
                Ok(Instruction::Command { id, command }) => {
                    if let Some(&slot) = self.by_id.get(&id) {
                        self.with_call(slot, |call, _| call.engine.handle_command(command, now));
                    }
                }
                Ok(Instruction::Query { id, ask }) => {
                    if let Some(&slot) = self.by_id.get(&id) {
                        self.with_call(slot, |call, _| ask(&call.engine));
                    }
                }
                Ok(Instruction::Attach { id, first, sockets }) => self.attach(id, first, sockets),
                Ok(Instruction::Detach { id, ports, taker }) => self.detach(id, ports, taker),
                Ok(Instruction::Close { id, taker }) => self.close(id, taker),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
    }

    fn open(&mut self, id: CallId, sockets: Vec<UdpSocket>, engine: E) {
        let ports = Vec::with_capacity(sockets.len());
        let slot = self.calls.insert(Call { id, engine, deadline: None, ports });
        self.by_id.insert(id, slot);
        self.attach(id, 0, sockets);
        // It may have something to do or to wait for already.
        self.with_call(slot, |_, _| {});
    }

    /// Gives a call sockets; one that held the place before is closed.
    fn attach(&mut self, id: CallId, first: usize, sockets: Vec<UdpSocket>) {
        drop(self.take_ports(id, first..first + sockets.len()));
        let Some(&slot) = self.by_id.get(&id) else { return };
        let Some(call) = self.calls.get_mut(slot) else { return };
        if call.ports.len() < first + sockets.len() {
            call.ports.resize_with(first + sockets.len(), || None);
        }
        for (port, socket) in (first..).zip(sockets) {
            let key = self.sockets.insert(Port { call: slot, port });
            let data = epoll::EventData::new_u64(key as u64);
            // Only a kernel out of memory or watches refuses; the port is deaf then, and the engine's idle timer tells.
            let _ = epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN);
            call.ports[port] = Some((socket, key));
        }
    }

    fn detach(&mut self, id: CallId, ports: Range<usize>, taker: PortTaker<E>) {
        let sockets = self.take_ports(id, ports);
        if let Some(&slot) = self.by_id.get(&id) {
            self.with_call(slot, |call, _| taker(&mut call.engine, sockets));
        }
    }

    /// Takes the sockets of some ports from a call and out of the kernel's watch.
    fn take_ports(&mut self, id: CallId, ports: Range<usize>) -> Vec<UdpSocket> {
        let Some(call) = self.by_id.get(&id).and_then(|&slot| self.calls.get_mut(slot)) else {
            return Vec::new();
        };
        let places = call.ports.iter_mut().enumerate().filter(|(port, _)| ports.contains(port));
        let taken = places.filter_map(|(_, place)| place.take());
        let release = |(socket, key): (UdpSocket, usize)| {
            let _ = epoll::delete(&self.epoll, &socket);
            self.sockets.remove(key);
            socket
        };
        taken.map(release).collect()
    }

    fn close(&mut self, id: CallId, taker: CallTaker<E>) {
        let sockets = self.take_ports(id, 0..usize::MAX);
        if let Some(slot) = self.by_id.remove(&id) {
            let engine = self.calls.remove(slot).engine;
            let taken = catch_unwind(AssertUnwindSafe(move || taker(engine, sockets)));
            self.tally.panics += u64::from(taken.is_err());
        }
    }

    fn publish(&self) {
        let counters = &self.counters;
        counters.calls.store(self.calls.len() as u64, Ordering::Relaxed);
        counters.received.store(self.tally.received, Ordering::Relaxed);
        counters.sent.store(self.tally.sent, Ordering::Relaxed);
        counters.send_errors.store(self.tally.send_errors, Ordering::Relaxed);
        counters.dropped_events.store(self.tally.dropped_events, Ordering::Relaxed);
        counters.panics.store(self.tally.panics, Ordering::Relaxed);
    }
}

/// Does what the engine wants done.
fn drain<E: MediaEngine>(call: &mut Call<E>, deliver: &Deliver<E>, tally: &mut Tally) {
    while let Some(output) = call.engine.poll_output() {
        match output {
            EngineOutput::Transmit { port, to, datagram } => send(call, port, to, Some(&datagram), tally),
            EngineOutput::Event(event) => {
                if !deliver(call.id, event) {
                    tally.dropped_events += 1;
                }
            }
        }
    }
}

/// Lets the engine know that the network refused; a full buffer and a spurious wake-up are no refusal.
fn note<E: MediaEngine>(call: &mut Call<E>, port: usize, error: &io::Error) {
    if error.kind() != io::ErrorKind::WouldBlock {
        call.engine.handle_unreachable(port);
    }
}

/// Sends a datagram from a call's port. Media is dropped, never queued, when the socket buffer is full.
fn send<E: MediaEngine>(
    call: &mut Call<E>,
    port: usize,
    to: SocketAddr,
    datagram: Option<&[u8]>,
    tally: &mut Tally,
) {
    match call.socket(port).zip(datagram).map(|(socket, datagram)| socket.send_to(datagram, to)) {
        Some(Ok(_)) => tally.sent += 1,
        failed => {
            tally.send_errors += 1;
            if let Some(Err(error)) = failed {
                note(call, port, &error);
            }
        }
    }
}

fn timespec(until: Instant) -> Timespec {
    let left = until.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MediaThreads, SocketOptions, ThreadsConfig};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Sends datagrams back. Panics at a datagram of five octets, at every command, and at its deadline.
    struct Fragile(Option<Instant>);

    impl MediaEngine for Fragile {
        type Command = ();
        type Event = String;

        fn handle_datagram(
            &mut self,
            port: usize,
            to: SocketAddr,
            _: &mut [u8],
            len: usize,
            _: Instant,
        ) -> Forward {
            assert_ne!(len, 5, "five octets");
            Forward::Send { port, to, len }
        }

        fn handle_command(&mut self, (): (), _: Instant) {
            panic!("as it was told");
        }

        fn handle_timeout(&mut self, _: Instant) {
            panic!("its time has come");
        }

        fn poll_output(&mut self) -> Option<EngineOutput<String>> {
            None
        }

        fn next_timeout(&self) -> Option<Instant> {
            self.0
        }

        fn lost(&self, message: &str) -> Option<String> {
            Some(message.to_owned())
        }
    }

    /// ES-01: an engine that panics, at a datagram, a command, its deadline or a query, ends its own call: signalling is told, the
    /// ports are free again, it is counted, and the other call of the thread goes on.
    #[test]
    fn a_panic_ends_one_call_and_no_other() {
        let socket = || SocketOptions::default().bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut threads = MediaThreads::start(&ThreadsConfig::default()).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let stays = socket();
        let beside = stays.local_addr().unwrap();
        threads.open(vec![stays], Fragile(None)).unwrap();
        for message in ["five octets", "as it was told", "its time has come", "asked too much"] {
            let port = socket();
            let address = port.local_addr().unwrap();
            let deadline = (message == "its time has come").then(Instant::now);
            let call = threads.open(vec![port], Fragile(deadline)).unwrap();
            match message {
                "five octets" => _ = client.send_to(b"12345", address).unwrap(),
                "as it was told" => threads.command(call, ()).unwrap(),
                "asked too much" => drop(threads.query(call, |_| panic!("asked too much")).unwrap()),
                _ => {}
            }
            let (about, told) = threads.wait_event(PATIENCE).unwrap();
            assert!(about == call && told.contains(message), "{message}: {told}");
            UdpSocket::bind(address).unwrap();
            threads.command(call, ()).unwrap();
            client.send_to(b"still here?", beside).unwrap();
            assert_eq!(client.recv_from(&mut [0; 16]).unwrap(), (11, beside), "{message}");
        }
        assert_eq!(threads.wait_event(Duration::from_millis(50)), None);
        assert_eq!((threads.stats().panics, threads.stats().calls), (4, 1));
    }
}
