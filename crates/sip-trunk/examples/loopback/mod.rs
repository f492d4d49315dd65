//! The other side of the examples: the carrier named on the command line, or one that is started here on loopback.

#![allow(dead_code, reason = "every example uses its own part")]
#![allow(clippy::disallowed_methods, reason = "a program starts tasks and reads the clock")]

mod carrier;

use std::error::Error;

use sip_trunk::auth::Secret;
use sip_trunk::driver::Handle;
use sip_trunk::registration::{Account, Registrar, RegistrationConfig};
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{Access, Server, TrunkConfig, TrunkId};
use sip_trunk::ua::{Body, UserAgent};

/// Somebody to register with and to call.
pub(crate) struct Peer {
    pub(crate) host: String,
    port: Option<u16>,
    user: String,
    password: String,
    /// The carrier started here.
    carrier: Option<Handle<UserAgent>>,
}

/// The peer of `HOST[:PORT] [USER PASSWORD]` on the command line; without arguments a carrier on loopback.
pub(crate) async fn peer() -> Result<Peer, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(host) = arguments.first() else {
        let (address, carrier) = carrier::start().await?;
        return Ok(Peer {
            host: address.ip().to_string(),
            port: Some(address.port()),
            user: carrier::USER.into(),
            password: carrier::PASSWORD.into(),
            carrier: Some(carrier),
        });
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse()?)),
        None => (host.as_str(), None),
    };
    let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
    Ok(Peer { host: host.into(), port, user: argument(1), password: argument(2), carrier: None })
}

impl Peer {
    /// A trunk to the peer; one that registers when there is a user.
    pub(crate) fn trunk(&self) -> TrunkConfig {
        let registrar = Registrar { host: self.host.clone(), port: self.port, transport: Transport::Udp };
        let account = Account {
            username: self.user.clone(),
            password: Secret::new(self.password.as_str()),
            realm: None,
        };
        let mut config = TrunkConfig::new(TrunkId(1), "Carrier");
        config.digest = Some(account.clone());
        if self.user.is_empty() {
            config.servers = vec![Server { host: self.host.clone(), port: self.port }];
        } else {
            let registration = RegistrationConfig::new(registrar, format!("sip:{}@{}", self.user, self.host));
            config.registrations = vec![RegistrationConfig { account: Some(account), ..registration }];
        }
        // Carriers call from more addresses than they register at.
        config.access = Access { allow: vec!["0.0.0.0/0".parse().expect("a network")], ..Access::default() };
        config
    }

    /// Has the carrier started here call us; a real one does that when somebody dials.
    pub(crate) async fn call_back(&self) -> Result<(), Box<dyn Error>> {
        match &self.carrier {
            Some(carrier) => carrier::call(carrier).await,
            None => Ok(()),
        }
    }
}

/// An offer or answer of G.711 to nowhere: these examples have no media.
pub(crate) fn sdp() -> Body {
    Body::sdp(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n",
    )
}
