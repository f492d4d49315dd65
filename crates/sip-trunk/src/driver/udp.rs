//! Datagrams in and out.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use bytes::Bytes;
use tokio::net::UdpSocket;

use crate::transport::SocketId;

/// Datagrams taken from one socket before the others and the rest of the world get their turn.
const BATCH: usize = 64;
/// The longest payload of a UDP datagram.
const LONGEST: usize = 65_507;

/// Waits until one of the sockets has something, and says which; for ever when there is none. The one behind `last`
/// is asked first, so that all get their turn.
pub(super) async fn readable(sockets: &[(SocketId, UdpSocket)], last: usize) -> usize {
    poll_fn(|context| {
        let mut turns = (1..=sockets.len()).map(|step| (last + step) % sockets.len());
        let ready = turns.find(|index| sockets[*index].1.poll_recv_ready(context).is_ready());
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Waits until the system has said of each socket that it takes datagrams: before that a new socket counts as full, and the first
/// request of all would be lost.
pub(super) async fn writable(sockets: &[(SocketId, UdpSocket)]) {
    for (_, udp) in sockets {
        // It fails when the runtime ends, and then nothing is sent at all.
        let _ = udp.writable().await;
    }
}

/// Receives into one buffer; each datagram leaves it in a copy of its own size.
pub(super) struct Receiver(Box<[u8]>);

impl Receiver {
    pub(super) fn new() -> Self {
        Self(vec![0; LONGEST].into())
    }

    /// Takes what has arrived, up to a bound.
    pub(super) fn receive(&mut self, socket: &UdpSocket, into: &mut Vec<(SocketAddr, Bytes)>) {
        for _ in 0..BATCH {
            match socket.try_recv_from(&mut self.0) {
                Ok((length, remote)) => into.push((remote, Bytes::copy_from_slice(&self.0[..length]))),
                // An ICMP error of an earlier datagram; the next call reads on.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }
}

/// Sends a datagram, or says why it cannot be sent. A full buffer loses it in silence, as the network might.
pub(super) fn send(
    sockets: &[(SocketId, UdpSocket)],
    socket: SocketId,
    remote: SocketAddr,
    bytes: &[u8],
) -> Result<(), String> {
    let Some((_, udp)) = sockets.iter().find(|(id, _)| *id == socket) else {
        return Err("the listener is not open".to_owned());
    };
    match udp.try_send_to(bytes, remote) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
