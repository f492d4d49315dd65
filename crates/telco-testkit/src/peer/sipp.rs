//! SIPp: a user agent that follows a scenario.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::program::{Program, Scratch};

/// The scenario a SIPp follows.
#[derive(Debug, Clone, Copy)]
pub enum Scenario<'a> {
    /// Calls, talks for half a second, hangs up.
    Call,
    /// Takes a call and waits for its end.
    Answer,
    /// XML.
    Xml(&'a str),
}

/// How a SIPp is run.
#[derive(Debug, Clone)]
pub struct Sipp<'a> {
    /// For logs.
    pub name: &'a str,
    /// What it does.
    pub scenario: Scenario<'a>,
    /// Its own address.
    pub local: SocketAddr,
    /// Where it sends to, when it calls.
    pub remote: Option<SocketAddr>,
    /// Speaks TCP instead of UDP, one connection for all calls.
    pub tcp: bool,
    /// How many calls it makes or takes before it ends.
    pub calls: u32,
    /// New calls per second.
    pub rate: u32,
    /// The value of `[service]`: the called user.
    pub service: &'a str,
    /// Further arguments.
    pub arguments: &'a [&'a str],
}

impl<'a> Sipp<'a> {
    /// One call, over UDP.
    pub fn new(name: &'a str, scenario: Scenario<'a>, local: SocketAddr) -> Self {
        Self {
            name,
            scenario,
            local,
            remote: None,
            tcp: false,
            calls: 1,
            rate: 10,
            service: "service",
            arguments: &[],
        }
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, scratch: &Scratch) -> SippRun {
        let mut command = Command::new("sipp");
        let scenario = match self.scenario {
            Scenario::Call => include_str!("scenarios/call.xml"),
            Scenario::Answer => include_str!("scenarios/answer.xml"),
            Scenario::Xml(text) => text,
        };
        command.arg("-sf").arg(scratch.write(&format!("{}.xml", self.name), scenario));
        let (errors, messages) = (self.file(scratch, "errors"), self.file(scratch, "messages"));
        command.args(["-i", &self.local.ip().to_string(), "-p", &self.local.port().to_string()]);
        command.args(["-m", &self.calls.to_string(), "-r", &self.rate.to_string(), "-s", self.service]);
        command.args(["-t", if self.tcp { "t1" } else { "u1" }, "-nostdin", "-trace_err", "-error_file"]);
        command.arg(&errors).args(["-trace_msg", "-message_file"]).arg(&messages).args(self.arguments);
        command.current_dir(scratch.path());
        if let Some(remote) = self.remote {
            command.arg(remote.to_string());
        }
        let log = self.file(scratch, "log");
        let program = Program::start(self.name, command, log).expect("sipp starts");
        SippRun { program, errors, messages }
    }

    fn file(&self, scratch: &Scratch, kind: &str) -> PathBuf {
        scratch.path().join(format!("{}.{kind}", self.name))
    }
}

/// A running SIPp.
#[derive(Debug)]
pub struct SippRun {
    /// The process.
    pub program: Program,
    errors: PathBuf,
    messages: PathBuf,
}

impl SippRun {
    /// Waits until all calls are done.
    ///
    /// # Panics
    /// When a call failed or it takes longer than `patience`; says what SIPp wrote about it.
    pub fn succeed(mut self, patience: Duration) {
        let status = self.program.wait(patience);
        assert!(
            status.success(),
            "{status}\nerrors:\n{}\nmessages:\n{}",
            read(&self.errors),
            self.messages()
        );
    }

    /// Every message sent and received so far.
    pub fn messages(&self) -> String {
        read(&self.messages)
    }
}

fn read(path: &PathBuf) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
