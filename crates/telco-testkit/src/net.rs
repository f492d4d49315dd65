//! The simulated network.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_core::RngCore;

use crate::{
    link::{Link, Stats},
    node::{Arrival, Conn, Event, Payload},
    queue::{Place, Queue},
};

/// First port handed out for `Connect` from port 0: the start of the dynamic range (RFC 6335 §6).
const FIRST_DYNAMIC_PORT: u16 = 49_152;
/// What one lost segment costs a stream: the usual minimum retransmission timeout of a TCP stack.
const STREAM_RETRANSMIT: Duration = Duration::from_millis(200);

/// A network of hosts. Everything left to chance comes from one starting value, so a run can be repeated.
///
/// Hosts are IP addresses; links and cuts hold between hosts whatever the ports. Datagrams can be lost, repeated
/// and overtaken; streams are reliable and in order, and suffer only delay, segmentation and cuts.
///
/// ```
/// use std::time::Duration;
/// use telco_testkit::{Clock, Event, Link, SimNet};
///
/// let mut clock = Clock::new();
/// let mut net = SimNet::new(42);
/// net.set_link(Link { latency: Duration::from_millis(80), ..Link::default() });
/// let (a, b) = ("192.0.2.1:5060".parse()?, "192.0.2.2:5060".parse()?);
/// net.send(a, b, b"OPTIONS".to_vec(), clock.now());
/// let at = net.next_event_at().ok_or("nothing under way")?;
/// let arrival = net.deliver(clock.advance_to(at)).ok_or("nothing arrived")?;
/// assert_eq!(arrival.event, Event::Datagram(b"OPTIONS".to_vec()));
/// assert_eq!(clock.elapsed(), Duration::from_millis(80));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SimNet<P = Vec<u8>> {
    rng: ChaCha8Rng,
    default_link: Link,
    links: BTreeMap<(IpAddr, IpAddr), Link>,
    cuts: BTreeSet<(IpAddr, IpAddr)>,
    drop_next: BTreeMap<(IpAddr, IpAddr), u32>,
    listening: BTreeSet<SocketAddr>,
    conns: BTreeMap<Conn, End>,
    next_conn: u64,
    next_port: u16,
    under_way: Queue<Transit<P>>,
    /// Stream traffic that met a cut and waits for it to heal, with its place in the queue.
    held: Vec<(Place, Transit<P>)>,
    /// When the latest datagram of a direction arrives: jitter must not reorder.
    latest: BTreeMap<(IpAddr, IpAddr), Instant>,
    stats: Stats,
}

/// What became of a datagram at the moment it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It will arrive.
    Sent,
    /// It will arrive twice.
    Twice,
    /// It will arrive late, overtaken by later ones.
    Overtaken,
    /// It is lost.
    Lost,
    /// It met a cut.
    Cut,
}

#[derive(Debug)]
struct End {
    local: SocketAddr,
    remote: SocketAddr,
    /// The peer knows of the connection (for an initiator: the handshake is over).
    open: bool,
    /// When the latest piece towards this end arrives.
    latest: Option<Instant>,
}

#[derive(Debug)]
struct Transit<P> {
    from: SocketAddr,
    to: SocketAddr,
    what: What<P>,
}

#[derive(Debug)]
enum What<P> {
    Datagram(P),
    /// A connection request; `end` is the initiator's.
    Knock {
        end: Conn,
        tag: u64,
    },
    /// The answer to it.
    Opened {
        end: Conn,
        tag: u64,
    },
    Refused {
        tag: u64,
    },
    Stream(Conn, P),
    Closed(Conn),
}

impl<P: Payload> SimNet<P> {
    /// A network of default links; `start` decides every loss, duplicate and delay.
    pub fn new(start: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(start),
            default_link: Link::default(),
            links: BTreeMap::new(),
            cuts: BTreeSet::new(),
            drop_next: BTreeMap::new(),
            listening: BTreeSet::new(),
            conns: BTreeMap::new(),
            next_conn: 0,
            next_port: FIRST_DYNAMIC_PORT,
            under_way: Queue::new(),
            held: Vec::new(),
            latest: BTreeMap::new(),
            stats: Stats::default(),
        }
    }

    /// Sets the link between hosts that have none of their own.
    pub fn set_link(&mut self, link: Link) {
        self.default_link = link;
    }

    /// Sets the link between two hosts, both ways.
    pub fn set_link_between(&mut self, a: IpAddr, b: IpAddr, link: Link) {
        self.links.insert((a, b), link);
        self.links.insert((b, a), link);
    }

    /// Partitions two hosts: datagrams between them vanish, streams stall until [`SimNet::heal`].
    pub fn cut(&mut self, a: IpAddr, b: IpAddr) {
        self.cut_one_way(a, b);
        self.cut_one_way(b, a);
    }

    /// Cuts one direction only, as a one-way firewall or a lost route does.
    pub fn cut_one_way(&mut self, from: IpAddr, to: IpAddr) {
        self.cuts.insert((from, to));
    }

    /// Ends every cut between two hosts; what streams held back arrives at once and in order.
    pub fn heal(&mut self, a: IpAddr, b: IpAddr) {
        self.cuts.remove(&(a, b));
        self.cuts.remove(&(b, a));
        for (place, transit) in std::mem::take(&mut self.held) {
            if self.is_cut(transit.from, transit.to) {
                self.held.push((place, transit));
            } else {
                self.under_way.put_back(place, transit);
            }
        }
    }

    /// Drops the next `count` datagrams from one host to another, whatever the link says.
    pub fn drop_next(&mut self, from: IpAddr, to: IpAddr, count: u32) {
        self.drop_next.insert((from, to), count);
    }

    /// Sends a datagram and tells what becomes of it.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, body: P, now: Instant) -> Fate {
        self.stats.sent += 1;
        let link = self.link(from, to);
        // Always the same number of draws, so that changing one probability leaves the rest of a run alike.
        let (lost, twice, overtaken) =
            (self.chance(link.loss), self.chance(link.duplicate), self.chance(link.reorder));
        let (first, second) = (self.delay(link), self.delay(link));
        let direction = (from.ip(), to.ip());

        if self.is_cut(from, to) {
            self.stats.cut += 1;
            return Fate::Cut;
        }
        if lost || self.take_drop(direction) {
            self.stats.lost += 1;
            return Fate::Lost;
        }
        if overtaken {
            self.stats.reordered += 1;
            let transit = Transit { from, to, what: What::Datagram(body) };
            self.under_way.push(now + first + link.reorder_by, transit);
            return Fate::Overtaken;
        }
        let at = self.after_latest(direction, now + first);
        if twice {
            self.stats.duplicated += 1;
            let again = self.after_latest(direction, at.max(now + second));
            self.under_way.push(again, Transit { from, to, what: What::Datagram(body.clone()) });
        }
        self.under_way.push(at, Transit { from, to, what: What::Datagram(body) });
        if twice { Fate::Twice } else { Fate::Sent }
    }

    /// Accepts stream connections to `address` from now on.
    pub fn listen(&mut self, address: SocketAddr) {
        self.listening.insert(address);
    }

    /// Refuses stream connections to `address` from now on; existing ones stay.
    pub fn refuse(&mut self, address: SocketAddr) {
        self.listening.remove(&address);
    }

    /// Starts a stream connection and returns the local address it uses.
    ///
    /// The answer reaches that address as [`Event::Connected`] or [`Event::Refused`] with the same `tag`.
    pub fn connect(&mut self, from: SocketAddr, to: SocketAddr, tag: u64, now: Instant) -> SocketAddr {
        self.stats.sent += 1;
        let mut local = from;
        if local.port() == 0 {
            local.set_port(self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_DYNAMIC_PORT);
        }
        let end = Conn(self.next_conn);
        self.next_conn += 2;
        self.conns.insert(end, End { local, remote: to, open: false, latest: None });
        let at = now + self.link(local, to).latency;
        self.under_way.push(at, Transit { from: local, to, what: What::Knock { end, tag } });
        local
    }

    /// Writes to a connection. Returns false, and drops the bytes, when the connection is gone.
    pub fn write(&mut self, conn: Conn, mut body: P, now: Instant) -> bool {
        self.stats.sent += 1;
        let Some((local, remote)) = self.open_ends(conn) else {
            self.stats.stale += 1;
            return false;
        };
        let link = self.link(local, remote);
        if let Some(most) = link.segment {
            while body.units() > 1 {
                let piece = 1 + self.below(most.max(1));
                if piece >= body.units() {
                    break;
                }
                let front = body.take_front(piece);
                self.push_stream(conn, What::Stream(conn.peer(), front), now);
            }
        }
        self.push_stream(conn, What::Stream(conn.peer(), body), now);
        true
    }

    /// Closes an end; the peer learns of it after everything written before.
    pub fn close(&mut self, conn: Conn, now: Instant) {
        self.stats.sent += 1;
        if self.open_ends(conn).is_none() {
            self.conns.remove(&conn);
            self.stats.stale += 1;
            return;
        }
        self.push_stream(conn, What::Closed(conn.peer()), now);
        self.conns.remove(&conn);
    }

    /// Breaks a connection for both ends, as a crash or a NAT timeout with reset does.
    pub fn break_connection(&mut self, conn: Conn, now: Instant) {
        for end in [conn, conn.peer()] {
            if let Some(End { local, remote, .. }) = self.conns.get(&end) {
                let transit = Transit { from: *remote, to: *local, what: What::Closed(end) };
                self.under_way.push(now, transit);
            }
        }
    }

    /// The open connections of a host, oldest first.
    pub fn connections(&self, host: IpAddr) -> Vec<Conn> {
        self.conns
            .iter()
            .filter(|(_, end)| end.open && end.local.ip() == host)
            .map(|(conn, _)| *conn)
            .collect()
    }

    /// Local and remote address of an end, while it exists.
    pub fn ends(&self, conn: Conn) -> Option<(SocketAddr, SocketAddr)> {
        self.conns.get(&conn).map(|end| (end.local, end.remote))
    }

    /// When the next thing arrives somewhere.
    pub fn next_event_at(&self) -> Option<Instant> {
        self.under_way.next_at()
    }

    /// The next arrival that is due, in order of time; `None` when none is due yet.
    pub fn deliver(&mut self, now: Instant) -> Option<Arrival<P>> {
        while let Some((place, transit)) = self.under_way.pop_due(now) {
            if self.is_cut(transit.from, transit.to) {
                self.meet_cut(place, transit);
            } else if let Some(arrival) = self.arrive(transit, now) {
                self.stats.delivered += 1;
                return Some(arrival);
            }
        }
        None
    }

    /// How many things are under way, those stalled by a cut included.
    pub fn in_flight(&self) -> usize {
        self.under_way.len() + self.held.len()
    }

    /// What the network has done so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn arrive(&mut self, transit: Transit<P>, now: Instant) -> Option<Arrival<P>> {
        let Transit { from, to, what } = transit;
        let event = match what {
            What::Datagram(body) => Event::Datagram(body),
            What::Knock { end, tag } => {
                let back = now + self.link(to, from).latency;
                if !self.listening.contains(&to) {
                    self.stats.refused += 1;
                    self.conns.remove(&end);
                    let answer = Transit { from: to, to: from, what: What::Refused { tag } };
                    self.under_way.push(back, answer);
                    return None;
                }
                let accepted = end.peer();
                self.conns.insert(accepted, End { local: to, remote: from, open: true, latest: None });
                let answer = Transit { from: to, to: from, what: What::Opened { end, tag } };
                self.under_way.push(back, answer);
                if let Some(initiator) = self.conns.get_mut(&end) {
                    initiator.latest = Some(back);
                }
                Event::Accepted(accepted)
            }
            What::Opened { end, tag } => {
                self.conns.get_mut(&end)?.open = true;
                Event::Connected { conn: end, tag }
            }
            What::Refused { tag } => Event::Refused { tag },
            What::Stream(end, body) => {
                if !self.conns.contains_key(&end) {
                    self.stats.stale += 1;
                    return None;
                }
                Event::Stream(end, body)
            }
            What::Closed(end) => {
                self.conns.remove(&end)?;
                Event::Closed(end)
            }
        };
        Some(Arrival { from, to, event })
    }

    fn meet_cut(&mut self, place: Place, transit: Transit<P>) {
        if matches!(transit.what, What::Datagram(_)) {
            self.stats.cut += 1;
        } else {
            self.held.push((place, transit));
        }
    }

    fn push_stream(&mut self, sender: Conn, what: What<P>, now: Instant) {
        let Some((local, remote)) = self.ends(sender) else { return };
        let link = self.link(local, remote);
        let retransmitted = self.chance(link.loss);
        let mut at = now + self.delay(link);
        if retransmitted {
            at += STREAM_RETRANSMIT;
        }
        if let Some(receiver) = self.conns.get_mut(&sender.peer()) {
            at = receiver.latest.map_or(at, |latest| latest.max(at));
            receiver.latest = Some(at);
        }
        self.under_way.push(at, Transit { from: local, to: remote, what });
    }

    fn open_ends(&self, conn: Conn) -> Option<(SocketAddr, SocketAddr)> {
        self.conns.get(&conn).filter(|end| end.open).map(|end| (end.local, end.remote))
    }

    fn after_latest(&mut self, direction: (IpAddr, IpAddr), at: Instant) -> Instant {
        let latest = self.latest.entry(direction).or_insert(at);
        *latest = at.max(*latest);
        *latest
    }

    fn take_drop(&mut self, direction: (IpAddr, IpAddr)) -> bool {
        let Some(left) = self.drop_next.get_mut(&direction).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }

    fn link(&self, from: SocketAddr, to: SocketAddr) -> Link {
        self.links.get(&(from.ip(), to.ip())).copied().unwrap_or(self.default_link)
    }

    fn is_cut(&self, from: SocketAddr, to: SocketAddr) -> bool {
        self.cuts.contains(&(from.ip(), to.ip()))
    }

    fn delay(&mut self, link: Link) -> Duration {
        link.latency + link.jitter.mul_f64(self.fraction())
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.fraction() * bound as f64) as usize
    }

    /// Uniform in 0.0 ≤ x < 1.0.
    fn fraction(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;

    const A: &str = "192.0.2.1:5060";
    const B: &str = "192.0.2.2:5060";

    fn hosts() -> (SocketAddr, SocketAddr) {
        (A.parse().unwrap(), B.parse().unwrap())
    }

    /// Runs the network dry and lists the datagrams in order of arrival.
    fn drain(net: &mut SimNet, clock: &mut Clock) -> Vec<u8> {
        let mut seen = Vec::new();
        while let Some(at) = net.next_event_at() {
            clock.advance_to(at);
            while let Some(arrival) = net.deliver(clock.now()) {
                match arrival.event {
                    Event::Datagram(body) | Event::Stream(_, body) => seen.extend(body),
                    Event::Connected { .. } | Event::Refused { .. } => seen.push(b'C'),
                    Event::Accepted(_) => seen.push(b'A'),
                    Event::Closed(_) => seen.push(b'X'),
                }
            }
        }
        seen
    }

    fn run(start: u64, link: Link, count: u8) -> (Vec<u8>, Stats) {
        let (mut clock, mut net) = (Clock::new(), SimNet::new(start));
        net.set_link(link);
        let (a, b) = hosts();
        for n in 0..count {
            net.send(a, b, vec![n], clock.now());
            clock.advance(Duration::from_millis(1));
        }
        (drain(&mut net, &mut clock), net.stats())
    }

    #[test]
    fn the_same_start_gives_the_same_run_and_another_start_another() {
        let link = Link {
            jitter: Duration::from_millis(20),
            loss: 0.2,
            duplicate: 0.2,
            reorder: 0.2,
            ..Link::default()
        };
        assert_eq!(run(7, link, 100), run(7, link, 100));
        assert_ne!(run(7, link, 100), run(8, link, 100));
    }

    #[test]
    fn a_good_link_delivers_everything_once_and_in_order() {
        let (seen, stats) = run(1, Link::default(), 50);
        assert_eq!(seen, (0..50).collect::<Vec<u8>>());
        assert_eq!(stats, Stats { sent: 50, delivered: 50, ..Stats::default() });
    }

    #[test]
    fn jitter_alone_never_reorders() {
        let (seen, _) = run(3, Link { jitter: Duration::from_millis(90), ..Link::default() }, 100);
        assert!(seen.is_sorted());
    }

    #[test]
    fn every_datagram_is_accounted_for() {
        let link = Link { loss: 0.3, duplicate: 0.3, reorder: 0.3, ..Link::default() };
        let (seen, stats) = run(5, link, 200);
        assert!(stats.lost > 20 && stats.duplicated > 20 && stats.reordered > 20, "{stats:?}");
        assert_eq!(stats.delivered, stats.sent - stats.lost + stats.duplicated);
        assert_eq!(seen.len() as u64, stats.delivered);
        assert!(!seen.is_sorted());
    }

    #[test]
    fn a_cut_swallows_datagrams_sent_and_under_way() {
        let (mut clock, mut net) = (Clock::new(), SimNet::new(1));
        let (a, b) = hosts();
        net.send(a, b, vec![1], clock.now());
        net.cut(a.ip(), b.ip());
        assert_eq!(net.send(a, b, vec![2], clock.now()), Fate::Cut);
        assert_eq!(drain(&mut net, &mut clock), []);
        net.heal(a.ip(), b.ip());
        assert_eq!(net.send(a, b, vec![3], clock.now()), Fate::Sent);
        assert_eq!(drain(&mut net, &mut clock), [3]);
        assert_eq!(net.stats().cut, 2);
    }

    #[test]
    fn chosen_datagrams_are_dropped() {
        let (mut clock, mut net) = (Clock::new(), SimNet::new(1));
        let (a, b) = hosts();
        net.drop_next(a.ip(), b.ip(), 2);
        for n in 1..=3 {
            net.send(a, b, vec![n], clock.now());
        }
        assert_eq!(drain(&mut net, &mut clock), [3]);
    }

    /// Opens a connection from A to B and returns A's end.
    fn open(net: &mut SimNet, clock: &mut Clock) -> Conn {
        let (a, b) = hosts();
        net.listen(b);
        net.connect(SocketAddr::new(a.ip(), 0), b, 9, clock.now());
        assert_eq!(drain(net, clock), b"AC");
        net.connections(a.ip())[0]
    }

    #[test]
    fn a_stream_keeps_order_whatever_the_link_does() {
        let (mut clock, mut net) = (Clock::new(), SimNet::new(11));
        net.set_link(Link {
            jitter: Duration::from_millis(50),
            loss: 0.3,
            segment: Some(3),
            ..Link::default()
        });
        let conn = open(&mut net, &mut clock);
        for chunk in [&b"INVITE sip:"[..], b"bob@example.com", b" SIP/2.0\r\n"] {
            assert!(net.write(conn, chunk.to_vec(), clock.now()));
        }
        net.close(conn, clock.now());
        assert_eq!(drain(&mut net, &mut clock), b"INVITE sip:bob@example.com SIP/2.0\r\nX");
        assert!(net.stats().delivered > 12, "pieces of at most 3: {:?}", net.stats());
        assert!(!net.write(conn.peer(), vec![1], clock.now()));
    }

    #[test]
    fn a_stream_stalls_at_a_cut_and_goes_on_in_order() {
        let (mut clock, mut net) = (Clock::new(), SimNet::new(1));
        let conn = open(&mut net, &mut clock);
        let (a, b) = hosts();
        net.write(conn, vec![1], clock.now());
        net.cut(a.ip(), b.ip());
        assert_eq!(drain(&mut net, &mut clock), []);
        net.set_link(Link::PERFECT);
        net.write(conn, vec![2], clock.now());
        net.heal(a.ip(), b.ip());
        net.write(conn, vec![3], clock.now());
        assert_eq!(drain(&mut net, &mut clock), [1, 2, 3]);
        assert_eq!(net.in_flight(), 0);
    }

    #[test]
    fn a_connection_nobody_listens_for_is_refused() {
        let (clock, mut net) = (Clock::new(), SimNet::<Vec<u8>>::new(1));
        let (a, b) = hosts();
        net.connect(a, b, 5, clock.now());
        assert!(net.deliver(clock.at(Duration::from_millis(10))).is_none());
        let answer = net.deliver(clock.at(Duration::from_millis(20))).unwrap();
        assert_eq!(answer, Arrival { from: b, to: a, event: Event::Refused { tag: 5 } });
    }

    #[test]
    fn a_broken_connection_is_gone_for_both_ends() {
        let (mut clock, mut net) = (Clock::new(), SimNet::new(1));
        let conn = open(&mut net, &mut clock);
        net.break_connection(conn, clock.now());
        assert_eq!(drain(&mut net, &mut clock), b"XX");
        assert!(!net.write(conn, vec![1], clock.now()));
        assert_eq!(net.stats().stale, 1);
    }
}
