//! Listening sockets, opened before the engine that uses them, since only then are their addresses known.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};

use crate::endpoint::Listener;
use crate::transport::{SocketId, Transport};

/// How sockets are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// The differentiated services code point of everything sent, 0 to 63; `None` leaves it to the system. CS5 (40), the
    /// class of signalling (RFC 4594 §3.2), unless given.
    pub dscp: Option<u8>,
    /// Bytes the system may hold for a UDP socket in each direction; it may grant less. 4 MiB.
    pub datagram_buffer: usize,
    /// Connections that wait to be accepted. 1,024.
    pub backlog: u32,
    /// Lets several processes bind the same address and share its load.
    pub reuse_port: bool,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { dscp: Some(40), datagram_buffer: 4 << 20, backlog: 1024, reuse_port: false }
    }
}

/// Bound sockets of all listeners.
#[derive(Debug)]
pub struct Sockets {
    pub(super) udp: Vec<(SocketId, UdpSocket)>,
    pub(super) tcp: Vec<(SocketId, Transport, TcpListener)>,
    pub(super) options: SocketOptions,
    listeners: Vec<Listener>,
}

impl Sockets {
    /// Binds a socket for each listener. Port 0 takes a free one: read it from [`listeners`](Self::listeners), which is
    /// what the engine is to be configured with.
    ///
    /// # Errors
    /// The first address that cannot be bound, by name. Must be called inside a tokio runtime.
    pub fn bind(mut listeners: Vec<Listener>, options: SocketOptions) -> io::Result<Self> {
        let mut bound = Self { udp: Vec::new(), tcp: Vec::new(), options, listeners: Vec::new() };
        for listener in &mut listeners {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{} {}: {error}", listener.transport, listener.local))
            };
            if listener.transport == Transport::Udp {
                let socket = udp(listener.local, options).map_err(named)?;
                listener.local = socket.local_addr()?;
                bound.udp.push((listener.id, socket));
            } else {
                let socket = tcp(listener.local, options).map_err(named)?;
                listener.local = socket.local_addr()?;
                bound.tcp.push((listener.id, listener.transport, socket));
            }
        }
        bound.listeners = listeners;
        Ok(bound)
    }

    /// The listeners with the addresses that were really bound.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    pub(super) fn address(&self, id: SocketId) -> Option<SocketAddr> {
        self.listeners.iter().find(|listener| listener.id == id).map(|listener| listener.local)
    }
}

fn udp(local: SocketAddr, options: SocketOptions) -> io::Result<UdpSocket> {
    let socket = open(local, Type::DGRAM, Protocol::UDP, options)?;
    // Best effort: the system's own bound may be lower.
    let _ = socket.set_recv_buffer_size(options.datagram_buffer);
    let _ = socket.set_send_buffer_size(options.datagram_buffer);
    socket.bind(&local.into())?;
    UdpSocket::from_std(socket.into())
}

fn tcp(local: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
    let socket = open(local, Type::STREAM, Protocol::TCP, options)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&local.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

fn open(local: SocketAddr, kind: Type, protocol: Protocol, options: SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), kind, Some(protocol))?;
    if local.is_ipv6() {
        // One listener, one family: addresses in messages are then never IPv4 dressed up as IPv6.
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_port(options.reuse_port)?;
    socket.set_nonblocking(true)?;
    mark(&SockRef::from(&socket), local, options)?;
    Ok(socket)
}

/// A socket to connect from, on the address of `from` where it is given.
pub(super) fn outgoing(
    from: Option<SocketAddr>,
    remote: SocketAddr,
    options: SocketOptions,
) -> io::Result<TcpSocket> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    mark(&SockRef::from(&socket), remote, options)?;
    if let Some(from) = from.filter(|from| from.is_ipv4() == remote.is_ipv4()) {
        socket.bind(SocketAddr::new(from.ip(), 0))?;
    }
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The traffic class of a socket: the code point stands in the upper six bits (RFC 2474 §3).
pub(super) fn mark(socket: &SockRef<'_>, address: SocketAddr, options: SocketOptions) -> io::Result<()> {
    let Some(dscp) = options.dscp else { return Ok(()) };
    let class = u32::from(dscp) << 2;
    if address.is_ipv4() { socket.set_tos_v4(class) } else { socket.set_tclass_v6(class) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marking is verified on the sockets themselves, on both families and for accepted connections.
    #[tokio::test]
    async fn sockets_carry_the_code_point() {
        let listener =
            |id, transport, local: &str| Listener::new(SocketId(id), transport, local.parse().unwrap());
        let wanted =
            vec![listener(0, Transport::Udp, "127.0.0.1:0"), listener(1, Transport::Tcp, "127.0.0.1:0")];
        let sockets =
            Sockets::bind(wanted, SocketOptions { dscp: Some(46), ..SocketOptions::default() }).unwrap();
        assert!(sockets.listeners().iter().all(|listener| listener.local.port() != 0));
        assert_eq!(SockRef::from(&sockets.udp[0].1).tos_v4().unwrap(), 46 << 2);
        assert_eq!(SockRef::from(&sockets.tcp[0].2).tos_v4().unwrap(), 46 << 2);

        let remote = sockets.address(SocketId(1)).unwrap();
        let socket = outgoing(None, remote, sockets.options).unwrap();
        assert_eq!(SockRef::from(&socket).tos_v4().unwrap(), 46 << 2);
        let (connected, accepted) = tokio::join!(socket.connect(remote), sockets.tcp[0].2.accept());
        connected.unwrap();
        assert_eq!(SockRef::from(&accepted.unwrap().0).tos_v4().unwrap(), 46 << 2);
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let first = Listener::new(SocketId(0), Transport::Udp, "127.0.0.1:0".parse().unwrap());
        let sockets = Sockets::bind(vec![first], SocketOptions::default()).unwrap();
        let taken = sockets.listeners().to_vec();
        let error = Sockets::bind(taken.clone(), SocketOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("UDP {}: ", taken[0].local)), "{error}");
    }
}
