//! WebSocket handshakes with the `sip` subprotocol (RFC 7118 §4).

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::transport::Transport;

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// Accepts a handshake that offers `sip`.
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: WebSocketConfig,
) -> Result<WebSocketStream<S>, String> {
    #[allow(clippy::result_large_err, reason = "the signature is the library's")]
    let answer = |request: &Request, mut response: Response| {
        // RFC 7118 §4.1: without the subprotocol the peer would talk something else.
        if offers_sip(request.headers().get_all(PROTOCOL).iter()) {
            response.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(Some("the subprotocol sip is not offered".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        Err(refusal)
    };
    let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, answer, Some(config)).await;
    accepted.map_err(|error| error.to_string())
}

/// Offers `sip` and insists on it.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    transport: Transport,
    host: &str,
    config: WebSocketConfig,
) -> Result<WebSocketStream<S>, String> {
    let scheme = if transport.is_secure() { "wss" } else { "ws" };
    let mut request =
        format!("{scheme}://{host}/").into_client_request().map_err(|error| error.to_string())?;
    request.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
    let connected = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (stream, response) = connected.map_err(|error| error.to_string())?;
    if offers_sip(response.headers().get_all(PROTOCOL).iter()) {
        Ok(stream)
    } else {
        Err("the server does not speak the subprotocol sip".to_owned())
    }
}

/// A SIP message in the WebSocket message type its bytes allow (RFC 7118 §4.2).
pub(super) fn message(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

fn offers_sip<'v>(mut values: impl Iterator<Item = &'v HeaderValue>) -> bool {
    values.any(|value| {
        value.to_str().is_ok_and(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case("sip")))
    })
}
