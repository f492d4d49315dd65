//! Dedicated media threads, and the handle signalling holds on them.

use std::io;
use std::net::UdpSocket;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::MediaEngine;
use super::bell::Bell;
use super::thread::{Instruction, MediaThread};

/// How media threads are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadsConfig {
    /// Threads, at least 1. Default 1; an edge uses one per core it gives to media.
    pub threads: usize,
    /// Commands that may wait per thread before [`CommandRefused::Full`]. Default 1024.
    pub commands: usize,
    /// Events that may wait for signalling before further ones are dropped. Default 4096.
    pub events: usize,
    /// How exactly deadlines are kept. Default 5 ms.
    pub tick: Duration,
}

impl Default for ThreadsConfig {
    fn default() -> Self {
        Self { threads: 1, commands: 1024, events: 4096, tick: Duration::from_millis(5) }
    }
}

/// A call on a media thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    thread: usize,
    serial: u64,
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandRefused {
    /// The thread is behind; its queue is full.
    #[error("media thread's command queue is full; try again later or refuse the call")]
    Full,
    /// The thread has ended.
    #[error("media thread has ended; start new threads")]
    Ended,
}

/// Running media threads. Dropping it closes all calls and waits for the threads.
///
/// A thread is woken for each instruction, or once for all that were given between [`hold`](Self::hold) and
/// [`release`](Self::release).
pub struct MediaThreads<E: MediaEngine> {
    threads: Vec<Handle<E>>,
    events: Option<Receiver<(CallId, E::Event)>>,
    next: u64,
    held: bool,
}

struct Handle<E: MediaEngine> {
    commands: SyncSender<Instruction<E>>,
    bell: Arc<Bell>,
    counters: Arc<Counters>,
    join: Option<JoinHandle<()>>,
}

/// Counts a thread publishes after each round.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) calls: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) send_errors: AtomicU64,
    pub(super) dropped_events: AtomicU64,
    pub(super) panics: AtomicU64,
}

/// What the threads have done, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverStats {
    /// Calls open now.
    pub calls: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams the operating system did not take.
    pub send_errors: u64,
    /// Events lost because nobody took them.
    pub dropped_events: u64,
    /// Calls ended because their engine panicked; the others of the thread went on.
    pub panics: u64,
}

impl<E: MediaEngine> MediaThreads<E> {
    /// Starts the threads. Their events wait in a channel: see [`poll_event`](Self::poll_event).
    ///
    /// # Errors
    /// What the operating system says when it has no descriptors or threads left.
    pub fn start(config: &ThreadsConfig) -> io::Result<Self> {
        let (sender, events) = sync_channel(config.events);
        let mut threads = Self::start_with(config, move |id, event| sender.try_send((id, event)).is_ok())?;
        threads.events = Some(events);
        Ok(threads)
    }

    /// Starts threads that hand their events to a function. It is called on the media thread and must not block; false says that an
    /// event could not be taken, which is counted.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptors or threads left.
    pub fn start_with(
        config: &ThreadsConfig,
        deliver: impl Fn(CallId, E::Event) -> bool + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let start = |number: usize| {
            let (commands, instructions) = sync_channel(config.commands);
            let bell = Arc::new(Bell::new()?);
            let counters = Arc::new(Counters::default());
            let mut thread = MediaThread::new(
                instructions,
                Arc::clone(&bell),
                Box::new(deliver.clone()),
                Arc::clone(&counters),
                config.tick,
            )?;
            let join =
                std::thread::Builder::new().name(format!("media-{number}")).spawn(move || thread.run())?;
            Ok(Handle { commands, bell, counters, join: Some(join) })
        };
        let threads = (0..config.threads.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, events: None, next: 0, held: false })
    }

    /// Starts a call on the thread with the fewest; `sockets` become its ports 0, 1, ….
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn open(&mut self, sockets: Vec<UdpSocket>, engine: E) -> Result<CallId, CommandRefused> {
        let calls = |handle: &Handle<E>| handle.counters.calls.load(Ordering::Relaxed);
        let fewest = self.threads.iter().map(calls).min().unwrap_or(0);
        let equal: Vec<_> =
            (0..self.threads.len()).filter(|&at| calls(&self.threads[at]) == fewest).collect();
        // Calls opened in the same moment are not counted yet: take turns among equals.
        let thread = equal[(self.next % equal.len() as u64) as usize];
        let id = CallId { thread, serial: self.next };
        self.instruct(id, Instruction::Open { id, sockets, engine })?;
        self.next += 1;
        Ok(id)
    }

    /// Asks something of a running call; ignored when it has ended.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn command(&self, call: CallId, command: E::Command) -> Result<(), CommandRefused> {
        self.instruct(call, Instruction::Command { id: call, command })
    }

    /// Asks a running call something, on its thread; the answer arrives in the channel.
    ///
    /// The channel closes without an answer when the call has ended. Statistics are read this way.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn query<T: Send + 'static>(
        &self,
        call: CallId,
        ask: impl FnOnce(&E) -> T + Send + 'static,
    ) -> Result<Receiver<T>, CommandRefused> {
        let (answer, receiver) = sync_channel(1);
        let ask = Box::new(move |engine: &E| _ = answer.try_send(ask(engine)));
        self.instruct(call, Instruction::Query { id: call, ask })?;
        Ok(receiver)
    }

    /// Gives a running call more sockets, which become its ports `first`, `first + 1`, …
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn attach(&self, call: CallId, first: usize, sockets: Vec<UdpSocket>) -> Result<(), CommandRefused> {
        self.instruct(call, Instruction::Attach { id: call, first, sockets })
    }

    /// Takes the sockets of some ports from a running call. `taker` gets them on the media thread, with the engine: it must
    /// not block. It is dropped uncalled when the call has ended.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn detach(
        &self,
        call: CallId,
        ports: Range<usize>,
        taker: impl FnOnce(&mut E, Vec<UdpSocket>) + Send + 'static,
    ) -> Result<(), CommandRefused> {
        self.instruct(call, Instruction::Detach { id: call, ports, taker: Box::new(taker) })
    }

    /// Ends a call and closes its sockets; its engine, with everything it knows, arrives in the channel.
    ///
    /// The channel closes without one when the call had ended before.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn close(&self, call: CallId) -> Result<Receiver<E>, CommandRefused> {
        let (sender, receiver) = sync_channel(1);
        // Whoever closed the call may not care for its engine.
        self.close_with(call, move |engine, _| _ = sender.try_send(engine))?;
        Ok(receiver)
    }

    /// Ends a call and keeps its sockets open: `taker` gets both on the media thread, and must not block. It is dropped
    /// uncalled when the call had ended before.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn close_with(
        &self,
        call: CallId,
        taker: impl FnOnce(E, Vec<UdpSocket>) + Send + 'static,
    ) -> Result<(), CommandRefused> {
        self.instruct(call, Instruction::Close { id: call, taker: Box::new(taker) })
    }

    /// Wakes no thread until [`release`](Self::release): what is asked in between arrives together.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Wakes the threads that something waits for since [`hold`](Self::hold), each once.
    pub fn release(&mut self) {
        self.held = false;
        for handle in &self.threads {
            if handle.bell.owed.swap(false, Ordering::Relaxed) {
                handle.bell.ring();
            }
        }
    }

    /// The next event, if one waits. None ever does on threads that were [started with](Self::start_with) a function for them.
    pub fn poll_event(&self) -> Option<(CallId, E::Event)> {
        self.events.as_ref()?.try_recv().ok()
    }

    /// Waits for an event, at most `patience`.
    pub fn wait_event(&self, patience: Duration) -> Option<(CallId, E::Event)> {
        self.events.as_ref()?.recv_timeout(patience).ok()
    }

    /// What the threads have done.
    #[must_use]
    pub fn stats(&self) -> DriverStats {
        let mut stats = DriverStats::default();
        for Handle { counters, .. } in &self.threads {
            stats.calls += counters.calls.load(Ordering::Relaxed);
            stats.received += counters.received.load(Ordering::Relaxed);
            stats.sent += counters.sent.load(Ordering::Relaxed);
            stats.send_errors += counters.send_errors.load(Ordering::Relaxed);
            stats.dropped_events += counters.dropped_events.load(Ordering::Relaxed);
            stats.panics += counters.panics.load(Ordering::Relaxed);
        }
        stats
    }

    fn instruct(&self, call: CallId, instruction: Instruction<E>) -> Result<(), CommandRefused> {
        let handle = &self.threads[call.thread];
        handle.commands.try_send(instruction).map_err(|error| match error {
            TrySendError::Full(_) => CommandRefused::Full,
            TrySendError::Disconnected(_) => CommandRefused::Ended,
        })?;
        if self.held {
            handle.bell.owed.store(true, Ordering::Relaxed);
        } else {
            handle.bell.ring();
        }
        Ok(())
    }
}

impl<E: MediaEngine> Drop for MediaThreads<E> {
    fn drop(&mut self) {
        for mut handle in self.threads.drain(..) {
            let join = handle.join.take();
            let Handle { commands, bell, .. } = handle;
            // A thread ends when nobody can command it any more.
            drop(commands);
            bell.ring();
            if let Some(join) = join {
                let _ = join.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use super::super::{EngineOutput, Forward, SocketOptions};
    use super::*;

    /// Sends datagrams back; reports commands and, once, its deadline.
    struct Echo {
        deadline: Option<Instant>,
        events: Vec<String>,
    }

    impl MediaEngine for Echo {
        type Command = String;
        type Event = String;

        fn handle_datagram(
            &mut self,
            port: usize,
            to: SocketAddr,
            _: &mut [u8],
            len: usize,
            _: Instant,
        ) -> Forward {
            Forward::Send { port, to, len }
        }

        fn handle_command(&mut self, command: String, _: Instant) {
            self.events.push(command);
        }

        fn handle_timeout(&mut self, now: Instant) {
            assert!(self.deadline.take().is_some_and(|deadline| deadline <= now));
            self.events.push("timeout".into());
        }

        fn poll_output(&mut self) -> Option<EngineOutput<String>> {
            self.events.pop().map(EngineOutput::Event)
        }

        fn next_timeout(&self) -> Option<Instant> {
            self.deadline
        }
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    fn socket() -> UdpSocket {
        SocketOptions::default().bind("127.0.0.1:0".parse().unwrap()).unwrap()
    }

    fn echo() -> Echo {
        Echo { deadline: None, events: Vec::new() }
    }

    #[test]
    fn a_thousand_sockets_on_two_threads_echo() {
        let config = ThreadsConfig { threads: 2, ..ThreadsConfig::default() };
        let mut threads = MediaThreads::start(&config).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut ports = Vec::new();
        let mut calls = Vec::new();
        for _ in 0..250 {
            let sockets: Vec<_> = (0..4).map(|_| socket()).collect();
            ports.extend(sockets.iter().map(|it| it.local_addr().unwrap()));
            calls.push(threads.open(sockets, echo()).unwrap());
        }
        for (number, port) in (0_u32..).zip(&ports) {
            client.send_to(&number.to_be_bytes(), port).unwrap();
            let mut answer = [0; 8];
            let (len, source) = client.recv_from(&mut answer).unwrap();
            assert_eq!((&answer[..len], source), (&number.to_be_bytes()[..], *port));
        }
        assert!(calls.iter().any(|id| id.thread == 0) && calls.iter().any(|id| id.thread == 1));
        for call in calls {
            threads.close(call).unwrap();
        }
        let end = Instant::now() + PATIENCE;
        while threads.stats().calls > 0 && Instant::now() < end {
            std::thread::yield_now();
        }
        let stats = threads.stats();
        assert_eq!((stats.calls, stats.received, stats.sent, stats.send_errors), (0, 1000, 1000, 0));
        // A closed call has given its ports back.
        UdpSocket::bind(ports[0]).unwrap();
    }

    #[test]
    fn commands_and_deadlines_reach_the_engine_and_events_come_back() {
        let mut threads = MediaThreads::start(&ThreadsConfig::default()).unwrap();
        let deadline = Some(Instant::now() + Duration::from_millis(30));
        let call = threads.open(vec![socket()], Echo { deadline, ..echo() }).unwrap();
        threads.command(call, "hold".into()).unwrap();
        assert_eq!(threads.wait_event(PATIENCE), Some((call, "hold".into())));
        assert_eq!(threads.wait_event(PATIENCE), Some((call, "timeout".into())));
        assert_eq!(threads.query(call, |echo| echo.events.len()).unwrap().recv_timeout(PATIENCE), Ok(0));
        let echo = threads.close(call).unwrap().recv_timeout(PATIENCE).unwrap();
        assert_eq!(echo.deadline, None);
        threads.command(call, "too late".into()).unwrap();
        assert!(threads.query(call, |_| ()).unwrap().recv_timeout(PATIENCE).is_err());
        assert_eq!(threads.wait_event(Duration::from_millis(50)), None);
    }

    #[test]
    fn sockets_move_from_call_to_call() {
        let (told, events) = sync_channel(8);
        let config = ThreadsConfig { threads: 2, ..ThreadsConfig::default() };
        let deliver = move |id, event| told.try_send((id, event)).is_ok();
        let mut threads = MediaThreads::start_with(&config, deliver).unwrap();
        let (first, second) = (threads.open(vec![], echo()).unwrap(), threads.open(vec![], echo()).unwrap());
        let moved = socket();
        let port = moved.local_addr().unwrap();
        threads.attach(first, 4, vec![moved]).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = [0; 8];
        client.send_to(b"one", port).unwrap();
        assert_eq!(client.recv_from(&mut answer).unwrap(), (3, port));
        let (sender, receiver) = sync_channel(1);
        let taker = move |engine: &mut Echo, sockets| {
            engine.events.push("taken".into());
            sender.send(sockets).unwrap();
        };
        threads.detach(first, 4..6, taker).unwrap();
        let sockets: Vec<UdpSocket> = receiver.recv_timeout(PATIENCE).unwrap();
        assert_eq!(events.recv_timeout(PATIENCE), Ok((first, "taken".to_owned())));
        threads.attach(second, 0, sockets).unwrap();
        client.send_to(b"two", port).unwrap();
        assert_eq!(client.recv_from(&mut answer).unwrap(), (3, port));
        let (sender, receiver) = sync_channel(1);
        threads.close_with(second, move |_, sockets| _ = sender.send(sockets.len())).unwrap();
        assert_eq!(receiver.recv_timeout(PATIENCE), Ok(1));
    }

    /// What is asked while wakes are held is done in its order once they are not, and a thread that nothing waits for sleeps on.
    #[test]
    fn what_is_held_arrives_together() {
        let config = ThreadsConfig { threads: 2, ..ThreadsConfig::default() };
        let mut threads = MediaThreads::start(&config).unwrap();
        threads.hold();
        let call = threads.open(vec![], echo()).unwrap();
        for command in ["one", "two"] {
            threads.command(call, command.into()).unwrap();
        }
        assert_eq!(threads.wait_event(Duration::from_millis(50)), None);
        threads.release();
        for command in ["one", "two"] {
            assert_eq!(threads.wait_event(PATIENCE), Some((call, command.into())));
        }
        threads.command(call, "three".into()).unwrap();
        assert_eq!(threads.wait_event(PATIENCE), Some((call, "three".into())));
    }

    #[test]
    fn events_nobody_takes_are_dropped_and_counted() {
        let config = ThreadsConfig { events: 1, ..ThreadsConfig::default() };
        let mut threads = MediaThreads::start(&config).unwrap();
        let call = threads.open(vec![], echo()).unwrap();
        for _ in 0..3 {
            threads.command(call, "one".into()).unwrap();
        }
        let end = Instant::now() + PATIENCE;
        while threads.stats().dropped_events < 2 && Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(threads.stats().dropped_events, 2);
        assert!(threads.poll_event().is_some() && threads.poll_event().is_none());
    }
}
