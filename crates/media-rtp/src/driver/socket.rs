//! Media sockets: marked for their class of service, with room for a burst.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// What every media socket of a driver gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// The differentiated services code point of what is sent, 0..=63. Default 46, expedited forwarding (RFC 4594 §4.1).
    pub dscp: u8,
    /// Octets of receive buffer asked for; the kernel may grant less (`net.core.rmem_max`). Default 256 KiB.
    pub receive_buffer: usize,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { dscp: 46, receive_buffer: 256 * 1024 }
    }
}

impl SocketOptions {
    /// Opens a non-blocking UDP socket on `address`.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a code point above 63, otherwise what the operating system says: the address is
    /// not ours, or the port is taken.
    pub fn bind(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        if self.dscp > 63 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a code point has 6 bits; use 0 to 63"));
        }
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // RFC 2474 §3: the code point is the upper six bits of the octet, the lower two are ECN.
        let octet = u32::from(self.dscp) << 2;
        match address {
            SocketAddr::V4(_) => socket.set_tos_v4(octet)?,
            SocketAddr::V6(_) => {
                socket.set_only_v6(true)?;
                socket.set_tclass_v6(octet)?;
            }
        }
        socket.set_recv_buffer_size(self.receive_buffer)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use socket2::SockRef;

    use super::*;

    /// MR-009, MR-010: the configured code point is on the socket, IPv4 and IPv6.
    #[test]
    fn the_code_point_is_set_on_the_socket() {
        for dscp in [0, 8, 46, 63] {
            let options = SocketOptions { dscp, ..SocketOptions::default() };
            let socket = options.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            assert_eq!(SockRef::from(&socket).tos_v4().unwrap(), u32::from(dscp) << 2);
            // A machine without IPv6 refuses the address; nothing to mark there.
            if let Ok(socket) = options.bind("[::1]:0".parse().unwrap()) {
                assert_eq!(SockRef::from(&socket).tclass_v6().unwrap(), u32::from(dscp) << 2);
            }
        }
        let options = SocketOptions { dscp: 64, ..SocketOptions::default() };
        assert_eq!(
            options.bind("127.0.0.1:0".parse().unwrap()).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    /// MR-009: the code point is in the IP header of what leaves, read from a raw socket on the way.
    #[test]
    fn the_code_point_is_on_the_wire() {
        let Ok(wire) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) else {
            eprintln!("skipped: raw sockets need CAP_NET_RAW, which this user lacks");
            return;
        };
        wire.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let options = SocketOptions { dscp: 46, ..SocketOptions::default() };
        let sender = options.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        sender.send_to(b"marked", to).unwrap();
        let port = to.port().to_be_bytes();
        let mut buffer = [0; 2048];
        // Other programs' datagrams pass too; ours is told by its port.
        for _ in 0..100_000 {
            let len = (&wire).read(&mut buffer).expect("our datagram passes within the time-out");
            let header = usize::from(buffer[0] & 0x0F) * 4;
            if len >= header + 8 && buffer[header + 2..header + 4] == port {
                assert_eq!(buffer[1] >> 2, 46);
                return;
            }
        }
        panic!("the datagram did not pass");
    }
}
