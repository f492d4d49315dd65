//! Media sockets, bound before the first call and kept from call to call.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};

use media_rtp::driver::SocketOptions;
use media_rtp::relay::PortRange;

use crate::compile::Runtime;
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
    /// The range of the edge, with two pairs for each call it can carry; 10000 to 20000 where that is no range a program may bind.
    #[must_use]
    pub fn of_edge(runtime: &Runtime, bind: IpAddr, advertised: Option<IpAddr>) -> Self {
        let edge = runtime.edge.as_ref();
        let range = edge.map_or(telco_model::value::PortRange::TRUNK_DEFAULT, |edge| edge.media_ports);
        let calls = edge.map_or(100, |edge| edge.capacity.calls);
        let range = PortRange::new(range.first(), range.last()).unwrap_or(PortRange::TRUNK);
        Self { id: PoolId::default(), bind, advertised, range, most: 2 * calls as usize }
    }
}

/// Pairs of sockets that no call uses.
pub(super) struct MediaSockets {
    options: SocketOptions,
    idle: HashMap<SocketAddr, UdpSocket>,
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
        let mut sockets = Self { options, idle: HashMap::new(), returned, give_back };
        let pools = plans.iter().map(|plan| sockets.bind_pool(plan)).collect::<io::Result<_>>()?;
        Ok((sockets, pools))
    }

    fn bind_pool(&mut self, plan: &PortPlan) -> io::Result<Pool> {
        let mut ports = Vec::new();
        let mut last_error = None;
        for port in plan.range.pairs() {
            if ports.len() >= plan.most {
                break;
            }
            match self.bind_pair(SocketAddr::new(plan.bind, port)) {
                Ok(pair) => {
                    self.keep(pair.into());
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
        while let Ok(sockets) = self.returned.try_recv() {
            self.keep(sockets);
        }
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
        Ok(pair.into())
    }

    fn bind_pair(&self, rtp: SocketAddr) -> io::Result<[UdpSocket; 2]> {
        Ok([self.options.bind(rtp)?, self.options.bind(next(rtp))?])
    }

    fn keep(&mut self, sockets: Vec<UdpSocket>) {
        let known = |socket: UdpSocket| Some((socket.local_addr().ok()?, socket));
        self.idle.extend(sockets.into_iter().filter_map(known));
    }
}

fn next(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
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
}
