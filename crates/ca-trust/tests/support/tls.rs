//! Our client against our server over a socket pair, on a fixed clock.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ca_trust::diagnose::{Cause, Diagnosis};
use ca_trust::tls::{
    Capture, ClientAuth, ClientTls, Connection, Identities, Identity, ServerTls, TlsProfile,
    complete_handshake, ring_provider,
};
use ca_trust::{Anchors, ReferenceName};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConnection, ServerConnection};
use rustls_pki_types::UnixTime;

use super::{Authority, Leaf, now};

/// The name the tests' server has.
pub const NAME: &str = "edge.example";

#[derive(Debug)]
pub struct Fixed;

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(now())
    }
}

pub fn identity(leaf: &Leaf, above: &[&Authority]) -> Identity {
    let chain = std::iter::once(leaf.der.clone()).chain(above.iter().map(|ca| ca.der.clone())).collect();
    Identity::new(chain, leaf.key_der(), &ring_provider()).expect("key and certificate belong together")
}

pub fn client(ca: &Authority, profile: &TlsProfile) -> ClientTls {
    let anchors = Anchors::from_certificates([ca.certificate()]);
    ClientTls::new(anchors, profile, ring_provider()).expect("ring has it all").with_clock(Arc::new(Fixed))
}

pub fn server(ca: &Authority, profile: &TlsProfile, leaf: &Leaf, auth: ClientAuth) -> ServerTls {
    let anchors = Anchors::from_certificates([ca.certificate()]);
    let identities = Identities::one(identity(leaf, &[]));
    ServerTls::new(anchors, profile, ring_provider(), identities, auth)
        .expect("ring has it all")
        .with_clock(Arc::new(Fixed))
}

pub struct Outcome {
    pub client: Result<(), Diagnosis>,
    pub server: Result<(), Diagnosis>,
    pub connections: (Connection, Connection),
    pub streams: (UnixStream, UnixStream),
    pub captures: (Capture, Capture),
}

pub fn connect(client: &ClientTls, server: &ServerTls, name: &str) -> Outcome {
    let (client_config, client_capture) = client.attempt().expect("checked before");
    let (server_config, server_capture) = server.attempt().expect("checked before");
    let name = ReferenceName::parse(name).expect("a sound name").to_server_name();
    let mut near =
        Connection::Client(ClientConnection::new(client_config, name).expect("a sound configuration"));
    let mut far = Connection::Server(ServerConnection::new(server_config).expect("a sound configuration"));
    let (mut one, mut other) = UnixStream::pair().expect("a socket pair");
    for stream in [&one, &other] {
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    }
    let capture = server_capture.clone();
    let accepting = thread::spawn(move || {
        let result = complete_handshake(&mut far, &mut other, &capture);
        // A client that was asked for a certificate waits for the server's opinion: data is a good one.
        if let (Ok(()), Connection::Server(far)) = (&result, &mut far) {
            far.writer().write_all(b"!").expect("it fits the buffer");
            far.write_tls(&mut other).expect("the client has not closed");
        }
        (result, far, other)
    });
    let client = complete_handshake(&mut near, &mut one, &client_capture);
    let (server, far, other) = accepting.join().expect("the server thread does not panic");
    Outcome {
        client,
        server,
        connections: (near, far),
        streams: (one, other),
        captures: (client_capture, server_capture),
    }
}

pub fn cause(result: &Result<(), Diagnosis>) -> Option<Cause> {
    result.as_ref().err().map(|diagnosis| diagnosis.cause)
}
