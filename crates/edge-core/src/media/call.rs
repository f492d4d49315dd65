//! The media of one call, as a value without sockets: ports `2n` and `2n + 1` are RTP and RTCP of leg `n`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use media_rtp::Seed;
use media_rtp::diagnosis::MediaDiagnosis;
use media_rtp::driver::{BUFFER, EngineOutput, Forward, MediaEngine};
use media_rtp::dtmf::Digit;
use media_rtp::relay::{Component, Leg, LegConfig, LegId, Output, Verdict};
use media_rtp::sdp::offer_answer::MediaSecurity;
use media_rtp::tone::TonePlan;
use media_rtp::wav::Layout;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use slab::Slab;

use super::MAX_LEGS;
use super::collect::Collector;
use super::command::{Action, MediaId, MediaLeg, MediaSettings};
use super::event::{CollectEnd, LegReport, MediaEvent, Notice, PlayEnd};
use super::play::{Playing, Voice};
use super::record::{self, Recording, Sink};
use super::room::{Room, Side};

/// What a driver passes on to a call's media thread.
pub enum Instruction {
    /// A command of the call engine. [`Action::Open`], [`Action::Attach`], [`Action::Adopt`] and [`Action::Record`] need
    /// sockets or files and are the driver's; here they do nothing.
    Do(Action),
    /// [`Action::Record`], with the file opened.
    Record {
        /// Which leg.
        leg: MediaLeg,
        /// The open file.
        sink: Box<dyn Sink>,
        /// Its path, for [`Notice::RecordingEnded`].
        file: PathBuf,
        /// What is in it.
        layout: Layout,
    },
    /// [`Action::Adopt`], once the leg has left its call and its sockets are attached here.
    Adopt {
        /// Its number here.
        leg: MediaLeg,
        /// The leg.
        released: ReleasedLeg,
    },
}

/// A connected leg between two calls.
pub struct ReleasedLeg {
    leg: Leg,
    told: Vec<&'static str>,
}

/// The media of one call: see the [module](super) for what it does, and [`MediaEngine`] for how to drive it.
pub struct CallMedia {
    id: MediaId,
    pub(super) settings: MediaSettings,
    pub(super) rng: ChaCha20Rng,
    pub(super) members: [Option<Box<Member>>; MAX_LEGS],
    pub(super) rooms: Slab<Room>,
    outputs: VecDeque<EngineOutput<MediaEvent>>,
    scratch: Box<[u8]>,
}

/// One leg of the call.
pub(super) struct Member {
    pub(super) place: Place,
    /// The leg it is to be bridged with, whenever both can be.
    pub(super) peer: Option<usize>,
    pub(super) playing: Option<Playing>,
    pub(super) voice: Option<Voice>,
    pub(super) recording: Option<Recording>,
    collector: Option<Collector>,
    /// The causes of bad audio that were told.
    told: Vec<&'static str>,
    next_look: Instant,
}

/// Where a leg is.
pub(super) enum Place {
    /// Nothing was negotiated yet.
    Waiting,
    /// In no room: nothing can be sent to it.
    Apart(Leg),
    /// In this room, on this side of its relay.
    In(usize, LegId),
}

/// How often a leg is looked at for causes of bad audio, and a recording for errors.
const LOOK: Duration = Duration::from_secs(2);

impl CallMedia {
    /// A call without legs. The seed gives SSRCs and first numbers.
    #[must_use]
    pub fn new(id: MediaId, settings: MediaSettings, seed: Seed) -> Self {
        Self {
            id,
            settings,
            rng: ChaCha20Rng::from_seed(seed.0),
            members: Default::default(),
            rooms: Slab::new(),
            outputs: VecDeque::new(),
            scratch: vec![0; BUFFER].into(),
        }
    }

    /// Ends a leg, with its [`LegReport`].
    pub fn detach(&mut self, leg: MediaLeg, now: Instant) {
        let key = usize::from(leg.0);
        let diagnoses = self.diagnose(key, now);
        if let Some(ReleasedLeg { leg: left, .. }) = self.release(leg, now) {
            let report = Box::new(report(&left, diagnoses));
            self.tell(Notice::LegEnded { leg, report });
        }
    }

    /// Takes a connected leg out of the call, to be adopted by another.
    pub fn release(&mut self, leg: MediaLeg, now: Instant) -> Option<ReleasedLeg> {
        let key = usize::from(leg.0);
        self.quieten(key, now);
        let leg = self.unseat(key, now);
        let member = self.members.get_mut(key)?.take()?;
        Some(ReleasedLeg { leg: leg?, told: member.told })
    }

    /// Ends all legs and recordings; [`Notice::Closed`] is the last event.
    pub fn close(&mut self, now: Instant) {
        for leg in 0..MAX_LEGS as u8 {
            self.detach(MediaLeg(leg), now);
        }
        self.tell(Notice::Closed);
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Open(_) | Action::Attach { .. } | Action::Adopt { .. } | Action::Record { .. } => {}
            Action::Connect { leg, config } => self.connect(leg, *config, now),
            Action::Bridge { a, b } => self.bridge(a, b, now),
            Action::Part { leg } => self.part(leg, now),
            Action::Play { leg, order, sound, repeat, interruptible } => {
                self.play(leg, Playing::new(order, sound, repeat, interruptible), now);
            }
            Action::StopPlay { leg } => self.end_play(usize::from(leg.0), PlayEnd::Stopped, now),
            Action::Collect { leg, order, collection } => {
                self.end_collection(usize::from(leg.0), CollectEnd::Stopped);
                if let Some(member) = self.member(leg, now) {
                    let playing = member.playing.is_some();
                    member.collector = Some(Collector::new(order, collection, playing, now));
                }
            }
            Action::StopCollect { leg } => self.end_collection(usize::from(leg.0), CollectEnd::Stopped),
            Action::SendDigits { leg, digits, duration } => self.send_digits(leg, &digits, duration, now),
            Action::Info { leg, signal } => {
                if let Some((room, side)) = self.seat(usize::from(leg.0)) {
                    self.rooms[room].relay.handle_info(side, signal, now);
                    self.follow(room, now);
                }
            }
            Action::MaskRecording { leg, masked } => {
                let member = self.members.get(usize::from(leg.0)).and_then(Option::as_ref);
                member.and_then(|member| member.recording.as_ref()).iter().for_each(|it| it.mask(masked));
            }
            Action::StopRecording { leg } => self.end_recording(usize::from(leg.0), now),
            Action::Detach { leg } => self.detach(leg, now),
            Action::Close => self.close(now),
        }
    }

    fn connect(&mut self, leg: MediaLeg, config: LegConfig, now: Instant) {
        let (idle, seed) = (self.settings.idle, self.seed());
        let key = usize::from(leg.0);
        if self.member(leg, now).is_none() {
            return;
        }
        let connected = match self.unseat(key, now) {
            Some(mut known) => {
                // What was agreed before goes on when the new agreement cannot be had.
                let applied = known.apply(config, now);
                Ok((known, applied.err()))
            }
            None => Leg::new(config, idle, seed, now).map(|leg| (leg, None)),
        };
        let error = match connected {
            Ok((connected, error)) => {
                if let Some(member) = &mut self.members[key] {
                    member.place = Place::Apart(connected);
                }
                self.settle(key, now);
                error
            }
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            self.tell(Notice::Failed { leg: Some(leg), cause: error.to_string() });
        }
    }

    fn bridge(&mut self, a: MediaLeg, b: MediaLeg, now: Instant) {
        if a == b || self.member(a, now).is_none() || self.member(b, now).is_none() {
            return;
        }
        let (a, b) = (usize::from(a.0), usize::from(b.0));
        for (key, peer) in [(a, b), (b, a)] {
            let former = self.members[key].as_mut().and_then(|member| member.peer.replace(peer));
            if let Some(former) = former.filter(|former| *former != peer) {
                if let Some(member) = &mut self.members[former] {
                    member.peer = None;
                }
                self.settle(former, now);
            }
        }
        self.settle(a, now);
    }

    fn part(&mut self, leg: MediaLeg, now: Instant) {
        let key = usize::from(leg.0);
        let member = self.members.get_mut(key).and_then(Option::as_mut);
        let Some(peer) = member.and_then(|member| member.peer.take()) else { return };
        if let Some(member) = &mut self.members[peer] {
            member.peer = None;
        }
        self.settle(key, now);
    }

    fn play(&mut self, leg: MediaLeg, playing: Playing, now: Instant) {
        let key = usize::from(leg.0);
        let Some(member) = self.member(leg, now) else { return };
        if let Some(Playing { order, .. }) = member.playing.replace(playing) {
            self.tell(Notice::PlayEnded { leg, order, end: PlayEnd::Stopped });
        }
        self.settle(key, now);
    }

    pub(super) fn end_play(&mut self, key: usize, end: PlayEnd, now: Instant) {
        let member = self.members.get_mut(key).and_then(Option::as_mut);
        let Some((member, Playing { order, .. })) =
            member.and_then(|member| member.playing.take().map(|playing| (member, playing)))
        else {
            return;
        };
        member.collector.iter_mut().for_each(|collector| collector.heard(now));
        self.tell(Notice::PlayEnded { leg: MediaLeg(key as u8), order, end });
        self.settle(key, now);
    }

    fn end_collection(&mut self, key: usize, end: CollectEnd) {
        let member = self.members.get_mut(key).and_then(Option::as_mut);
        let Some(collector) = member.and_then(|member| member.collector.take()) else { return };
        let (leg, order) = (MediaLeg(key as u8), collector.order);
        self.tell(Notice::Collected { leg, order, digits: collector.into_digits(), end });
    }

    fn send_digits(&mut self, leg: MediaLeg, digits: &[Digit], duration: Duration, now: Instant) {
        let Some((room, side)) = self.seat(usize::from(leg.0)) else { return };
        let relay = &mut self.rooms[room].relay;
        let sent = digits.iter().try_for_each(|digit| relay.send_digit(side, *digit, duration, now));
        if let Err(error) = sent {
            self.tell(Notice::Failed { leg: Some(leg), cause: error.to_string() });
        }
        self.follow(room, now);
    }

    fn record(&mut self, leg: MediaLeg, sink: Box<dyn Sink>, file: PathBuf, layout: Layout, now: Instant) {
        let key = usize::from(leg.0);
        self.end_recording(key, now);
        let Some(member) = self.member(leg, now) else { return };
        // A wide-band leg is worth a wide-band file.
        let wide = member.voice.as_ref().is_some_and(Voice::is_wide_band);
        let rate = if wide { 16_000 } else { 8000 };
        match Recording::new(sink, file.clone(), layout, rate, now) {
            Ok(recording) => member.recording = Some(recording),
            Err(error) => {
                let error = Some(record::tell(&error));
                return self.tell(Notice::RecordingEnded { leg, file, length: Duration::ZERO, error });
            }
        }
        if let Some((room, _)) = self.seat(key) {
            self.place_taps(room);
        }
    }

    fn end_recording(&mut self, key: usize, now: Instant) {
        let member = self.members.get_mut(key).and_then(Option::as_mut);
        let Some(recording) = member.and_then(|member| member.recording.take()) else { return };
        if let Some((room, _)) = self.seat(key) {
            self.place_taps(room);
        }
        let (file, length, error) = recording.finish(now);
        self.tell(Notice::RecordingEnded { leg: MediaLeg(key as u8), file, length, error });
    }

    fn adopt(&mut self, leg: MediaLeg, released: ReleasedLeg, now: Instant) {
        if let Some(member) = self.member(leg, now) {
            member.place = Place::Apart(released.leg);
            member.told = released.told;
        }
        self.settle(usize::from(leg.0), now);
    }

    /// Ends all that goes on for a leg, and takes it from its peer.
    fn quieten(&mut self, key: usize, now: Instant) {
        self.part(MediaLeg(key as u8), now);
        self.end_play(key, PlayEnd::Stopped, now);
        self.end_collection(key, CollectEnd::Stopped);
        self.end_recording(key, now);
    }

    /// Passes on what a room's relay has to say.
    pub(super) fn follow(&mut self, room: usize, now: Instant) {
        while let Some((output, sides)) =
            self.rooms.get_mut(room).and_then(|room| Some((room.relay.poll_output()?, room.sides)))
        {
            self.handle_output(output, sides, now);
        }
    }

    fn handle_output(&mut self, output: Output, sides: [Side; 2], now: Instant) {
        let member = |leg: LegId| match sides[leg as usize] {
            Side::Leg(key) => Some((key, MediaLeg(key as u8))),
            Side::Voice => None,
        };
        match output {
            Output::Transmit { leg, component, to, datagram } => {
                if let Some((key, _)) = member(leg) {
                    let port = 2 * key + usize::from(component == Component::Rtcp);
                    self.outputs.push_back(EngineOutput::Transmit { port, to, datagram });
                }
            }
            Output::DigitReceived { leg, digit, source } => {
                if let Some((key, leg)) = member(leg) {
                    self.tell(Notice::Digit { leg, digit, source });
                    self.take_digit(key, digit, now);
                }
            }
            Output::Info { leg, content_type, body } => {
                if let Some((_, leg)) = member(leg) {
                    self.tell(Notice::Info { leg, content_type, body });
                }
            }
            Output::SourceLearned { leg, source } => {
                if let Some((_, leg)) = member(leg) {
                    self.tell(Notice::SourceLearned { leg, source });
                }
            }
            Output::LegIdle { leg } => {
                if let Some((_, leg)) = member(leg) {
                    self.tell(Notice::Idle { leg });
                }
            }
            Output::LegResumed { leg } => {
                if let Some((_, leg)) = member(leg) {
                    self.tell(Notice::Resumed { leg });
                }
            }
            Output::Refused { leg, error } => {
                let leg = member(leg).map(|(_, leg)| leg);
                self.tell(Notice::Failed { leg, cause: error.to_string() });
            }
            // STUN and DTLS: no leg has an engine for them, and a stranger's datagram is no news.
            Output::NotMedia { .. } => {}
            unknown => self.tell(Notice::Failed { leg: None, cause: format!("{unknown:?} is not known") }),
        }
    }

    fn take_digit(&mut self, key: usize, digit: Digit, now: Instant) {
        let Some(member) = &mut self.members[key] else { return };
        let end = member.collector.as_mut().and_then(|collector| collector.take(digit, now));
        let interrupts = member.playing.as_ref().is_some_and(|playing| playing.interruptible);
        if interrupts {
            self.end_play(key, PlayEnd::Interrupted, now);
        }
        if let Some(end) = end {
            self.end_collection(key, end);
        }
    }

    /// Speaks to a leg that is alone, if its next frame is due.
    fn speak(&mut self, key: usize, now: Instant) {
        while let Some((room, side)) = self.alone_in(key)
            && let Some(member) = &mut self.members[key]
            && let Some(voice) = member.voice.as_mut().filter(|voice| voice.next <= now)
        {
            let tones = TonePlan::of(&self.settings.country).or_else(|| TonePlan::of("US"));
            let Some(tones) = tones else { return };
            let spoken = voice.speak(member.playing.as_mut(), tones, &mut self.scratch, now);
            let end = match spoken {
                Ok((len, ended)) => {
                    self.utter(key, room, side, len, now);
                    ended.then_some(PlayEnd::Finished)
                }
                Err(cause) => Some(PlayEnd::Failed(cause)),
            };
            if let Some(end) = end {
                self.end_play(key, end, now);
            }
        }
    }

    /// Sends the packet in the scratch buffer to a leg, as the voice in its room.
    fn utter(&mut self, key: usize, room: usize, side: LegId, len: usize, now: Instant) {
        let (relay, buffer) = (&mut self.rooms[room].relay, &mut self.scratch);
        let from = super::room::NOWHERE;
        let verdict = relay.handle_packet(side.other(), Component::Rtp, from, buffer, len, now);
        if let Verdict::Send { to, len, component, .. } = verdict
            && let Some(datagram) = self.scratch.get(..len)
        {
            let port = 2 * key + usize::from(component == Component::Rtcp);
            self.outputs.push_back(EngineOutput::Transmit { port, to, datagram: datagram.to_vec() });
        }
        self.follow(room, now);
    }

    /// Looks for causes of bad audio that were not told yet, and for a recording that cannot be written.
    fn look(&mut self, key: usize, now: Instant) {
        let Some(member) = self.members[key].as_mut().filter(|member| member.next_look <= now) else {
            return;
        };
        member.next_look = now + LOOK;
        if member.recording.as_ref().is_some_and(Recording::is_broken) {
            self.end_recording(key, now);
        }
        for diagnosis in self.diagnose(key, now) {
            let told = self.members[key].as_mut().map(|member| &mut member.told);
            if let Some(told) = told.filter(|told| !told.contains(&diagnosis.code())) {
                told.push(diagnosis.code());
                self.tell(Notice::Diagnosed { leg: MediaLeg(key as u8), diagnosis });
            }
        }
    }

    fn diagnose(&self, key: usize, now: Instant) -> Vec<MediaDiagnosis> {
        let Some((room, side)) = self.seat(key) else { return Vec::new() };
        let found = self.rooms[room].relay.diagnose(now).into_iter();
        found.filter(|(leg, _)| *leg == side).map(|(_, diagnosis)| diagnosis).collect()
    }

    /// The leg of that number; it is there from when it is first mentioned.
    fn member(&mut self, leg: MediaLeg, now: Instant) -> Option<&mut Member> {
        let Some(member) = self.members.get_mut(usize::from(leg.0)) else {
            let notice =
                Notice::Failed { leg: Some(leg), cause: format!("a call has at most {MAX_LEGS} legs") };
            self.outputs.push_back(EngineOutput::Event(MediaEvent { call: self.id, notice }));
            return None;
        };
        Some(member.get_or_insert_with(|| {
            Box::new(Member {
                place: Place::Waiting,
                peer: None,
                playing: None,
                voice: None,
                recording: None,
                collector: None,
                told: Vec::new(),
                next_look: now + LOOK,
            })
        }))
    }

    pub(super) fn tell(&mut self, notice: Notice) {
        self.outputs.push_back(EngineOutput::Event(MediaEvent { call: self.id, notice }));
    }

    pub(super) fn seed(&mut self) -> Seed {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        Seed(seed)
    }
}

fn report(leg: &Leg, diagnoses: Vec<MediaDiagnosis>) -> LegReport {
    let session = &leg.config().session;
    let suite = match &session.security {
        MediaSecurity::Sdes { send, .. } => Some(send.profile().sdes_name()),
        MediaSecurity::Plain | MediaSecurity::Dtls { .. } => None,
    };
    LegReport {
        codec: session.send.codec.encoding().to_owned(),
        clock_rate: session.send.codec.clock_rate(),
        suite,
        remote: leg.target(),
        stats: leg.stats(),
        quality: leg.quality(),
        diagnoses,
    }
}

impl MediaEngine for CallMedia {
    type Command = Instruction;
    type Event = MediaEvent;

    fn handle_datagram(
        &mut self,
        port: usize,
        source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Forward {
        let component = if port.is_multiple_of(2) { Component::Rtp } else { Component::Rtcp };
        let Some((key, side)) = self.seat(port / 2) else { return Forward::Nothing };
        let room = &mut self.rooms[key];
        let verdict = room.relay.handle_packet(side, component, source, buffer, len, now);
        let forward = match verdict {
            Verdict::Send { leg, component, to, len } => match room.side(leg) {
                Side::Leg(key) => {
                    Forward::Send { port: 2 * key + usize::from(component == Component::Rtcp), to, len }
                }
                Side::Voice => Forward::Nothing,
            },
            Verdict::Done | Verdict::NotMedia(_) => Forward::Nothing,
        };
        self.follow(key, now);
        forward
    }

    fn handle_command(&mut self, command: Instruction, now: Instant) {
        match command {
            Instruction::Do(action) => self.act(action, now),
            Instruction::Record { leg, sink, file, layout } => self.record(leg, sink, file, layout, now),
            Instruction::Adopt { leg, released } => self.adopt(leg, released, now),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        for key in 0..MAX_LEGS {
            let Some(member) = &self.members[key] else { continue };
            if let Some(end) = member.collector.as_ref().and_then(|collector| collector.handle_timeout(now)) {
                self.end_collection(key, end);
            }
            self.speak(key, now);
            self.look(key, now);
        }
        let due = |room: &Room| room.relay.next_timeout().is_some_and(|at| at <= now);
        let due: Vec<usize> = self.rooms.iter().filter(|(_, room)| due(room)).map(|(key, _)| key).collect();
        for key in due {
            if let Some(room) = self.rooms.get_mut(key) {
                room.relay.handle_timeout(now);
                self.follow(key, now);
            }
        }
    }

    fn handle_unreachable(&mut self, port: usize) {
        if let Some((room, side)) = self.seat(port / 2) {
            self.rooms[room].relay.handle_unreachable(side);
        }
    }

    fn poll_output(&mut self) -> Option<EngineOutput<MediaEvent>> {
        self.outputs.pop_front()
    }

    fn lost(&self, message: &str) -> Option<MediaEvent> {
        Some(MediaEvent { call: self.id, notice: Notice::Lost { cause: message.to_owned() } })
    }

    fn next_timeout(&self) -> Option<Instant> {
        let of_member = |key: usize| {
            let member = self.members[key].as_ref()?;
            let collector = member.collector.as_ref().and_then(Collector::deadline);
            let voice = member.voice.as_ref().filter(|_| self.alone_in(key).is_some());
            Some([Some(member.next_look), collector, voice.map(|voice| voice.next)])
        };
        let members = (0..MAX_LEGS).filter_map(of_member).flatten().flatten();
        members.chain(self.rooms.iter().filter_map(|(_, room)| room.relay.next_timeout())).min()
    }
}
