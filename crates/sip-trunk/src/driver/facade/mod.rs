//! A trunk for ten-line programs: connect, invite, take calls. Written with nothing but the public engine.

mod call;
mod desk;

pub use call::{Call, CommandError, IncomingCall};

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, Stream};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, watch};

use super::{Driver, Handle, Settings, SocketOptions, Sockets, Stopped, Unanswered, system_seed};
use crate::agent::{AgentConfig, Route, TrunkAgent};
use crate::endpoint::{EndpointConfig, Listener};
use crate::group::Considered;
use crate::msg::Message;
use crate::registration::Registrar;
use crate::transport::{SocketId, Transport};
use crate::trunk::{OutboundCall, Problem, Reason, Standing, TrunkConfig, TrunkEvent, TrunkId, TrunksConfig};
use crate::ua::{self, UaConfig};
use desk::{CallNews, Desk};

/// A trunk and how to reach the network with it. `TrunkConfig` turns into one with everything else as usual.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The trunk.
    pub trunk: TrunkConfig,
    /// Where to listen. Empty: on a free port of the address that leads to the other side, in each transport the trunk uses.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Name or address that stands in Via and Contact instead of the local one.
    pub advertised: Option<String>,
    /// STUN server, for a trunk behind an address translator: `stun.carrier.example`, port 3478 unless given. UDP only.
    pub stun: Option<String>,
    /// TLS, DNS, queues.
    pub settings: Settings,
    /// How long to wait for the registration; 40 s.
    pub patience: Duration,
}

impl From<TrunkConfig> for Connection {
    fn from(trunk: TrunkConfig) -> Self {
        Self {
            trunk,
            listen: Vec::new(),
            advertised: None,
            stun: None,
            settings: Settings::default(),
            patience: Duration::from_secs(40),
        }
    }
}

/// Why a trunk could not be connected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration cannot work.
    #[error("configuration error: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Configuration(Vec<Problem>),
    /// A local address could not be found or bound.
    #[error("no local address: {0}")]
    Local(#[from] io::Error),
    /// The STUN server's name leads to no address.
    #[error("the STUN server cannot be found: {0}")]
    Stun(#[source] io::Error),
    /// The trunk does not come up.
    #[error("the trunk is {0}")]
    Down(Standing),
    /// The driver gave no answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// Why a call did not come about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// It was refused, or not taken by the trunk.
    #[error("the call failed with {status}; {}", .explanation.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Failed {
        /// The status.
        status: u16,
        /// The answer, if there was one.
        message: Option<Box<Message>>,
        /// What was tried, and how that ended.
        explanation: Vec<Considered>,
    },
    /// The driver gave no answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// A connected trunk: registered where it registers, ready for calls both ways. Share it in an `Arc` to
/// dial while calls come in. When it is dropped no more calls come in, and the driver ends with the last [`Call`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use sip_trunk::driver::Trunk;
/// use sip_trunk::trunk::{Server, TrunkConfig, TrunkId};
/// use sip_trunk::ua::Body;
///
/// let mut config = TrunkConfig::new(TrunkId(1), "Carrier");
/// config.servers = vec![Server { host: "sip.carrier.example".into(), port: None }];
/// let trunk = Trunk::connect(config).await?;
/// let call = trunk.invite("+12025550123", "+14085550100", Body::sdp("v=0\r\n…")).await?;
/// call.hang_up().await;
/// while let Some(call) = trunk.incoming().await {
///     call.answer(Body::sdp("v=0\r\n…")).await?.ended().await;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Trunk {
    id: TrunkId,
    handle: Handle<TrunkAgent>,
    desk: Arc<Desk>,
    incoming: Mutex<mpsc::Receiver<IncomingCall>>,
    standing: watch::Receiver<Standing>,
    public: watch::Receiver<Option<SocketAddr>>,
    listeners: Vec<Listener>,
}

/// Calls that may wait to be taken; further ones are refused with 503.
const WAITING_CALLS: usize = 64;
/// How long a STUN server may take before the trunk goes on without a public address.
const DISCOVERY: Duration = Duration::from_secs(5);
/// How long the registrar may take to confirm the end of a registration.
const FAREWELL: Duration = Duration::from_secs(2);

impl Trunk {
    /// Opens sockets, registers where the trunk registers, and waits for the outcome.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing is left open.
    pub async fn connect(connection: impl Into<Connection>) -> Result<Self, ConnectError> {
        let connection = connection.into();
        let id = connection.trunk.id;
        let sockets = Sockets::bind(listeners(&connection).await?, SocketOptions::default())?;
        let listeners = sockets.listeners().to_vec();
        let own = listeners.iter().map(|one| (one.local.ip().to_string(), one.local.port())).collect();
        let endpoint = EndpointConfig { listeners: listeners.clone(), ..EndpointConfig::default() };
        let config = AgentConfig {
            ua: UaConfig { endpoint, ..UaConfig::default() },
            trunks: TrunksConfig { domains: Vec::new(), own },
        };
        let agent = TrunkAgent::new(config, system_seed()?, Instant::now());
        let (calls, incoming) = mpsc::channel(WAITING_CALLS);
        let (changes, standing) = watch::channel(Standing::Down(Reason::RegistrationPending));
        let desk = Arc::new(Desk::new(calls));
        let (found, mut public) = watch::channel(None);
        let (at_desk, tell) = (desk.clone(), changes.clone());
        let handler = move |event, agent: &mut TrunkAgent, now| {
            if let crate::agent::Event::Trunk(TrunkEvent::HealthChanged { standing, .. }) = &event {
                tell.send_replace(standing.clone());
            } else if let crate::agent::Event::Session(ua::Event::PublicAddress { address, .. }) = &event {
                found.send_replace(Some(*address));
            }
            at_desk.take(event, agent, now);
        };
        let (driver, handle) = Driver::with_handler(agent, sockets, connection.settings, handler);
        desk.open(handle.clone());
        tokio::spawn(driver.run());
        if connection.stun.is_some() {
            // Without an answer the log has said so; whom the local address reaches is still reached.
            let _ = tokio::time::timeout(DISCOVERY, public.wait_for(Option::is_some)).await;
        }
        let config = connection.trunk;
        let applied = handle.call(move |agent, now| {
            let problems = agent.apply(vec![config], Vec::new(), now);
            if let Some(trunk) = agent.trunks().get(id) {
                changes.send_replace(trunk.health().standing().clone());
            }
            problems
        });
        let problems = applied.await?;
        let incoming = Mutex::new(incoming);
        let trunk = Self { id, handle, desk, incoming, standing, public, listeners };
        if !problems.is_empty() {
            return Err(ConnectError::Configuration(problems));
        }
        let decided = trunk.until(|standing| *standing != Standing::Down(Reason::RegistrationPending));
        match tokio::time::timeout(connection.patience, decided).await {
            Ok(Ok(Standing::Up)) => Ok(trunk),
            Ok(Ok(down)) => Err(ConnectError::Down(down)),
            Ok(Err(Stopped)) => Err(Unanswered::Stopped.into()),
            Err(_) => Err(ConnectError::Down(trunk.standing())),
        }
    }

    /// Places a call to a number or user, with an offer, and waits for the answer. Dropping the future withdraws the call.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn invite(
        &self,
        called: impl Into<String>,
        caller: impl Into<String>,
        offer: ua::Body,
    ) -> Result<Call, CallError> {
        let call = OutboundCall {
            called: called.into(),
            caller_number: Some(caller.into()),
            body: Some(offer),
            ..OutboundCall::default()
        };
        self.place(call).await
    }

    /// Places a call with everything a call can have. Dropping the future withdraws it.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn place(&self, call: OutboundCall) -> Result<Call, CallError> {
        let (sender, mut news) = mpsc::channel(16);
        let (desk, route, offer) = (self.desk.clone(), Route::Trunks(vec![self.id]), call.body.clone());
        let id = self
            .handle
            .call(move |agent, now| {
                let id = agent.call(call, route, now);
                desk.expect(id, sender, offer);
                id
            })
            .await?;
        let withdrawal = call::Withdrawal::new(id, self.handle.clone());
        let first = news.recv().await;
        withdrawal.settled();
        match first {
            Some(CallNews::Answered { session, message }) => {
                Ok(Call::new(session, message, news, self.handle.clone()))
            }
            Some(CallNews::Failed { status, message, explanation }) => {
                Err(CallError::Failed { status, message: message.map(Box::new), explanation })
            }
            Some(CallNews::Ended(_)) | None => Err(Unanswered::Stopped.into()),
        }
    }

    /// The next call that comes in; `None` when the driver has ended.
    pub async fn incoming(&self) -> Option<IncomingCall> {
        self.incoming.lock().await.recv().await
    }

    /// Calls that come in, as a stream.
    pub fn calls(&self) -> impl Stream<Item = IncomingCall> + '_ {
        stream::unfold((), |()| async { Some((self.incoming().await?, ())) })
    }

    /// Whether it can carry calls, and why not.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Waits until it is as wanted, which it may be already.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn until(&self, mut wanted: impl FnMut(&Standing) -> bool) -> Result<Standing, Stopped> {
        let mut standing = self.standing.clone();
        standing
            .wait_for(|standing| wanted(standing))
            .await
            .map(|standing| standing.clone())
            .map_err(|_| Stopped)
    }

    /// The sockets, with the addresses that were really bound.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The address of ours that others see, once a STUN server has told it: the one media descriptions must carry as well.
    pub fn public_address(&self) -> Option<SocketAddr> {
        *self.public.borrow()
    }

    /// The engine, for everything this façade has no word for.
    pub fn handle(&self) -> &Handle<TrunkAgent> {
        &self.handle
    }

    /// Ends all calls, takes the registration back and closes the sockets.
    pub async fn close(self) {
        self.desk.close();
        let withdrawn = self.desk.withdrawn();
        let mut waiting = self.incoming.lock().await;
        waiting.close();
        // Dropped, they are refused.
        while waiting.try_recv().is_ok() {}
        drop(waiting);
        let desk = self.desk.clone();
        let busy = self.handle.call(move |agent, now| {
            desk.hang_up(agent, now);
            agent.apply(Vec::new(), Vec::new(), now);
            agent.trunks().is_leaving()
        });
        if busy.await == Ok(true) {
            let _ = tokio::time::timeout(FAREWELL, withdrawn).await;
        }
        self.handle.stop().await;
    }
}

impl Drop for Trunk {
    fn drop(&mut self) {
        self.desk.close();
    }
}

/// One listener for each transport of the trunk, where none is configured.
async fn listeners(connection: &Connection) -> Result<Vec<Listener>, ConnectError> {
    let mut wanted = connection.listen.clone();
    if wanted.is_empty() {
        let trunk = &connection.trunk;
        let servers = trunk.servers.iter().map(|server| (server.host.as_str(), server.port, trunk.transport));
        let registrars = trunk.registrations.iter().map(|registration| {
            let Registrar { host, port, transport } = &registration.registrar;
            (host.as_str(), *port, *transport)
        });
        for (host, port, transport) in servers.chain(registrars) {
            if wanted.iter().all(|(known, _)| *known != transport) {
                let port = port.unwrap_or(transport.default_port());
                wanted.push((transport, SocketAddr::new(local_address(host, port).await?, 0)));
            }
        }
    }
    let stun = match &connection.stun {
        Some(server) => stun_servers(server).await.map_err(ConnectError::Stun)?,
        None => Vec::new(),
    };
    let listener = |(index, (transport, local)): (usize, (Transport, SocketAddr))| Listener {
        advertised: connection.advertised.clone(),
        // A socket sends within its own family.
        stun: stun.iter().copied().find(|server| server.is_ipv4() == local.is_ipv4()),
        ..Listener::new(SocketId(u16::try_from(index).unwrap_or(u16::MAX)), transport, local)
    };
    Ok(wanted.into_iter().enumerate().map(listener).collect())
}

/// Where a STUN server is, in every family it has; a port is not needed (RFC 8489 §8).
async fn stun_servers(server: &str) -> io::Result<Vec<SocketAddr>> {
    let has_port = server.parse::<SocketAddr>().is_ok()
        || server
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.contains(':') && port.parse::<u16>().is_ok());
    let server = match server.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, 3478).to_string(),
        Err(_) if has_port => server.to_owned(),
        Err(_) => format!("{server}:3478"),
    };
    let found: Vec<_> = tokio::net::lookup_host(server.as_str()).await?.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{server} has no address")));
    }
    Ok(found)
}

/// The address of ours that leads to a host: what the system would send from.
async fn local_address(host: &str, port: u16) -> io::Result<IpAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut found = tokio::net::lookup_host((host, port)).await?;
    let remote = found
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")))?;
    let any: IpAddr =
        if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = tokio::net::UdpSocket::bind((any, 0)).await?;
    socket.connect(remote).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ST-037: a STUN server is asked by the sockets of its own family, on its usual port; the others ask none.
    #[tokio::test]
    async fn each_socket_asks_the_stun_server_of_its_family() {
        let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let mut connection = Connection::from(TrunkConfig::new(TrunkId(1), "Carrier"));
        connection.listen =
            vec![(Transport::Udp, address("127.0.0.1:0")), (Transport::Udp, address("[::1]:0"))];
        for (server, v4, v6) in [
            ("192.0.2.7", Some("192.0.2.7:3478"), None),
            ("192.0.2.7:5000", Some("192.0.2.7:5000"), None),
            ("2001:db8::7", None, Some("[2001:db8::7]:3478")),
        ] {
            connection.stun = Some(server.to_owned());
            let stun: Vec<_> = listeners(&connection).await.unwrap().iter().map(|one| one.stun).collect();
            assert_eq!(stun, [v4.map(address), v6.map(address)], "{server}");
        }
    }
}
