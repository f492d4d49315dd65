//! Full handshakes per CPU-second and memory per idle connection, against OpenSSL, in one interleaved run.
//!
//! ```text
//! cargo run --release -p ca-trust --example handshakes [-- HANDSHAKES CONNECTIONS]
//! ```
//!
//! Both servers get the same P-256 certificate and the same rustls client, TLS 1.3 without tickets. CPU time is the
//! server process's own (user and system, from `/proc`). OpenSSL serves handshakes as `openssl s_server`; that program
//! holds one connection at a time, so idle memory is measured with Python's `ssl` module, whose objects add a little.
//! One JSON line per measurement.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use ca_trust::tls::{
    ClientAuth, ClientTls, Connection, Identities, Identity, ServerTls, TlsProfile, Versions,
    complete_handshake, ring_provider,
};
use ca_trust::{Anchors, Certificate, ReferenceName};
use rustls::{ClientConnection, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

type Fault = Box<dyn std::error::Error>;

const NAME: &str = "edge.example";
const ROUNDS: usize = 5;

const PYTHON: &str = "
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.num_tickets = 0
context.load_cert_chain(sys.argv[1] + '/cert.pem', sys.argv[1] + '/key.pem')
listener = socket.create_server(('127.0.0.1', 0), backlog=512)
print('ACCEPT 127.0.0.1:%d' % listener.getsockname()[1], flush=True)
held = []
while True:
    held.append(context.wrap_socket(listener.accept()[0], server_side=True))
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("serve") => serve(Path::new(&arguments[1]), arguments[2] == "hold"),
        first => {
            let number =
                |text: Option<&str>, default| text.and_then(|text| text.parse().ok()).unwrap_or(default);
            measure(number(first, 2_000), number(arguments.get(1).map(String::as_str), 400))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handshakes: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(handshakes: usize, connections: usize) -> Result<(), Fault> {
    let files = tempfile::tempdir()?;
    let own = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate()?)?;
    let leaf = rcgen::CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&own, &root)?;
    std::fs::write(files.path().join("cert.pem"), leaf.pem())?;
    std::fs::write(files.path().join("key.pem"), own.serialize_pem())?;
    let profile = TlsProfile { versions: Versions::Tls13, ..TlsProfile::trunk() };
    let anchors = Anchors::from_certificates([Certificate::from_der(root.der())?]);
    let client = ClientTls::new(anchors, &profile, ring_provider())?;

    for round in 0..ROUNDS {
        for peer in ["ca-trust", "openssl"] {
            let server =
                if peer == "openssl" { s_server(files.path())? } else { ourselves(files.path(), "drop")? };
            for _ in 0..handshakes / 20 {
                connect(&client, server.address)?;
            }
            let before = server.cpu_ticks()?;
            for _ in 0..handshakes {
                connect(&client, server.address)?;
            }
            let seconds = (server.cpu_ticks()? - before) as f64 / 100.0;
            let rate = handshakes as f64 / seconds;
            println!(
                "{}",
                serde_json::json!({"round": round, "peer": peer, "handshakes": handshakes, "cpu_seconds": seconds,
                    "per_cpu_second": rate.round()})
            );
        }
    }
    for peer in ["ca-trust", "openssl (python3 ssl)"] {
        let server =
            if peer == "ca-trust" { ourselves(files.path(), "hold")? } else { python(files.path())? };
        let mut held = vec![connect(&client, server.address)?];
        let before = server.resident_kib()?;
        for _ in 0..connections {
            held.push(connect(&client, server.address)?);
        }
        std::thread::sleep(Duration::from_millis(200));
        let each = (server.resident_kib()? - before) as f64 / connections as f64;
        println!(
            "{}",
            serde_json::json!({"peer": peer, "connections": connections, "kib_per_idle_connection": each})
        );
    }
    Ok(())
}

fn connect(client: &ClientTls, address: SocketAddr) -> Result<(Connection, TcpStream), Fault> {
    let (config, capture) = client.attempt()?;
    let name = ReferenceName::parse(NAME)?.to_server_name();
    let mut connection = Connection::Client(ClientConnection::new(config, name)?);
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    complete_handshake(&mut connection, &mut stream, &capture).map_err(|diagnosis| diagnosis.to_string())?;
    Ok((connection, stream))
}

/// The server under test: one thread, blocking.
fn serve(files: &Path, hold: bool) -> Result<(), Fault> {
    let chain = CertificateDer::pem_file_iter(files.join("cert.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let identity =
        Identity::new(chain, PrivateKeyDer::from_pem_file(files.join("key.pem"))?, &ring_provider())?;
    let profile = TlsProfile { versions: Versions::Tls13, ..TlsProfile::trunk() };
    let identities = Identities::one(identity);
    let server = ServerTls::new(Anchors::default(), &profile, ring_provider(), identities, ClientAuth::None)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("ACCEPT {}", listener.local_addr()?);
    let mut held = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream?;
        let (config, capture) = server.attempt()?;
        let mut connection = Connection::Server(ServerConnection::new(config)?);
        if complete_handshake(&mut connection, &mut stream, &capture).is_ok() && hold {
            held.push((connection, stream));
        }
    }
    Ok(())
}

struct Server {
    child: Child,
    address: SocketAddr,
}

fn ourselves(files: &Path, mode: &str) -> Result<Server, Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg(files).arg(mode);
    start(command)
}

fn s_server(files: &Path) -> Result<Server, Fault> {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-num_tickets", "0"]);
    command.arg("-cert").arg(files.join("cert.pem")).arg("-key").arg(files.join("key.pem"));
    start(command)
}

fn python(files: &Path) -> Result<Server, Fault> {
    let mut command = Command::new("python3");
    command.args(["-c", PYTHON]).arg(files);
    start(command)
}

fn start(mut command: Command) -> Result<Server, Fault> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut server = Server { child, address: ([127, 0, 0, 1], 0).into() };
    let mut output = BufReader::new(server.child.stdout.take().ok_or("no output")?);
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        if let Some(address) = line.trim().strip_prefix("ACCEPT ") {
            server.address = address.parse()?;
            std::thread::spawn(move || std::io::copy(&mut output.by_ref(), &mut std::io::sink()));
            return Ok(server);
        }
        line.clear();
    }
    Err("the server did not start".into())
}

impl Server {
    /// User and system time in clock ticks of 10 ms.
    fn cpu_ticks(&self) -> Result<u64, Fault> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no name")?.1.split_whitespace().collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    }

    fn resident_kib(&self) -> Result<u64, Fault> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
