//! One connection: its handshakes, then bytes both ways until one side ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::isolation::isolated;
use super::tls::{self, Tls};
use super::{News, sockets, websocket};
use crate::During;
use crate::endpoint::{CloseCause, Input, TlsFault};
use crate::transport::{ConnectionId, SocketId, TlsPeer, Transport};

/// Bytes read at once.
const READ: usize = 4096;
/// How long what was written may still take to leave after a connection is closed.
const LINGER: Duration = Duration::from_secs(5);

/// What all connections share.
pub(super) struct Shared {
    pub(super) tls: Arc<dyn Tls>,
    pub(super) options: sockets::SocketOptions,
    pub(super) largest_message: usize,
    pub(super) news: mpsc::Sender<News>,
}

/// The near end of a connection's task.
pub(super) struct Near {
    pub(super) outbox: mpsc::Receiver<Bytes>,
    /// Resolves when the engine has closed the connection.
    pub(super) gone: oneshot::Receiver<()>,
}

/// How a connection comes to be.
pub(super) enum Origin {
    /// A peer connected to a listener.
    Accepted { stream: TcpStream, listener: SocketId },
    /// The engine asked for it.
    Opened { remote: SocketAddr, server_name: Option<String>, from: Option<SocketAddr> },
}

/// Runs a connection from its first packet to its last.
pub(super) async fn run(
    id: ConnectionId,
    transport: Transport,
    origin: Origin,
    shared: Arc<Shared>,
    near: Near,
) {
    let cause = match isolated(During::Connection, live(id, transport, origin, &shared, near)).await {
        Ok(Some(cause)) => cause,
        Ok(None) => return,
        Err(fault) => {
            let _ = shared.news.send(News::Fault(fault)).await;
            CloseCause::Io("a fault of this program".into())
        }
    };
    let _ = shared.news.send(News::Input(Input::Closed { connection: id, cause })).await;
}

/// Why the connection has ended; `None` when nobody wants to know any more.
async fn live(
    id: ConnectionId,
    transport: Transport,
    origin: Origin,
    shared: &Shared,
    mut near: Near,
) -> Option<CloseCause> {
    let opened = tokio::select! {
        opened = open(transport, origin, shared) => opened,
        _ = &mut near.gone => return None,
    };
    match opened {
        Err(cause) => Some(cause),
        Ok(Opened { local, tls, link }) => {
            let input = Input::Connected { connection: id, local, tls };
            shared.news.send(News::Input(input)).await.ok()?;
            Some(carry(id, link, shared, near).await)
        }
    }
}

/// A connection that is ready for messages.
struct Opened {
    local: SocketAddr,
    tls: Option<TlsPeer>,
    link: Link,
}

enum Link {
    Bytes(Box<dyn Stream>),
    Messages(Box<WebSocketStream<Box<dyn Stream>>>),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn open(transport: Transport, origin: Origin, shared: &Shared) -> Result<Opened, CloseCause> {
    let failed = |error: std::io::Error| CloseCause::Io(error.to_string());
    let (stream, listener, server_name) = match origin {
        Origin::Accepted { stream, listener } => (stream, Some(listener), None),
        Origin::Opened { remote, server_name, from } => {
            let socket = sockets::outgoing(from, remote, shared.options).map_err(failed)?;
            (socket.connect(remote).await.map_err(failed)?, None, server_name)
        }
    };
    let (local, remote) = (stream.local_addr().map_err(failed)?, stream.peer_addr().map_err(failed)?);
    let (stream, tls): (Box<dyn Stream>, _) = match (transport.is_secure(), listener) {
        (false, _) => (Box::new(stream), None),
        (true, Some(listener)) => accept_tls(stream, listener, shared).await?,
        (true, None) => connect_tls(stream, server_name.as_deref(), shared).await?,
    };
    let link = match transport {
        Transport::Udp | Transport::Tcp | Transport::Tls => Link::Bytes(stream),
        Transport::Ws | Transport::Wss => {
            let config = websocket_config(shared.largest_message);
            let host = server_name.unwrap_or_else(|| remote.to_string());
            let opened = match listener {
                Some(_) => websocket::accept(stream, config).await,
                None => websocket::connect(stream, transport, &host, config).await,
            };
            Link::Messages(Box::new(opened.map_err(CloseCause::WebSocket)?))
        }
    };
    Ok(Opened { local, tls, link })
}

type Secured = (Box<dyn Stream>, Option<TlsPeer>);

async fn accept_tls(stream: TcpStream, listener: SocketId, shared: &Shared) -> Result<Secured, CloseCause> {
    let handshake = shared.tls.server(listener).map_err(CloseCause::Tls)?;
    let accepted = TlsAcceptor::from(handshake.config).accept(stream).await;
    let stream = accepted.map_err(|error| CloseCause::Tls(tls::fault(&error, handshake.explain)))?;
    let (_, connection) = stream.get_ref();
    let peer = tls::peer(connection, connection.server_name());
    Ok((Box::new(stream), Some(peer)))
}

async fn connect_tls(stream: TcpStream, name: Option<&str>, shared: &Shared) -> Result<Secured, CloseCause> {
    let unusable = |text: &str| CloseCause::Tls(TlsFault { text: text.to_owned(), certificate: None });
    let name = name.ok_or_else(|| unusable("there is no name the certificate could prove"))?;
    let handshake = shared.tls.client(name).map_err(CloseCause::Tls)?;
    let server =
        ServerName::try_from(name.to_owned()).map_err(|_| unusable("the server name is no DNS name"))?;
    let connected = TlsConnector::from(handshake.config).connect(server, stream).await;
    let stream = connected.map_err(|error| CloseCause::Tls(tls::fault(&error, handshake.explain)))?;
    let (_, connection) = stream.get_ref();
    let peer = tls::peer(connection, Some(name));
    Ok((Box::new(stream), Some(peer)))
}

fn websocket_config(largest: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * largest)
        .max_message_size(Some(largest))
        .max_frame_size(Some(largest))
}

/// Carries bytes until one side ends it. Ends at once when the peer closes; when the engine closes, after what it wrote
/// has left.
async fn carry(id: ConnectionId, link: Link, shared: &Shared, near: Near) -> CloseCause {
    let Near { outbox, gone } = near;
    let given_up = async {
        let _ = gone.await;
        tokio::time::sleep(LINGER).await;
    };
    let carried = async {
        match link {
            Link::Bytes(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                tokio::select! {
                    cause = read(id, reader, shared) => cause,
                    cause = write(writer, outbox) => cause,
                }
            }
            Link::Messages(stream) => {
                let (writer, reader) = (*stream).split();
                tokio::select! {
                    cause = read_messages(id, reader, shared) => cause,
                    cause = write_messages(writer, outbox) => cause,
                }
            }
        }
    };
    tokio::select! {
        cause = carried => cause,
        () = given_up => CloseCause::ByUs,
    }
}

async fn read(id: ConnectionId, mut reader: impl AsyncRead + Unpin, shared: &Shared) -> CloseCause {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return CloseCause::ByPeer,
            Ok(_) => {
                let input = Input::Received { connection: id, bytes: buffer.split().freeze() };
                if shared.news.send(News::Input(input)).await.is_err() {
                    return CloseCause::ByUs;
                }
            }
            Err(error) => return CloseCause::Io(error.to_string()),
        }
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut outbox: mpsc::Receiver<Bytes>) -> CloseCause {
    while let Some(bytes) = outbox.recv().await {
        let mut written = writer.write_all(&bytes).await;
        while let (Ok(()), Ok(more)) = (&written, outbox.try_recv()) {
            written = writer.write_all(&more).await;
        }
        if let Err(error) = written.and(writer.flush().await) {
            return CloseCause::Io(error.to_string());
        }
    }
    let _ = writer.shutdown().await;
    CloseCause::ByUs
}

async fn read_messages(
    id: ConnectionId,
    mut reader: impl futures_util::Stream<Item = Result<tungstenite::Message, tungstenite::Error>> + Unpin,
    shared: &Shared,
) -> CloseCause {
    loop {
        let bytes = match reader.next().await {
            None => return CloseCause::ByPeer,
            Some(Err(error)) => return CloseCause::Io(error.to_string()),
            Some(Ok(message)) if message.is_text() || message.is_binary() => message.into_data(),
            // The WebSocket layer answers its own pings and closes.
            Some(Ok(_)) => continue,
        };
        let input = Input::Received { connection: id, bytes };
        if shared.news.send(News::Input(input)).await.is_err() {
            return CloseCause::ByUs;
        }
    }
}

async fn write_messages(
    mut writer: impl futures_util::Sink<tungstenite::Message, Error = tungstenite::Error> + Unpin,
    mut outbox: mpsc::Receiver<Bytes>,
) -> CloseCause {
    while let Some(bytes) = outbox.recv().await {
        if let Err(error) = writer.send(websocket::message(bytes)).await {
            return CloseCause::Io(error.to_string());
        }
    }
    let _ = writer.close().await;
    CloseCause::ByUs
}
