//! Media sockets, bound before the first call and kept from call to call.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, Sender, channel};

use media_rtp::driver::SocketOptions;
use media_rtp::relay::PortRange;

use crate::compile::{MediaRange, Runtime};
use crate::media::{MediaAddress, Pool, PoolId};

/// A range of ports to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortPlan {
    /// Its number in [`MediaPorts`](crate::media::MediaPorts).
    pub id: PoolId,
    /// The address to bind on.
    pub bind: IpAddr,
    /// The address peers are told, behind NAT.
    pub advertised: Option<IpAddr>,
    /// The range.
    pub range: PortRange,
    /// How many pairs to bind: two per call that is to be carried.
    pub most: usize,
}

impl PortPlan {
    /// The ranges an edge needs: its own, bound on `bind`, and those of trunks that have their own, on the interfaces of these. Each
    /// has two pairs for each call it may carry, and some for transfers while they last.
    #[must_use]
    pub fn of_edge(runtime: &Runtime, bind: IpAddr, advertised: Option<IpAddr>) -> Vec<Self> {
        let plan = |range: &MediaRange| Self {
            id: range.pool,
            bind: range.bind.unwrap_or(bind),
            advertised: if range.bind.is_some() { range.advertised } else { advertised },
            range: range.ports,
            most: range.calls as usize * 5 / 2,
        };
        runtime.media_ranges.iter().map(plan).collect()
    }
}

/// Pairs of sockets: those no call uses, and which are out.
pub(super) struct MediaSockets {
    options: SocketOptions,
    idle: HashMap<SocketAddr, UdpSocket>,
    /// Where each socket is bound that calls have.
    bound: HashMap<RawFd, SocketAddr>,
    /// RTP addresses of pairs that calls have.
    out: HashSet<SocketAddr>,
    /// RTP addresses of the pairs that are kept.
    planned: HashSet<SocketAddr>,
    returned: Receiver<Vec<UdpSocket>>,
    /// Media threads give back through this. It holds no more than there are sockets.
    pub(super) give_back: Sender<Vec<UdpSocket>>,
}

impl MediaSockets {
    /// Binds all ranges; a pair that another program holds is left out.
    ///
    /// # Errors
    /// When not one pair of a range can be bound: what the operating system says of the last.
    pub(super) fn bind(options: SocketOptions, plans: &[PortPlan]) -> io::Result<(Self, Vec<Pool>)> {
        let (give_back, returned) = channel();
        let (idle, bound, out, planned) = Default::default();
        let mut sockets = Self { options, idle, bound, out, planned, returned, give_back };
        let pools = sockets.apply(plans)?;
        Ok((sockets, pools))
    }

    /// Binds what is new in these ranges, and lets go of what is in none of them: at once, or when its call ends.
    ///
    /// # Errors
    /// When not one pair of a range can be bound: what the operating system says of the last. Then nothing has changed.
    pub(super) fn apply(&mut self, plans: &[PortPlan]) -> io::Result<Vec<Pool>> {
        self.collect();
        let mut bound = Vec::new();
        let pools: Vec<Pool> =
            plans.iter().map(|plan| self.bind_pool(plan, &mut bound)).collect::<io::Result<_>>()?;
        let pairs = |pool: &Pool| pool.ports.iter().map(|port| SocketAddr::new(pool.bind, *port)).collect();
        self.planned = pools.iter().flat_map::<Vec<_>, _>(pairs).collect();
        self.idle.extend(bound);
        self.idle.retain(|at, _| self.planned.contains(&first(*at)));
        Ok(pools)
    }

    fn bind_pool(&self, plan: &PortPlan, bound: &mut Vec<(SocketAddr, UdpSocket)>) -> io::Result<Pool> {
        let mut ports = Vec::new();
        let mut last_error = None;
        for port in plan.range.pairs() {
            if ports.len() >= plan.most {
                break;
            }
            let rtp = SocketAddr::new(plan.bind, port);
            if self.out.contains(&rtp) || self.idle.contains_key(&rtp) {
                ports.push(port);
                continue;
            }
            match self.bind_pair(rtp) {
                Ok([first, second]) => {
                    bound.extend([(rtp, first), (next(rtp), second)]);
                    ports.push(port);
                }
                Err(error) => last_error = Some(error),
            }
        }
        match last_error.filter(|_| ports.is_empty()) {
            Some(error) => Err(error),
            None => Ok(Pool { id: plan.id, bind: plan.bind, advertised: plan.advertised, ports }),
        }
    }

    /// The pair at an address, RTP first, with nothing waiting in it.
    pub(super) fn take(&mut self, address: &MediaAddress) -> io::Result<Vec<UdpSocket>> {
        self.collect();
        let rtp = address.bound;
        let pair = (self.idle.remove(&rtp), self.idle.remove(&next(rtp)));
        let pair = match pair {
            (Some(rtp), Some(rtcp)) => [rtp, rtcp],
            // A thread that ended took them along.
            (rtp_kept, rtcp_kept) => {
                drop((rtp_kept, rtcp_kept));
                self.bind_pair(rtp)?
            }
        };
        pair.iter().for_each(drain);
        self.bound.extend(pair.iter().map(AsRawFd::as_raw_fd).zip([rtp, next(rtp)]));
        self.out.insert(rtp);
        Ok(pair.into())
    }

    fn bind_pair(&self, rtp: SocketAddr) -> io::Result<[UdpSocket; 2]> {
        Ok([self.options.bind(rtp)?, self.options.bind(next(rtp))?])
    }

    /// Takes back what calls have let go.
    fn collect(&mut self) {
        for socket in self.returned.try_iter().flatten() {
            let Some(at) = self.bound.remove(&socket.as_raw_fd()) else { continue };
            let pair = first(at);
            self.out.remove(&pair);
            if self.planned.contains(&pair) {
                self.idle.insert(at, socket);
            }
        }
    }
}

fn next(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
}

/// The RTP address of the pair an address is of.
fn first(either: SocketAddr) -> SocketAddr {
    SocketAddr::new(either.ip(), either.port() & !1)
}

/// Throws away what arrived after the call before: no more than a socket buffer holds.
fn drain(socket: &UdpSocket) {
    let mut buffer = [0; 1];
    for _ in 0..4096 {
        match socket.recv_from(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_serves_call_after_call_and_forgets_what_came_in_between() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() & !1;
        let range = PortRange::new(free, free.saturating_add(200)).unwrap();
        let bind = "127.0.0.1".parse().unwrap();
        let plan = PortPlan { id: PoolId(0), bind, advertised: None, range, most: 3 };
        let (mut sockets, pools) = MediaSockets::bind(SocketOptions::default(), &[plan]).unwrap();
        assert_eq!(pools[0].ports.len(), 3);
        let bound = SocketAddr::new(bind, pools[0].ports[0]);
        let address = MediaAddress { pool: PoolId(0), bound, advertised: bound };
        let first = sockets.take(&address).unwrap();
        sockets.give_back.send(first).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"late", bound).unwrap();
        let again = sockets.take(&address).unwrap();
        assert_eq!(again[0].local_addr().unwrap(), bound);
        assert_eq!(again[0].recv_from(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(again);
        assert_eq!(sockets.take(&address).unwrap().len(), 2, "bound anew when lost");
    }

    /// K5: a range is moved while one of its pairs is in use: what is new is bound, what is left is let go, and the pair of the call is
    /// closed when it comes back.
    #[test]
    fn ranges_move_under_a_running_call() {
        // An address that nothing else here binds on.
        let free = UdpSocket::bind("127.0.0.79:0").unwrap().local_addr().unwrap().port() & !1;
        let bind = "127.0.0.79".parse().unwrap();
        let plan = |first: u16| PortPlan {
            id: PoolId(0),
            bind,
            advertised: None,
            range: PortRange::new(first, first + 200).unwrap(),
            most: 2,
        };
        let low = free.min(64_000);
        let (mut sockets, pools) = MediaSockets::bind(SocketOptions::default(), &[plan(low)]).unwrap();
        let [used, left] = pools[0].ports[..] else { panic!("{pools:?}") };
        let at = |port| SocketAddr::new(bind, port);
        let address = |port| MediaAddress { pool: PoolId(0), bound: at(port), advertised: at(port) };
        let of_call = sockets.take(&address(used)).unwrap();
        let moved = sockets.apply(&[plan(low + 400)]).unwrap();
        assert!(moved[0].ports.iter().all(|port| *port >= low + 400));
        UdpSocket::bind(at(left)).expect("a pair nobody uses is let go");
        assert!(UdpSocket::bind(at(used)).is_err(), "the call goes on");
        sockets.give_back.send(of_call).unwrap();
        let back = sockets.apply(&[plan(low), plan(low + 400)]).unwrap();
        assert_eq!(back[1].ports, moved[0].ports, "what is bound stays bound");
        assert!(back[0].ports.contains(&used));
    }
}
