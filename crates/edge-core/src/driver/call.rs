//! A call in the hands of an asynchronous program.

use std::path::PathBuf;
use std::time::Duration;

use media_rtp::dtmf::Digit;
use media_rtp::wav::Layout;
use sip_trunk::driver::{Handle, Unanswered};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::cdr::EndedBy;
use crate::edge::Edge;
use crate::media::{CollectEnd, Collection, PlayEnd, Sound};
use crate::program::{Command, CommandError, Destination, Offer, Outcome, ProgramEvent, StepId};

/// A call in the hands of a program. Dropping it hangs up, unless the caller was [transferred](Self::transfer) or the call was left
/// to the configuration.
///
/// One step is under way at a time. When a step's future is dropped before it is over, as by a time limit, the step goes on until the
/// next one takes its place.
#[derive(Debug)]
pub struct Call {
    offer: Offer,
    edge: Handle<Edge>,
    news: mpsc::UnboundedReceiver<ProgramEvent>,
    /// How it ended.
    ending: Option<Ending>,
    recording: Option<Recording>,
    /// It goes on when the program is over.
    let_go: bool,
}

/// How long after the end of a call its recording is waited for.
const LAST_NEWS: Duration = Duration::from_secs(5);

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Who ended it.
    pub by: EndedBy,
    /// Why, for people.
    pub reason: String,
}

/// What came of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// Somebody answered and is connected to the caller; [`Call::ended`] waits until they are done.
    Connected,
    /// Nobody answered, and the caller is here again.
    Refused {
        /// The SIP status.
        status: u16,
        /// Why, when the edge knew before it called anybody.
        reason: Option<String>,
    },
    /// The caller's carrier took the call over: it is over here.
    Released,
}

/// Digits of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// The digits, without the one that ended them.
    pub digits: String,
    /// Why there are no more.
    pub end: CollectEnd,
}

/// A recording that is complete. The file gets its name when the disk has all of it, a moment later at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Where it is.
    pub file: PathBuf,
    /// How long it is.
    pub length: Duration,
    /// Why it broke off.
    pub error: Option<String>,
}

/// Why something was not done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call is over: somebody hung up, or the edge ended it.
    #[error("the call is over")]
    Over,
    /// It cannot be done to this call now.
    #[error(transparent)]
    Refused(CommandError),
    /// Something else was asked of the call meanwhile.
    #[error("another step took the place of this one")]
    Replaced,
    /// The edge gave no answer: it has stopped, or failed at it.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

impl Call {
    pub(super) fn new(offer: Offer, edge: Handle<Edge>, news: mpsc::UnboundedReceiver<ProgramEvent>) -> Self {
        Self { offer, edge, news, ending: None, recording: None, let_go: false }
    }

    /// Who calls whom, on which trunk, with what data.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Tells the caller that it rings.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ring(&mut self) -> Result<(), CallError> {
        self.command(Command::Ring).await.map(drop)
    }

    /// Answers.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn answer(&mut self) -> Result<(), CallError> {
        self.command(Command::Answer).await.map(drop)
    }

    /// Refuses the call with a SIP status of 300 to 699.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn reject(mut self, status: u16) -> Result<(), CallError> {
        self.command(Command::Reject(status)).await.map(drop)
    }

    /// Lets the call go where the configuration leads it, and goes on without it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn proceed(mut self) -> Result<(), CallError> {
        self.command(Command::Proceed).await?;
        self.let_go = true;
        Ok(())
    }

    /// Plays a sound to its end; a call that was not answered hears it as early media. Tones never end: see
    /// [`play_on`](Self::play_on).
    ///
    /// # Errors
    /// [`CallError`]; a file that cannot be played is [`PlayEnd::Failed`].
    pub async fn play(&mut self, sound: impl Into<Sound>) -> Result<PlayEnd, CallError> {
        let play = Command::Play { sound: sound.into(), interruptible: false };
        let Outcome::Played(end) = self.step(play).await? else { return Err(CallError::Replaced) };
        Ok(end)
    }

    /// Plays over and over, until the next step.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn play_on(&mut self, sound: impl Into<Sound>) -> Result<(), CallError> {
        self.command(Command::Loop(sound.into())).await.map(drop)
    }

    /// Plays a prompt that a key ends, and takes digits.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn collect(
        &mut self,
        prompt: impl Into<Sound>,
        collection: Collection,
    ) -> Result<Digits, CallError> {
        let collect = Command::Collect { prompt: Some(prompt.into()), collection };
        let Outcome::Collected { digits, end } = self.step(collect).await? else {
            return Err(CallError::Replaced);
        };
        Ok(Digits { digits, end })
    }

    /// Sends digits to the caller.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn send_digits(&mut self, digits: &[Digit]) -> Result<(), CallError> {
        self.command(Command::SendDigits(digits.to_vec())).await.map(drop)
    }

    /// Sets the user-to-user data that goes with a transfer (RFC 7433), discriminator apart.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn set_user_data(&mut self, data: impl Into<Vec<u8>>) -> Result<(), CallError> {
        self.command(Command::SetUserData(Some(data.into()))).await.map(drop)
    }

    /// Calls somebody and connects the caller, answered or not. A text is a number, by the number plans of the caller's site.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn transfer(&mut self, to: impl Into<Destination>) -> Result<Transfer, CallError> {
        self.let_go = false;
        match self.step(Command::Transfer(to.into())).await? {
            Outcome::Connected => {
                self.let_go = true;
                Ok(Transfer::Connected)
            }
            Outcome::Refused { status, reason } => Ok(Transfer::Refused { status, reason }),
            Outcome::Released => Ok(Transfer::Released),
            Outcome::Played(_) | Outcome::Collected { .. } | Outcome::Stopped => Err(CallError::Replaced),
        }
    }

    /// Records what the caller says and hears, each in a channel of its own.
    ///
    /// # Errors
    /// [`CallError`]; whether the file could be written is told by [`stop_recording`](Self::stop_recording).
    pub async fn record(&mut self, file: impl Into<PathBuf>) -> Result<(), CallError> {
        self.recording = None;
        let record = Command::Record { file: file.into(), layout: Layout::DualChannel };
        self.command(record).await.map(drop)
    }

    /// Completes the recording, also one that the end of the call has completed.
    ///
    /// # Errors
    /// [`CallError`]; [`CommandError::NotRecording`] when nothing is being recorded, [`CallError::Over`] when the call has ended and
    /// left no recording.
    pub async fn stop_recording(&mut self) -> Result<Recording, CallError> {
        if self.recording.is_none() && self.ending.is_none() {
            match self.command(Command::StopRecording).await {
                Ok(_) | Err(CallError::Over) => {}
                Err(error) => return Err(error),
            }
        }
        while self.recording.is_none() {
            let event = match self.ending {
                None => self.news.recv().await,
                Some(_) => tokio::time::timeout(LAST_NEWS, self.news.recv()).await.ok().flatten(),
            };
            self.take(event.ok_or(CallError::Over)?);
        }
        self.recording.take().ok_or(CallError::Over)
    }

    /// Hangs up; a call that was not answered is refused with 480.
    ///
    /// # Errors
    /// [`CallError::Unanswered`]: the edge has ended, and the call with it; or it failed at this call, and gave it up.
    pub async fn hang_up(mut self) -> Result<(), CallError> {
        match self.command(Command::HangUp).await {
            Ok(_) | Err(CallError::Over) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until the call is over. `None` when the edge has ended without saying so.
    pub async fn ended(&mut self) -> Option<Ending> {
        while self.ending.is_none() {
            let event = self.news.recv().await?;
            self.take(event);
        }
        self.ending.clone()
    }

    async fn command(&mut self, command: Command) -> Result<StepId, CallError> {
        let call = self.offer.call;
        let told = self.edge.call(move |edge, now| edge.command(call, command, now)).await?;
        let over =
            |error| if error == CommandError::Over { CallError::Over } else { CallError::Refused(error) };
        told.map_err(over)
    }

    async fn step(&mut self, command: Command) -> Result<Outcome, CallError> {
        let wanted = self.command(command).await?;
        while self.ending.is_none() {
            let event = self.news.recv().await.ok_or(CallError::Over)?;
            if let ProgramEvent::Over { step, outcome, .. } = &event
                && *step == wanted
            {
                return Ok(outcome.clone());
            }
            self.take(event);
        }
        Err(CallError::Over)
    }

    fn take(&mut self, event: ProgramEvent) {
        match event {
            ProgramEvent::Ended { by, reason, .. } => self.ending = Some(Ending { by, reason }),
            ProgramEvent::Recorded { file, length, error, .. } => {
                self.recording = Some(Recording { file, length, error });
            }
            // Of a step whose future was dropped.
            ProgramEvent::Over { .. } | ProgramEvent::Offered(_) => {}
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.let_go || self.ending.is_some() {
            return;
        }
        let call = self.offer.call;
        let failed = std::thread::panicking();
        // What is over already needs no hanging up; of a program that panicked, an unanswered caller hears 500.
        let hang_up = move |edge: &mut Edge, now| {
            if !failed || edge.command(call, Command::Reject(500), now).is_err() {
                let _ = edge.command(call, Command::HangUp, now);
            }
        };
        if self.edge.post(hang_up).is_err()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The edge is busy: the call waits for its turn.
            let edge = self.edge.clone();
            runtime.spawn(async move { edge.call(hang_up).await });
        }
    }
}
