//! The loop that a socket driver would be, in virtual time.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    Clock, SimNet, Trace, label,
    net::Fate,
    node::{Departure, Event, Node, Payload},
    trace::Entry,
};

/// How often a node may act without time moving before the simulation calls it a bug of the node.
const SPINS: u32 = 10_000;

/// A network, a clock and a trace; the nodes stay with the test, which may talk to them between runs.
///
/// ```text
/// let mut sim = Sim::new(7).with_label(label::sip);
/// phone.engine.invite("sip:bob@example.com", sim.now());
/// sim.run_until_idle(&mut [&mut phone, &mut carrier], Duration::from_secs(60));
/// assert_eq!(phone.calls(), 1);
/// ```
pub struct Sim<P = Vec<u8>> {
    /// The network, to set links, cut and heal, or look at the statistics.
    pub net: SimNet<P>,
    /// What happened so far.
    pub trace: Trace,
    clock: Clock,
    label: fn(&P) -> Option<String>,
    /// Who receives at an address: the nodes' own, and the local ones of their connections.
    owners: BTreeMap<SocketAddr, String>,
    /// Sent from outside any node since the last run.
    outside: Vec<(SocketAddr, SocketAddr, P)>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is under way and no node waits for a timeout.
    Idle,
    /// The time limit came first; the clock stands on it.
    Limit,
}

impl Sim<Vec<u8>> {
    /// A simulation that carries bytes, labelled by [`label::text`].
    pub fn new(start: u64) -> Self {
        Self::carrying(start, label::text)
    }
}

impl<P: Payload> Sim<P> {
    /// A simulation that carries anything; `label` names it in the ladder, or leaves it out with `None`.
    pub fn carrying(start: u64, label: fn(&P) -> Option<String>) -> Self {
        Self {
            net: SimNet::new(start),
            trace: Trace::default(),
            clock: Clock::new(),
            label,
            owners: BTreeMap::new(),
            outside: Vec::new(),
        }
    }

    /// Changes how packets are labelled.
    #[must_use]
    pub fn with_label(mut self, label: fn(&P) -> Option<String>) -> Self {
        self.label = label;
        self
    }

    /// The virtual time, for calls a test makes into its engines.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Writes a line across the ladder.
    pub fn banner(&mut self, text: &str) {
        self.trace.push(Entry::Banner { at: self.elapsed(), text: text.to_owned() });
    }

    /// Sends a datagram from outside any node as soon as the simulation runs: hostile bytes, a stranger, a late packet.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, body: P) {
        self.outside.push((from, to, body));
    }

    /// The ladder so far.
    pub fn ladder(&self) -> String {
        self.trace.ladder()
    }

    /// Runs for a span of virtual time; the clock ends exactly there.
    pub fn run_for(&mut self, nodes: &mut [&mut dyn Node<P>], span: Duration) -> Ended {
        let end = self.now() + span;
        let ended = self.run_to(nodes, end);
        self.clock.advance_to(end);
        ended
    }

    /// Runs until nothing is left to happen, or `limit` has passed.
    ///
    /// Engines that refresh something for ever never go idle: give those to [`Sim::run_for`].
    pub fn run_until_idle(&mut self, nodes: &mut [&mut dyn Node<P>], limit: Duration) -> Ended {
        let end = self.now() + limit;
        self.run_to(nodes, end)
    }

    /// Goes to the next instant at which something happens and lets it happen; `None` when nothing ever will.
    ///
    /// For tests that watch a condition: `while !phone.is_registered() { sim.step(..).unwrap(); }`.
    pub fn step(&mut self, nodes: &mut [&mut dyn Node<P>]) -> Option<Duration> {
        let next = self.prepare(nodes)?;
        self.clock.advance_to(next);
        self.settle(nodes);
        Some(self.elapsed())
    }

    fn run_to(&mut self, nodes: &mut [&mut dyn Node<P>], end: Instant) -> Ended {
        loop {
            match self.prepare(nodes) {
                None => return Ended::Idle,
                Some(next) if next > end => {
                    self.clock.advance_to(end);
                    return Ended::Limit;
                }
                Some(next) => {
                    self.clock.advance_to(next);
                    self.settle(nodes);
                }
            }
        }
    }

    /// Takes what the test made the nodes do, and finds the next instant of interest.
    fn prepare(&mut self, nodes: &mut [&mut dyn Node<P>]) -> Option<Instant> {
        for node in nodes.iter() {
            self.trace.column(node.name());
            for address in node.addresses() {
                if self.owners.insert(address, node.name().to_owned()).is_none() {
                    self.net.listen(address);
                }
            }
        }
        for node in nodes.iter_mut() {
            self.drain(*node);
        }
        for (from, to, body) in std::mem::take(&mut self.outside) {
            self.send_datagram(from, to, body);
        }
        let timeouts = nodes.iter().filter_map(|node| node.next_timeout());
        timeouts.chain(self.net.next_event_at()).min()
    }

    /// Lets everything happen that is due now.
    fn settle(&mut self, nodes: &mut [&mut dyn Node<P>]) {
        let now = self.now();
        let mut spins = 0;
        loop {
            let mut quiet = true;
            while let Some(arrival) = self.net.deliver(now) {
                quiet = false;
                if let Event::Refused { .. } = arrival.event {
                    self.draw(arrival.from, arrival.to, Some("refused".to_owned()), true, true);
                }
                let receiver = self.owners.get(&arrival.to);
                match nodes.iter_mut().find(|node| receiver.is_some_and(|name| name == node.name())) {
                    Some(node) => {
                        node.handle_input(arrival, now);
                        self.drain(*node);
                    }
                    None => self.nobody_home(&arrival.event),
                }
            }
            for node in nodes.iter_mut() {
                if node.next_timeout().is_some_and(|at| at <= now) {
                    quiet = false;
                    node.handle_timeout(now);
                    self.drain(*node);
                    assert!(spins < SPINS, "{} keeps asking for a timeout that has passed", node.name());
                }
            }
            if quiet {
                return;
            }
            spins += 1;
        }
    }

    /// A host that takes no part in this run: datagrams vanish, connections break.
    fn nobody_home(&mut self, event: &Event<P>) {
        let now = self.now();
        match event {
            Event::Accepted(conn) | Event::Connected { conn, .. } | Event::Stream(conn, _) => {
                self.net.break_connection(*conn, now);
            }
            Event::Datagram(_) | Event::Refused { .. } | Event::Closed(_) => {}
        }
    }

    fn drain(&mut self, node: &mut dyn Node<P>) {
        for _ in 0..SPINS {
            let Some(departure) = node.poll_output() else { return };
            self.depart(node.name(), departure);
        }
        panic!("{} has more than {SPINS} outputs without waiting", node.name());
    }

    fn depart(&mut self, name: &str, departure: Departure<P>) {
        let now = self.now();
        match departure {
            Departure::Datagram { from, to, body } => self.send_datagram(from, to, body),
            Departure::Connect { from, to, tag } => {
                let local = self.net.connect(from, to, tag, now);
                self.owners.insert(local, name.to_owned());
                self.draw(local, to, Some("connect".to_owned()), true, true);
            }
            Departure::Stream(conn, body) => {
                let (label, ends) = ((self.label)(&body), self.net.ends(conn));
                let arrives = self.net.write(conn, body, now);
                if let Some((local, remote)) = ends {
                    self.draw(local, remote, label, true, arrives);
                }
            }
            Departure::Close(conn) => {
                if let Some((local, remote)) = self.net.ends(conn) {
                    self.draw(local, remote, Some("close".to_owned()), true, true);
                }
                self.net.close(conn, now);
            }
            Departure::Note(text) => {
                let of = self.trace.column(name);
                self.trace.push(Entry::Note { at: self.elapsed(), of, text });
            }
        }
    }

    fn send_datagram(&mut self, from: SocketAddr, to: SocketAddr, body: P) {
        let label = (self.label)(&body);
        let (remark, arrives) = match self.net.send(from, to, body, self.clock.now()) {
            Fate::Sent => ("", true),
            Fate::Twice => (" (twice)", true),
            Fate::Overtaken => (" (late)", true),
            Fate::Lost => (" (lost)", false),
            Fate::Cut => (" (cut)", false),
        };
        self.draw(from, to, label.map(|label| label + remark), false, arrives);
    }

    fn draw(&mut self, from: SocketAddr, to: SocketAddr, label: Option<String>, stream: bool, arrives: bool) {
        let Some(label) = label else { return };
        let (from, to) = (self.column(from), self.column(to));
        self.trace.push(Entry::Arrow { at: self.elapsed(), from, to, label, stream, arrives });
    }

    /// A stranger's column is titled with its address.
    fn column(&mut self, address: SocketAddr) -> usize {
        match self.owners.get(&address) {
            Some(name) => self.trace.column(name),
            None => self.trace.column(&address.to_string()),
        }
    }
}

impl<P> std::fmt::Debug for Sim<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("elapsed", &self.clock.elapsed()).finish_non_exhaustive()
    }
}
