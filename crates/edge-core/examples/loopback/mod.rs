//! The other side of the examples: somebody who calls over loopback, presses keys and listens.

#![allow(dead_code, reason = "every user needs its own part")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use sip_trunk::driver::{Call, Connection, Trunk};
use sip_trunk::msg::Method;
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{Server, TrunkConfig, TrunkId};
use sip_trunk::ua::Body;
use tokio::net::UdpSocket;

/// An office with one edge and one carrier, which calls from anywhere on this machine.
pub(crate) const OFFICE: &str = include_str!("office.toml");

/// A caller with a carrier of its own.
pub(crate) struct Caller {
    pub(crate) trunk: Trunk,
    rtp: UdpSocket,
}

impl Caller {
    /// Calls the edge at `edge` from `own`, whose port 0 is a free one.
    pub(crate) async fn new(edge: SocketAddr, own: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut trunk = TrunkConfig::new(TrunkId(1), "Edge");
        trunk.servers = vec![Server { host: edge.ip().to_string(), port: Some(edge.port()) }];
        let connection = Connection { listen: vec![(Transport::Udp, own)], ..Connection::from(trunk) };
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { trunk: Trunk::connect(connection).await?, rtp })
    }

    /// Calls a number, and gives the call when it is answered.
    pub(crate) async fn call(&self, number: &str) -> Result<Call, Box<dyn Error>> {
        Ok(self.trunk.invite(number, "+12025550123", self.offer()).await?)
    }

    /// Presses keys, one INFO each.
    pub(crate) async fn press(&self, call: &Call, keys: &str) -> Result<(), Box<dyn Error>> {
        let session = call.session();
        for key in keys.chars() {
            let body = format!("Signal={key}\r\nDuration=160\r\n");
            let body = Body { content_type: "application/dtmf-relay".into(), bytes: body.into() };
            let send = move |ua: &mut sip_trunk::ua::UserAgent, now| {
                ua.send(session, &Method::Info, Some(body), Vec::new(), now)
            };
            self.trunk.handle().call(move |agent, now| agent.command(now, |ua| send(ua, now))).await??;
        }
        Ok(())
    }

    /// Waits for a packet of audio.
    pub(crate) async fn hear(&self) -> Result<usize, Box<dyn Error>> {
        let mut packet = [0; 1500];
        Ok(self.rtp.recv(&mut packet).await?)
    }

    /// G.711 at a port of ours.
    pub(crate) fn offer(&self) -> Body {
        let port = self.rtp.local_addr().map_or(9, |address| address.port());
        Body::sdp(format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        ))
    }
}
