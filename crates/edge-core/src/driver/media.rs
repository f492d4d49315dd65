//! Media of the calls on their threads: commands there, events back, sockets and files in between.

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use media_rtp::Seed;
use media_rtp::driver::{CallId, CommandRefused, DriverStats, MediaThreads, ThreadsConfig};
use media_rtp::wav::Layout;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use tokio::sync::mpsc;

use super::prompts::{Prompts, has_files};
use super::recordings::Disk;
use super::run::MediaConfig;
use super::sockets::{MediaSockets, PortPlan};
use crate::media::{
    Action, CallMedia, Instruction, MediaCommand, MediaEvent, MediaId, MediaLeg, Notice, Order, PlayEnd,
    Pool, ReleasedLeg, Sound,
};

/// The media threads of an edge, and what they need from the operating system.
pub struct MediaDriver {
    threads: MediaThreads<CallMedia>,
    sockets: MediaSockets,
    disk: Disk,
    recordings: PathBuf,
    rng: ChaCha20Rng,
    calls: HashMap<MediaId, Call>,
    prompts: Prompts,
    events: mpsc::Receiver<MediaEvent>,
    done: (mpsc::UnboundedSender<Done>, mpsc::UnboundedReceiver<Done>),
    /// Told by the driver itself.
    told: VecDeque<MediaEvent>,
    /// Calls whose media thread had no room for a command.
    stalled: Vec<MediaId>,
    closing: VecDeque<(Instant, MediaId)>,
}

/// A call on its thread.
struct Call {
    thread: CallId,
    /// Commands that wait for one that takes time: a file, a leg of another call.
    waiting: Option<VecDeque<Action>>,
}

/// Something that took time.
enum Done {
    /// Files for this were opened or read.
    Ready { call: MediaId, instruction: Instruction },
    /// A leg left its call.
    Released { call: MediaId, leg: MediaLeg, released: ReleasedLeg, sockets: Vec<UdpSocket> },
    /// Something could not be had.
    Failed { call: MediaId, notice: Notice },
}

/// Events that may wait for the signalling task before further ones are dropped.
const EVENTS: usize = 8192;

/// How long a closed call may take to say so before it is taken for closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait before a command is tried again that a media thread had no room for.
const RETRY: Duration = Duration::from_millis(10);

impl MediaDriver {
    /// Binds the ports and starts the threads; gives what [`MediaPorts`](crate::media::MediaPorts) is to hand out.
    ///
    /// # Errors
    /// What the operating system says: no port of a range is free, no threads or descriptors are left.
    pub fn start(config: MediaConfig, seed: Seed) -> io::Result<(Self, Vec<Pool>)> {
        let threads = ThreadsConfig { threads: config.threads, commands: 16_384, ..ThreadsConfig::default() };
        let (sender, events) = mpsc::channel(EVENTS);
        let threads = MediaThreads::start_with(&threads, move |_, event| sender.try_send(event).is_ok())?;
        let (sockets, pools) = MediaSockets::bind(config.sockets, &config.ports)?;
        let driver = Self {
            threads,
            sockets,
            disk: Disk::start()?,
            recordings: config.recordings,
            prompts: Prompts::new(config.prompts),
            rng: ChaCha20Rng::from_seed(seed.0),
            calls: HashMap::new(),
            events,
            done: mpsc::unbounded_channel(),
            told: VecDeque::new(),
            stalled: Vec::new(),
            closing: VecDeque::new(),
        };
        Ok((driver, pools))
    }

    /// Goes over to other ranges of ports; gives what [`MediaPorts::apply`](crate::media::MediaPorts::apply) is to hand out. Calls keep
    /// the ports they have.
    ///
    /// # Errors
    /// What the operating system says: no port of a range is free. Then nothing has changed.
    pub fn apply(&mut self, ports: &[PortPlan]) -> io::Result<Vec<Pool>> {
        self.sockets.apply(ports)
    }

    /// Follows commands, each after those of the same call that came before. A media thread is woken once for all of them.
    pub fn handle(&mut self, commands: impl IntoIterator<Item = MediaCommand>) {
        self.threads.hold();
        for MediaCommand { call, action } in commands {
            if let Some(waiting) = self.calls.get_mut(&call).and_then(|call| call.waiting.as_mut()) {
                waiting.push_back(action);
            } else {
                self.follow(call, action);
            }
        }
        self.threads.release();
    }

    /// The next event. Dropping the future loses nothing.
    pub async fn event(&mut self) -> MediaEvent {
        loop {
            if let Some(event) = self.poll_event() {
                return event;
            }
            let overdue = self.closing.front().map(|(at, _)| *at);
            let retry = (!self.stalled.is_empty()).then(|| Instant::now() + RETRY);
            let wake = [overdue, retry].into_iter().flatten().min();
            tokio::select! {
                Some(event) = self.events.recv() => {
                    if let Some(event) = self.note(event) {
                        return event;
                    }
                }
                Some(done) = self.done.1.recv() => self.handle_done(done),
                () = sleep_until(wake) => self.handle_timeout(Instant::now()),
            }
        }
    }

    /// The next events: those of one call that are there together. Dropping the future loses nothing.
    pub async fn events(&mut self) -> (MediaId, Vec<MediaEvent>) {
        let first = self.event().await;
        let (call, mut events) = (first.call, vec![first]);
        while let Some(event) = self.poll_event() {
            if event.call != call {
                self.told.push_front(event);
                break;
            }
            events.push(event);
        }
        (call, events)
    }

    /// The next event, if there is one already.
    fn poll_event(&mut self) -> Option<MediaEvent> {
        if let Some(event) = self.told.pop_front() {
            return Some(event);
        }
        while let Ok(event) = self.events.try_recv() {
            if let Some(event) = self.note(event) {
                return Some(event);
            }
        }
        None
    }

    /// What the threads have done.
    #[must_use]
    pub fn stats(&self) -> DriverStats {
        self.threads.stats()
    }

    /// Takes note of an end. `None` when the end of that call was told before.
    fn note(&mut self, event: MediaEvent) -> Option<MediaEvent> {
        if let Notice::Lost { cause } = &event.notice {
            tracing::error!(
                code = "PANIC",
                call = event.call.0,
                "a panic in the media of a call was contained: {}; please report it",
                cause.escape_debug()
            );
            self.forget(event.call);
        }
        (event.notice != Notice::Closed || self.forget(event.call)).then_some(event)
    }

    fn follow(&mut self, call: MediaId, action: Action) {
        match action {
            Action::Open(settings) => {
                let mut seed = [0; 32];
                self.rng.fill_bytes(&mut seed);
                match self.threads.open(Vec::new(), CallMedia::new(call, settings, Seed(seed))) {
                    Ok(thread) => _ = self.calls.insert(call, Call { thread, waiting: None }),
                    Err(error) => {
                        self.fail(call, None, error.to_string());
                        self.tell(call, Notice::Closed);
                    }
                }
            }
            Action::Attach { leg, address } => match self.sockets.take(&address) {
                Ok(sockets) => self.attach(call, leg, sockets),
                Err(error) => {
                    let cause = format!("no media port on {}: {error}", address.bound);
                    self.fail(call, Some(leg), cause);
                }
            },
            Action::Adopt { leg, from } => self.adopt(call, leg, from),
            Action::Detach { leg } => {
                let Some(thread) = self.thread(call) else { return };
                let give_back = self.sockets.give_back.clone();
                let taken = self.threads.detach(thread, ports(leg), move |media, sockets| {
                    media.detach(leg, Instant::now());
                    let _ = give_back.send(sockets);
                });
                self.retry_if_full(call, taken, || Action::Detach { leg });
            }
            Action::Record { leg, file, layout } => self.record(call, leg, file, layout),
            Action::Play { leg, order, sound, repeat, interruptible } if has_files(&sound) => {
                self.load(call, (leg, order), sound, move |sound| Action::Play {
                    leg,
                    order,
                    sound,
                    repeat,
                    interruptible,
                });
            }
            Action::Close => {
                let Some(thread) = self.thread(call) else { return self.tell(call, Notice::Closed) };
                let sent = self.close(thread);
                if self.retry_if_full(call, sent, || Action::Close) {
                    self.closing.push_back((Instant::now() + CLOSE_WITHIN, call));
                }
            }
            action @ (Action::Connect { .. }
            | Action::Bridge { .. }
            | Action::Part { .. }
            | Action::Play { .. }
            | Action::StopPlay { .. }
            | Action::Collect { .. }
            | Action::StopCollect { .. }
            | Action::SendDigits { .. }
            | Action::Info { .. }
            | Action::MaskRecording { .. }
            | Action::StopRecording { .. }) => {
                let Some(thread) = self.thread(call) else { return };
                let sent = self.threads.command(thread, Instruction::Do(action.clone()));
                self.retry_if_full(call, sent, || action);
            }
        }
    }

    /// Has a call say its last and end; its sockets serve the next.
    fn close(&self, thread: CallId) -> Result<(), CommandRefused> {
        self.threads.command(thread, Instruction::Do(Action::Close))?;
        let give_back = self.sockets.give_back.clone();
        self.threads.close_with(thread, move |_, sockets| _ = give_back.send(sockets))
    }

    fn attach(&mut self, call: MediaId, leg: MediaLeg, sockets: Vec<UdpSocket>) {
        let attached = match self.thread(call) {
            Some(thread) => self.threads.attach(thread, ports(leg).start, sockets),
            None => Ok(()),
        };
        if let Err(error) = attached {
            self.fail(call, Some(leg), error.to_string());
        }
    }

    fn adopt(&mut self, call: MediaId, leg: MediaLeg, from: (MediaId, MediaLeg)) {
        let (from_call, from_leg) = from;
        let Some(thread) = self.thread(from_call) else {
            return self.fail(call, Some(leg), "the call to take the leg from has ended".into());
        };
        let mut reply = Reply { done: self.done.0.clone(), call, leg, sent: false };
        let give_back = self.sockets.give_back.clone();
        let taken = self.threads.detach(thread, ports(from_leg), move |media, sockets| {
            match media.release(from_leg, Instant::now()) {
                Some(released) => reply.send(Done::Released { call, leg, released, sockets }),
                None => _ = give_back.send(sockets),
            }
        });
        // The closure answers, also when it is dropped.
        if taken.is_ok() {
            self.wait(call);
        }
    }

    fn record(&mut self, call: MediaId, leg: MediaLeg, file: PathBuf, layout: Layout) {
        let disk = self.disk.clone();
        let file = self.recordings.join(file);
        let broke_off = move |file: PathBuf, cause: &dyn Display| {
            let error = Some(format!("{}: {cause}", file.display()));
            Notice::RecordingEnded { leg, file, length: Duration::ZERO, error }
        };
        let failed = broke_off(file.clone(), &FAULT);
        self.wait(call);
        aside(self.done.0.clone(), call, failed, move || match disk.create(&file) {
            Ok(sink) => Ok(Instruction::Record { leg, sink: Box::new(sink), file, layout }),
            Err(error) => Err(broke_off(file, &error)),
        });
    }

    /// Reads the files of a sound, then plays it.
    fn load(
        &mut self,
        call: MediaId,
        (leg, order): (MediaLeg, Order),
        sound: Sound,
        play: impl FnOnce(Sound) -> Action + Send + 'static,
    ) {
        let prompts = self.prompts.clone();
        let unheard = move |cause| Notice::PlayEnded { leg, order, end: PlayEnd::Failed(cause) };
        self.wait(call);
        aside(self.done.0.clone(), call, unheard(FAULT.into()), move || {
            let sound = prompts.resolve(sound).map_err(unheard)?;
            Ok(Instruction::Do(play(sound)))
        });
    }

    fn handle_done(&mut self, done: Done) {
        let call = match done {
            Done::Ready { call, instruction } => {
                if let Some(thread) = self.thread(call)
                    && let Err(error) = self.threads.command(thread, instruction)
                {
                    self.fail(call, None, error.to_string());
                }
                call
            }
            Done::Released { call, leg, released, sockets } => {
                self.attach(call, leg, sockets);
                if let Some(thread) = self.thread(call)
                    && let Err(error) = self.threads.command(thread, Instruction::Adopt { leg, released })
                {
                    self.fail(call, Some(leg), error.to_string());
                }
                call
            }
            Done::Failed { call, notice } => {
                self.tell(call, notice);
                call
            }
        };
        self.go_on(call);
    }

    fn handle_timeout(&mut self, now: Instant) {
        for call in std::mem::take(&mut self.stalled) {
            self.go_on(call);
        }
        while let Some((_, call)) = self.closing.front().copied().filter(|(at, _)| *at <= now) {
            self.closing.pop_front();
            if self.forget(call) {
                tracing::error!(call = call.0, "the media of a call did not say that it has closed");
                self.tell(call, Notice::Closed);
            }
        }
    }

    /// Follows what has waited, up to the next command that takes time.
    fn go_on(&mut self, call: MediaId) {
        let Some(mut waiting) = self.calls.get_mut(&call).and_then(|call| call.waiting.take()) else {
            return;
        };
        while let Some(action) = waiting.pop_front() {
            self.follow(call, action);
            if let Some(again) = self.calls.get_mut(&call).and_then(|call| call.waiting.as_mut()) {
                again.extend(waiting);
                return;
            }
        }
    }

    /// A call has left its thread. False when it had left before.
    fn forget(&mut self, call: MediaId) -> bool {
        if self.calls.remove(&call).is_none() {
            return false;
        }
        self.closing.retain(|(_, closing)| *closing != call);
        true
    }

    fn wait(&mut self, call: MediaId) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.waiting.get_or_insert_default();
        }
    }

    /// A command the thread has no room for is tried again soon, before those that follow. True when it was taken.
    fn retry_if_full(
        &mut self,
        call: MediaId,
        sent: Result<(), CommandRefused>,
        action: impl FnOnce() -> Action,
    ) -> bool {
        let Err(error) = sent else { return true };
        if error == CommandRefused::Full {
            self.wait(call);
            if let Some(waiting) = self.calls.get_mut(&call).and_then(|call| call.waiting.as_mut()) {
                waiting.push_front(action());
            }
            self.stalled.push(call);
        } else {
            self.fail(call, None, error.to_string());
        }
        false
    }

    fn thread(&self, call: MediaId) -> Option<CallId> {
        self.calls.get(&call).map(|call| call.thread)
    }

    fn fail(&mut self, call: MediaId, leg: Option<MediaLeg>, cause: String) {
        self.tell(call, Notice::Failed { leg, cause });
    }

    fn tell(&mut self, call: MediaId, notice: Notice) {
        self.told.push_back(MediaEvent { call, notice });
    }
}

/// What is said of work that panicked.
const FAULT: &str = "a fault of this program";

/// Does something that may block, on a thread for such things. `failed` is told when it panics, so that the call does not wait for ever.
fn aside(
    done: mpsc::UnboundedSender<Done>,
    call: MediaId,
    failed: Notice,
    work: impl FnOnce() -> Result<Instruction, Notice> + Send + 'static,
) {
    tokio::task::spawn_blocking(move || {
        // Caches of files are behind locks that forgive.
        let worked = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(failed));
        let _ = done.send(match worked {
            Ok(instruction) => Done::Ready { call, instruction },
            Err(notice) => Done::Failed { call, notice },
        });
    });
}

/// Answers for a leg that is to move, whatever becomes of the call it is in.
struct Reply {
    done: mpsc::UnboundedSender<Done>,
    call: MediaId,
    leg: MediaLeg,
    sent: bool,
}

impl Reply {
    fn send(&mut self, done: Done) {
        self.sent = true;
        let _ = self.done.send(done);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.sent {
            let cause = "the leg to take over is not connected any more".into();
            let notice = Notice::Failed { leg: Some(self.leg), cause };
            let _ = self.done.send(Done::Failed { call: self.call, notice });
        }
    }
}

/// The ports of a leg: RTP and RTCP.
fn ports(leg: MediaLeg) -> std::ops::Range<usize> {
    let first = 2 * usize::from(leg.0);
    first..first + 2
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-01: a reader of files that panics is an answer like any other: the call goes on without the sound.
    #[tokio::test]
    async fn work_that_panics_is_answered() {
        let (sender, mut done) = mpsc::unbounded_channel();
        let failed = Notice::Failed { leg: None, cause: FAULT.into() };
        aside(sender, MediaId(7), failed.clone(), || panic!("an odd file"));
        let answer = tokio::time::timeout(CLOSE_WITHIN, done.recv()).await.unwrap();
        let Some(Done::Failed { call: MediaId(7), notice }) = answer else { panic!() };
        assert_eq!(notice, failed);
    }
}
