//! The command line.

use clap::{Parser, ValueEnum};

/// Compares the edge with Kamailio, which runs in turn with it and under the same load: CPU time per 1,000 calls and registrations,
/// set-up times of calls, memory of a contact and of a call.
///
/// Needs the Debian packages kamailio, kamailio-tls-modules, sip-tester, openssl and stunnel4. Progress goes to standard error, the
/// report to standard output as Markdown. A run for CPU time with a failed call or a retransmission does not count and is repeated.
/// Let nothing else run on the machine meanwhile.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// New calls, or registrations, per second.
    #[arg(long, default_value_t = 1000)]
    pub(crate) rate: usize,
    /// Calls, or registrations, of each run for CPU time and set-up times.
    #[arg(long, default_value_t = 5000)]
    pub(crate) calls: usize,
    /// Runs of each server for CPU time and set-up times; ratios count from five on.
    #[arg(long, default_value_t = 5)]
    pub(crate) repeats: usize,
    /// Registered contacts whose memory is measured.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) contacts: usize,
    /// Calls held at once whose memory is measured; 2,400 at most.
    #[arg(long, default_value_t = 1000)]
    pub(crate) held: usize,
    /// Does this alone; may be given several times.
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Part>,
    /// A short look whether everything works: few calls, one run each, transactions not drained. Its figures mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// CPU time of calls over UDP, also beside Kamailio with dialogs and topology hiding.
    Udp,
    /// CPU time of calls over TCP.
    Tcp,
    /// CPU time of calls over TLS.
    Tls,
    /// CPU time of registrations with digest, over UDP.
    Register,
    /// Set-up times of calls over UDP: percentiles.
    Setup,
    /// Memory of a registered contact and of a confirmed call.
    Memory,
}
