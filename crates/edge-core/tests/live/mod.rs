//! An edge on real sockets, for the office of `data/office.toml`.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge_core::cdr::CallRecord;
use edge_core::compile::compile;
use edge_core::driver::tls::EdgeTls;
use edge_core::driver::{MediaConfig, PortPlan, Running, Settings, start};
use edge_core::edge::{EdgeConfig, Event};
use media_rtp::sdp::TargetPolicy;
use sip_trunk::driver;
use sip_trunk::endpoint::Listener;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::UaConfig;
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;
use telco_testkit::peer::{Scratch, free_ports};
use tokio::sync::mpsc::Receiver;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Carriers are told apart by their addresses.
pub(crate) fn other(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

/// An edge for the office, with its carriers at these addresses.
pub(crate) struct Site {
    pub(crate) running: Running,
    events: Receiver<Event>,
    /// The port of UDP.
    pub(crate) sip: u16,
}

impl Site {
    /// Listens on UDP.
    pub(crate) fn start(scratch: &Scratch, carrier_a: SocketAddr, carrier_b: SocketAddr) -> Self {
        Self::open(scratch, [carrier_a, carrier_b], &[Transport::Udp], None, |document| document)
    }

    /// Listens on these transports, with a certificate and its key (PEM) where TLS is among them; `edit` changes the organization.
    pub(crate) fn open(
        scratch: &Scratch,
        carriers: [SocketAddr; 2],
        transports: &[Transport],
        certificate: Option<(&[u8], &[u8])>,
        edit: impl FnOnce(String) -> String,
    ) -> Self {
        let [rtp] = free_ports();
        let document = include_str!("../data/office.toml")
            .replace("192.0.2.10:5060", &carriers[0].to_string())
            .replace("192.0.2.11:5060", &carriers[1].to_string())
            .replace(r#"codecs = ["audio/pcma"]"#, r#"codecs = ["audio/pcmu"]"#);
        let now = jiff::Timestamp::now();
        let organization = Organization::from_document(&edit(document), Format::Toml, now).unwrap();
        let (runtime, _) = compile(&organization, EdgeId::labelled("edge"));
        let mut config = EdgeConfig::new(UaConfig::default(), "127.0.0.1");
        config.targets = TargetPolicy::with_loopback();
        let listener = |(id, transport): (u16, &Transport)| Listener::new(SocketId(id), *transport, local(0));
        let mut network = driver::Settings::default();
        if certificate.is_some() {
            network.tls = Arc::new(EdgeTls::new(&organization, certificate, &[]).unwrap());
        }
        let settings = Settings {
            config,
            runtime,
            listeners: (0..).zip(transports).map(listener).collect(),
            sockets: driver::SocketOptions::default(),
            network,
            media: media(scratch, rtp & !1),
            spool: scratch.path().join("spool"),
        };
        let (running, events) = start(settings).unwrap();
        let sip = running.listeners()[0].local.port();
        Self { running, events, sip }
    }

    /// The port of a transport.
    pub(crate) fn port(&self, transport: Transport) -> u16 {
        let mut listeners = self.running.listeners().iter();
        listeners.find(|listener| listener.transport == transport).unwrap().local.port()
    }

    /// The record of the next call that ends.
    pub(crate) async fn record(&mut self) -> CallRecord {
        let next = async {
            loop {
                if let Event::CallEnded(record) = self.events.recv().await.unwrap() {
                    return *record;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a call ends")
    }
}

fn media(scratch: &Scratch, first: u16) -> MediaConfig {
    let range = media_rtp::relay::PortRange::new(first, first + 400).unwrap();
    let ports = PortPlan {
        id: edge_core::media::PoolId(0),
        bind: Ipv4Addr::LOCALHOST.into(),
        advertised: None,
        range,
        most: 100,
    };
    MediaConfig {
        threads: 1,
        ports: vec![ports],
        sockets: media_rtp::driver::SocketOptions::default(),
        prompts: scratch.path().into(),
        recordings: scratch.path().into(),
    }
}
