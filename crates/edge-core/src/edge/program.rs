//! A call in the hands of the program: offered, commanded, told about.

use std::time::{Duration, Instant};

use sip_trunk::Deadline;
use sip_trunk::ua::Headers;
use telco_model::value::CallFlowId;

use super::{Edge, Event};
use crate::call::{Call, CallId, Control, Dialing, Purpose, Recorder};
use crate::cdr::{EndedBy, LegOutcome, LegParty};
use crate::media::Action;
use crate::program::{
    Command, CommandError, Offer, OfferedTrunk, Outcome, ProgramEvent, ProgramRun, Programmed, Step, StepId,
    StepKind,
};
use crate::route::{Origin, Refusal, Route, Target};

/// How long a digit lasts that a program sends.
const DIGIT: Duration = Duration::from_millis(100);

impl Edge {
    /// What the program says about a call. The outcome of a step that takes time comes as [`ProgramEvent::Over`] with the id given
    /// here; a step takes the place of the one under way.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn command(&mut self, call: CallId, command: Command, now: Instant) -> Result<StepId, CommandError> {
        self.about = Some(call);
        self.check(call, &command)?;
        let kind = match &command {
            Command::Play { .. } => Some(StepKind::Play),
            Command::Collect { .. } => Some(StepKind::Collect),
            Command::Transfer(_) => Some(StepKind::Connect),
            Command::Ring
            | Command::Answer
            | Command::Reject(_)
            | Command::Proceed
            | Command::Loop(_)
            | Command::SendDigits(_)
            | Command::SetUserData(_)
            | Command::Record { .. }
            | Command::StopRecording
            | Command::Stop
            | Command::HangUp => None,
        };
        if kind.is_some() || matches!(command, Command::Loop(_) | Command::Stop | Command::Proceed) {
            self.stop_step(call, kind, now);
        }
        let run = self.program_of(call).ok_or(CommandError::NotInHand)?;
        let id = run.next_step();
        if let Some(kind) = kind {
            run.under_way = Some(Step { id, kind });
        }
        self.obey(call, command, now);
        self.be_patient(call, now);
        self.pump(now);
        Ok(id)
    }

    fn check(&self, id: CallId, command: &Command) -> Result<(), CommandError> {
        let call = self.calls.get(id).filter(|call| call.ending.is_none()).ok_or(CommandError::Over)?;
        if !call.is_in_program() {
            return Err(CommandError::NotInHand);
        }
        let answered = call.caller_is_answered();
        let recorder = call.leg(call.caller).and_then(|leg| leg.recorder);
        match command {
            Command::Ring | Command::Answer | Command::Reject(_) if answered => Err(CommandError::Answered),
            Command::Reject(status) if !(300..700).contains(status) => Err(CommandError::Status(*status)),
            Command::Play { .. } | Command::Loop(_) | Command::Collect { .. }
                if !answered && call.leg(call.caller).is_none_or(|leg| leg.offered.is_none()) =>
            {
                Err(CommandError::NoEarlyMedia)
            }
            Command::Proceed | Command::Play { .. } | Command::Loop(_) | Command::Collect { .. }
                if call.peer.is_some() =>
            {
                Err(CommandError::Connected)
            }
            Command::Record { .. } if recorder.is_some() => Err(CommandError::Recorded),
            Command::StopRecording if recorder != Some(Recorder::Program) => Err(CommandError::NotRecording),
            Command::Transfer(_) | Command::Proceed if is_transferred(call) => {
                Err(CommandError::Transferring)
            }
            Command::Ring
            | Command::Answer
            | Command::Reject(_)
            | Command::Proceed
            | Command::Play { .. }
            | Command::Loop(_)
            | Command::Collect { .. }
            | Command::SendDigits(_)
            | Command::SetUserData(_)
            | Command::Transfer(_)
            | Command::Record { .. }
            | Command::StopRecording
            | Command::Stop
            | Command::HangUp => Ok(()),
        }
    }

    fn obey(&mut self, id: CallId, command: Command, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let (media, leg, peer, answered) = (call.media, call.caller, call.peer, call.caller_is_answered());
        match command {
            Command::Ring => self.tell_caller(id, 180, now),
            Command::Answer => self.program_answers(id, now),
            Command::Reject(status) => {
                self.reject_caller(id, status, Headers::new(), "refused by the program", now);
            }
            Command::Proceed => self.proceed(id, now),
            Command::Play { sound, interruptible } => {
                self.open_ears(id, now);
                self.play(id, sound, false, interruptible);
            }
            Command::Loop(sound) => {
                self.open_ears(id, now);
                self.play(id, sound, true, false);
            }
            Command::Collect { prompt, collection } => {
                self.open_ears(id, now);
                self.collect(id, prompt, collection);
            }
            Command::SendDigits(digits) => {
                self.order_media(media, Action::SendDigits { leg, digits, duration: DIGIT });
            }
            Command::SetUserData(data) => call.user_data = data,
            Command::Transfer(destination) => {
                if let Some(peer) = peer {
                    self.drop_leg(id, peer, LegOutcome::Answered, now);
                }
                self.connect_to(id, &destination, now);
            }
            Command::Record { file, layout } => {
                if let Some(state) = call.leg_mut(leg) {
                    state.recorder = Some(Recorder::Program);
                }
                self.order_media(media, Action::Record { leg, file, layout });
            }
            Command::StopRecording => self.order_media(media, Action::StopRecording { leg }),
            Command::Stop => {}
            Command::HangUp if answered => {
                self.finish(id, EndedBy::Called, None, "hung up by the program", now)
            }
            Command::HangUp => self.reject_caller(id, 480, Headers::new(), "given up by the program", now),
        }
    }

    fn program_answers(&mut self, id: CallId, now: Instant) {
        let flow = self.program_of(id).and_then(|run| flow_in(&run.route));
        let name = flow.and_then(|flow| Some(self.calls.get(id)?.runtime.flows.get(&flow)?.name.to_string()));
        let party = flow.map_or(LegParty::Unknown, |id| LegParty::Flow { id });
        self.answer_ourselves(id, party, name.unwrap_or_else(|| "program".into()), now);
        // Somebody may be ringing already.
        self.ring_back(id);
    }

    /// A caller that was not answered hears us from now on (RFC 3261 §13.3.1.1, RFC 3960).
    fn open_ears(&mut self, id: CallId, now: Instant) {
        let Some(caller) =
            self.calls.get(id).filter(|call| !call.caller_is_answered()).map(|call| call.caller)
        else {
            return;
        };
        self.answer_caller_offer(id);
        self.connect(id, caller);
        self.tell_caller(id, 183, now);
    }

    /// The configuration decides after all.
    fn proceed(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(Control::Program(run)) = call.control.take() else { return };
        let reason = "left to the configuration by the program".to_owned();
        self.tell(Event::Program(ProgramEvent::Ended { call: id, by: EndedBy::Called, reason }));
        match run.route {
            Ok(Route { target: Target::Flow(flow), .. }) => self.start_flow(id, flow, now),
            Ok(route) => {
                self.reach(id, route, Purpose::Call, now);
                self.ring_back(id);
            }
            Err(refusal) => self.turn_away(id, &refusal, now),
        }
    }

    /// Whether the program decides about a call that has just come in.
    pub(super) fn is_for_program(&self, origin: &Origin, emergency: bool) -> bool {
        !emergency
            && match (&self.config.program.calls, origin) {
                (Programmed::Inbound, Origin::Trunk(_)) | (Programmed::Everything, _) => true,
                (Programmed::Inbound, Origin::Phone(_)) | (Programmed::Nothing | Programmed::Flows(_), _) => {
                    false
                }
            }
    }

    /// Asks the program what is to become of a call; `route` is what the configuration would do.
    pub(super) fn offer_to_program(&mut self, id: CallId, route: Result<Route, Refusal>, now: Instant) {
        self.open_media(id, now);
        let until = now + self.config.program.take_within;
        let Some(call) = self.calls.get_mut(id) else { return };
        let offer = offer(id, call, flow_in(&route));
        call.record.add_explanation("offered to the program");
        call.control = Some(Control::Program(Box::new(ProgramRun::new(route, until))));
        self.tell(Event::Program(ProgramEvent::Offered(Box::new(offer))));
    }

    fn program_of(&mut self, id: CallId) -> Option<&mut ProgramRun> {
        match self.calls.get_mut(id)?.control.as_mut()? {
            Control::Program(run) => Some(run),
            Control::Flow(_) => None,
        }
    }

    /// Gives up the step under way for one of another kind, or for nothing.
    fn stop_step(&mut self, id: CallId, next: Option<StepKind>, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let (media, leg) = (call.media, call.caller);
        let of_program = |dialing: &Dialing| dialing.purpose == Purpose::Step;
        let Some(Control::Program(run)) = &mut call.control else { return };
        let stopped = run.under_way.take();
        let kind = stopped.map(|step| step.kind);
        if kind == Some(StepKind::Collect) && next != Some(StepKind::Collect) {
            self.order_media(media, Action::StopCollect { leg });
        }
        if kind == Some(StepKind::Connect)
            && let Some(call) = self.calls.get_mut(id)
        {
            call.releasing = None;
            if call.dialing.as_deref().is_some_and(of_program) {
                self.withdraw_all(id, now);
            }
        }
        if !matches!(next, Some(StepKind::Play)) {
            self.order_media(media, Action::StopPlay { leg });
        }
        if let Some(step) = stopped {
            let over = ProgramEvent::Over { call: id, step: step.id, outcome: Outcome::Stopped };
            self.tell(Event::Program(over));
        }
    }

    pub(super) fn tell_program(&mut self, id: CallId, outcome: Outcome, now: Instant) {
        let Some(step) = self.program_of(id).and_then(|run| run.conclude(&outcome)) else { return };
        self.tell(Event::Program(ProgramEvent::Over { call: id, step, outcome }));
        self.be_patient(id, now);
    }

    /// The call is over, whoever ended it.
    pub(super) fn end_program(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        if let Some(Control::Program(_)) = &call.control {
            let ending = &call.record.ending;
            let ended = ProgramEvent::Ended { call: id, by: ending.by, reason: ending.reason.clone() };
            self.tell(Event::Program(ended));
        }
    }

    /// How long the program may be silent from now on: without bound while a step of its is under way or the caller talks.
    fn be_patient(&mut self, id: CallId, now: Instant) {
        let (ring, idle) = (self.config.ring, self.config.program.idle);
        let Some(call) = self.calls.get_mut(id) else { return };
        let patience = if call.caller_is_answered() { idle } else { ring };
        let connected = call.peer.is_some();
        if let Some(Control::Program(run)) = &mut call.control {
            run.until = (!connected && run.under_way.is_none()).then(|| now + patience);
        }
    }

    /// Ends a call that its program has forgotten.
    pub(super) fn time_program(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get(id) else { return };
        if call.program_deadline().is_none_or(|deadline| deadline.at > now) {
            return;
        }
        let why = "the program said nothing for too long";
        if call.caller_is_answered() {
            self.finish(id, EndedBy::Edge, None, why, now);
        } else {
            let rang = call.record.legs.first().is_some_and(|line| line.ringing.is_some());
            let status = if rang { 480 } else { 503 };
            self.reject_caller(id, status, Headers::new(), why, now);
        }
    }
}

impl Call {
    pub(super) fn is_in_program(&self) -> bool {
        matches!(self.control, Some(Control::Program(_)))
    }

    pub(super) fn program_deadline(&self) -> Option<Deadline> {
        let Some(Control::Program(run)) = &self.control else { return None };
        let at = run.until.filter(|_| self.ending.is_none())?;
        Some(Deadline { at, why: "patience with a program" })
    }
}

fn offer(id: CallId, call: &Call, flow: Option<CallFlowId>) -> Offer {
    let (trunk, phone) = match &call.origin {
        Origin::Trunk(trunk) => {
            let settings = &trunk.settings;
            (Some(OfferedTrunk { id: settings.id, name: settings.name.clone() }), None)
        }
        Origin::Phone(phone) => (None, Some(phone.id)),
    };
    let first = call.record.legs.first();
    Offer {
        call: id,
        conversation: call.conversation,
        from: call.caller_address().unwrap_or_default().to_owned(),
        number: call.caller_number(),
        to: first.map(|line| line.to.clone()).unwrap_or_default(),
        dialled: call.record.dialled.clone(),
        asserted: call.asserted().map(str::to_owned),
        trunk,
        phone,
        flow,
        user_data: call.user_data.clone(),
        answered: call.caller_is_answered(),
    }
}

fn flow_in(route: &Result<Route, Refusal>) -> Option<CallFlowId> {
    match &route.as_ref().ok()?.target {
        Target::Flow(flow) => Some(flow.id),
        Target::Phones { .. } | Target::Trunks { .. } => None,
    }
}

/// Whether a REFER of one of the peers is moving the call.
fn is_transferred(call: &Call) -> bool {
    call.transferor.is_some()
        || call.dialing.as_ref().is_some_and(|dialing| matches!(dialing.purpose, Purpose::Transfer { .. }))
}
