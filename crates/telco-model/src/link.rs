//! What edges and the control plane say to each other.
//!
//! An edge opens one WebSocket over mutual TLS; configuration and commands come down it, status, metrics and call
//! records go up. Each message of a direction has a number; the other side acknowledges the highest it has dealt with,
//! and what is not acknowledged is sent again after a new connection. A receiver drops what it has seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    entity::EntityRef,
    topology::Status,
    value::{EdgeId, OrganizationId, PhoneId, TrunkId},
};

/// The version of these messages. Both sides name theirs in the first message; another one is refused.
pub const PROTOCOL: u16 = 1;

/// One message on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope<T> {
    /// The number of the message in its direction, from 1.
    pub sequence: u64,
    /// The highest number of the other direction that was dealt with; 0 for none.
    pub acknowledged: u64,
    /// When it was sent.
    pub at: Timestamp,
    /// What it says.
    pub message: T,
}

/// From the control plane to an edge.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downward {
    /// The first message.
    Welcome(Welcome),
    /// The configuration, whole. It replaces the one before.
    Configuration(Snapshot),
    /// Something to do.
    Command(Command),
    /// Nothing but the acknowledgement.
    Acknowledge,
}

/// From an edge to the control plane.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upward {
    /// The first message.
    Hello(Hello),
    /// How things are.
    Status(StatusReport),
    /// How much there is of things.
    Metrics(Metrics),
    /// Call records. They are on the edge's disk until acknowledged.
    Records(RecordBatch),
    /// What became of a command.
    Done(CommandResult),
    /// Nothing but the acknowledgement.
    Acknowledge,
}

/// The control plane's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// [`PROTOCOL`].
    pub protocol: u16,
    /// The organization the edge belongs to.
    pub organization: OrganizationId,
    /// Seconds between status reports.
    pub status_seconds: u16,
}

/// The edge's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u16,
    /// Who it is; the same as in its certificate.
    pub edge: EdgeId,
    /// The software it runs.
    pub software: String,
    /// The revision of the configuration it has; 0 for none.
    pub revision: u64,
}

/// A configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Grows with every change of the organization.
    pub revision: u64,
    /// The organization in document form (JSON), with its secrets: this link only exists over mutual TLS.
    pub document: String,
}

/// Something an edge is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Identifies it in the result; doing it twice must not happen.
    pub id: u64,
    /// After this it is not done any more.
    pub expires: Timestamp,
    /// What to do.
    pub order: Order,
}

impl Command {
    /// Whether it is too late.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }
}

/// What an edge can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Takes no new calls; calls in progress are ended after so many seconds.
    Drain {
        /// Seconds calls may go on.
        wait_seconds: u32,
    },
    /// Takes calls again.
    Resume,
    /// Restarts a phone.
    RestartPhone(PhoneId),
    /// Logs out the user of a phone.
    LogOutPhone(PhoneId),
    /// Goes back to the first member of a trunk group after a failure (recovery Never).
    RecoverTrunk(TrunkId),
    /// Ends a call.
    EndCall(String),
    /// Writes SIP messages to the log until a time.
    TraceSip {
        /// When to stop.
        until: Timestamp,
    },
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandResult {
    /// Which command.
    pub id: u64,
    /// Empty when it was done; else why not.
    pub error: Option<String>,
}

/// How things are, since the last report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusReport {
    /// The revision of the configuration in force.
    pub revision: u64,
    /// The edge itself and the trunks and phones whose status changed.
    pub changes: Vec<StatusChange>,
}

/// The status of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// Which one.
    pub entity: EntityRef,
    /// How it is.
    pub status: Status,
    /// Since when.
    pub since: Timestamp,
    /// Why, for example `registration: 401`.
    pub detail: Option<String>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Calls now.
    pub calls: u32,
    /// Calls begun since the start.
    pub calls_total: u64,
    /// Calls that failed since the start.
    pub calls_failed: u64,
    /// Contacts registered now.
    pub contacts: u32,
    /// Media packets relayed since the start.
    pub packets: u64,
    /// Media packets lost since the start.
    pub packets_lost: u64,
    /// Call records waiting on disk.
    pub records_waiting: u64,
}

/// Call records, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordBatch {
    /// The place of the first record in the edge's spool, from 0: a record seen before is dropped by it.
    pub first: u64,
    /// The records, each the JSON text the edge wrote to its disk.
    pub records: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Serialize + for<'de> Deserialize<'de>>(message: T) -> String {
        let at = "2026-03-02T10:00:00Z".parse().unwrap();
        let text = serde_json::to_string(&Envelope { sequence: 3, acknowledged: 9, at, message }).unwrap();
        let received: Envelope<T> = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&received).unwrap(), text);
        text
    }

    /// What is sent is what is received, for every message of both directions.
    #[test]
    fn messages_survive_the_wire() {
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let order = Order::Drain { wait_seconds: 5400 };
        for message in [
            Downward::Welcome(Welcome {
                protocol: PROTOCOL,
                organization: OrganizationId::from_u128(1),
                status_seconds: 30,
            }),
            Downward::Configuration(Snapshot { revision: 2, document: "{\"format\":1}".into() }),
            Downward::Command(Command { id: 7, expires: at, order }),
            Downward::Acknowledge,
        ] {
            round_trip(message);
        }
        let edge = EdgeId::from_u128(1);
        let down = StatusChange {
            entity: edge.into(),
            status: Status::Down,
            since: at,
            detail: Some("registration: 401".into()),
        };
        for message in [
            Upward::Hello(Hello { protocol: PROTOCOL, edge, software: "edge 0.1".into(), revision: 0 }),
            Upward::Status(StatusReport { revision: 2, changes: vec![down] }),
            Upward::Metrics(Metrics { calls: 3, ..Metrics::default() }),
            Upward::Records(RecordBatch { first: 4, records: vec!["{\"id\":1}".into()] }),
            Upward::Done(CommandResult { id: 7, error: None }),
            Upward::Acknowledge,
        ] {
            round_trip(message);
        }
    }

    #[test]
    fn a_message_of_the_other_direction_is_refused() {
        let text = round_trip(Downward::Configuration(Snapshot { revision: 2, document: String::new() }));
        assert!(serde_json::from_str::<Envelope<Upward>>(&text).is_err());
    }

    #[test]
    fn a_command_expires() {
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        assert!(Command { id: 7, expires: at, order: Order::Resume }.is_expired(at));
    }
}
