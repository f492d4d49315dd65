//! Where everything listens: the server under measurement on 127.0.0.1, who calls on 127.0.0.2, who is called on 127.0.0.3.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use telco_testkit::peer::{Program, Scratch, free_ports};

/// How SIP is carried on both sides of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Udp,
    Tcp,
    Tls,
}

impl Wire {
    /// As it stands in Via.
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Wire::Udp => "UDP",
            Wire::Tcp => "TCP",
            Wire::Tls => "TLS",
        }
    }

    /// As it stands in URIs and configurations.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Wire::Udp => "udp",
            Wire::Tcp => "tcp",
            Wire::Tls => "tls",
        }
    }
}

/// Addresses of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) wire: Wire,
    ports: [u16; 6],
}

impl Place {
    /// Free ports for a run.
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, ports: free_ports() }
    }

    /// The server, for UDP and TCP.
    pub(crate) fn plain(&self) -> SocketAddr {
        address(1, self.ports[0])
    }

    /// The server, for TLS.
    pub(crate) fn secure(&self) -> SocketAddr {
        address(1, self.ports[1])
    }

    /// The server, on this wire.
    pub(crate) fn server(&self) -> SocketAddr {
        if self.wire == Wire::Tls { self.secure() } else { self.plain() }
    }

    /// Who calls.
    pub(crate) fn caller(&self) -> SocketAddr {
        address(2, self.ports[2])
    }

    /// Where the caller sends to: the server, or stunnel in front of it.
    pub(crate) fn entrance(&self) -> SocketAddr {
        if self.wire == Wire::Tls { address(2, self.ports[3]) } else { self.plain() }
    }

    /// Who is called.
    pub(crate) fn called(&self) -> SocketAddr {
        address(3, self.ports[4])
    }

    /// Where the server reaches the called: itself, or stunnel in front of it.
    pub(crate) fn exit(&self) -> SocketAddr {
        if self.wire == Wire::Tls { address(1, self.ports[5]) } else { self.called() }
    }
}

fn address(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

/// Makes an authority, `authority.crt`, and the certificate it gave the server and stunnel: `bench.crt` and `bench.key`.
///
/// # Errors
/// What openssl says.
pub(crate) fn certificate(scratch: &Scratch) -> Result<(), String> {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(scratch, &format!("{new} -subj /CN=authority -keyout authority.key -out authority.crt"))?;
    openssl(
        scratch,
        &format!(
            "{new} -subj /CN=bench -CA authority.crt -CAkey authority.key -addext basicConstraints=CA:FALSE \
             -addext subjectAltName=DNS:bench.localhost,IP:127.0.0.1 -keyout bench.key -out bench.crt"
        ),
    )
}

fn openssl(scratch: &Scratch, arguments: &str) -> Result<(), String> {
    let mut openssl = Command::new("openssl");
    let made = openssl.args(arguments.split_whitespace()).current_dir(scratch.path()).output();
    let made = made.map_err(|error| format!("openssl: {error}"))?;
    if made.status.success() {
        Ok(())
    } else {
        Err(format!("openssl: {}", String::from_utf8_lossy(&made.stderr)))
    }
}

/// stunnel before and behind the server: Debian's SIPp speaks no TLS. It stands outside the measured processes.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn tunnels(scratch: &Scratch, place: &Place) -> Result<Program, String> {
    let config = format!(
        "foreground = yes\npid =\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\nsyslog = no\ndebug = 4\n\
         [in]\nclient = yes\naccept = {}\nconnect = {}\nlocal = 127.0.0.2\n\
         [out]\naccept = {}\nconnect = {}\ncert = {directory}/bench.crt\nkey = {directory}/bench.key\n",
        place.entrance(),
        place.secure(),
        place.exit(),
        place.called(),
        directory = scratch.path().display(),
    );
    let mut command = Command::new("stunnel4");
    command.arg(scratch.write("stunnel.conf", config));
    let log = scratch.path().join("stunnel.log");
    Program::start("stunnel", command, log).map_err(|error| format!("stunnel4: {error}"))
}
