//! Counters of an endpoint.

use crate::transaction;

/// What an endpoint has counted since its start, and what it holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages refused before anything looked at their meaning, and streams that could not be cut into messages.
    pub malformed: u64,
    /// Messages dropped because their source sent too many.
    pub throttled: u64,
    /// Requests refused with 503 because of overload.
    pub shed: u64,
    /// Answers not sent to strangers who had sent fewer bytes (ES-29).
    pub withheld_answers: u64,
    /// Answers whose connection was gone and could not be opened again.
    pub undelivered_answers: u64,
    /// Answers that belonged to nothing and asked for nothing.
    pub stray_responses: u64,
    /// Connections refused because their source, or everybody, had too many.
    pub refused_connections: u64,
    /// Connections now.
    pub connections: usize,
    /// Requests of ours under way now.
    pub requests: usize,
    /// Strangers remembered now.
    pub sources: usize,
    /// Transactions of ours now.
    pub client_transactions: usize,
    /// Transactions of peers now.
    pub server_transactions: usize,
    /// What the transaction layer has counted.
    pub transactions: transaction::Stats,
}
