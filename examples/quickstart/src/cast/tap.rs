//! A user agent whose messages are written down as they come and go.

use std::collections::HashMap;
use std::time::Instant;

use sip_trunk::endpoint::{Input, Io, Output};
use sip_trunk::frame::{Frame, Side, StreamFramer, StreamLimits};
use sip_trunk::msg::Message;
use sip_trunk::transport::ConnectionId;
use sip_trunk::ua::{Event, UserAgent};
use sip_trunk::{Deadline, Engine, Fault};

use crate::ladder::{Trace, Who};

/// Engines are values: one around another sees all that passes, without the other knowing.
pub(crate) struct Tapped {
    pub(crate) agent: UserAgent,
    who: Who,
    trace: Trace,
    streams: HashMap<ConnectionId, StreamFramer>,
}

impl Tapped {
    pub(crate) fn new(agent: UserAgent, who: Who, trace: Trace) -> Self {
        Self { agent, who, trace, streams: HashMap::new() }
    }

    /// Connections bring messages in pieces.
    fn hear_stream(&mut self, connection: ConnectionId, bytes: &[u8], now: Instant) {
        let new = || StreamFramer::new(Side::Acceptor, StreamLimits::default());
        let stream = self.streams.entry(connection).or_insert_with(new);
        stream.push(bytes, now);
        while let Some(Ok(frame)) = stream.poll() {
            if let Frame::Message(bytes) = frame
                && let Ok(message) = Message::from_datagram(bytes)
            {
                self.trace.message(Who::Edge, self.who, &message, now);
            }
        }
    }
}

impl Engine for Tapped {
    type Event = Event;

    fn handle_input(&mut self, input: Input, now: Instant) {
        match &input {
            Input::Datagram { bytes, .. } => {
                if let Ok(message) = Message::from_datagram(bytes.clone()) {
                    self.trace.message(Who::Edge, self.who, &message, now);
                }
            }
            Input::Received { connection, bytes } => {
                let bytes = bytes.clone();
                self.hear_stream(*connection, &bytes, now);
            }
            Input::Closed { connection, .. } => drop(self.streams.remove(connection)),
            Input::SendFailed { .. }
            | Input::Accepted { .. }
            | Input::Connected { .. }
            | Input::Resolved { .. }
            | Input::NetworkChanged => {}
        }
        self.agent.handle_input(input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    fn recover(&mut self, fault: &Fault, now: Instant) {
        self.agent.recover(fault, now);
    }

    #[allow(clippy::disallowed_methods, reason = "the moment a message leaves")]
    fn poll_output(&mut self) -> Option<Output<Event>> {
        let output = self.agent.poll_output()?;
        if let Output::Io(Io::Datagram { bytes, .. } | Io::Write { bytes, .. }) = &output
            && let Ok(message) = Message::from_datagram(bytes.clone())
        {
            self.trace.message(self.who, Who::Edge, &message, Instant::now());
        }
        Some(output)
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.agent.next_timeout()
    }
}
