//! An edge whose calls are a program's business, with its carrier and its device on loopback.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use edge_core::cdr::CallRecord;
use edge_core::compile::compile;
use edge_core::driver::{CallFlow, PortPlan, Running, Settings, serve};
use edge_core::edge::Event;
use edge_core::media::PoolId;
use media_rtp::relay::PortRange;
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;
use telco_testkit::peer::{Scratch, free_ports};
use tokio::sync::mpsc::Receiver;

use crate::loopback::Caller;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn at(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

/// An edge with a program, its carrier and its device.
pub(crate) struct Site {
    pub(crate) edge: Running,
    pub(crate) events: Receiver<Event>,
    pub(crate) carrier: Caller,
    pub(crate) carrier_address: SocketAddr,
    pub(crate) device: Caller,
    pub(crate) scratch: Scratch,
}

impl Site {
    pub(crate) async fn start(name: &str, flow: impl CallFlow) -> Self {
        let scratch = Scratch::new(name);
        let [carrier, device, rtp] = free_ports();
        let (carrier_address, device) = (at(10, carrier), at(12, device));
        let document = include_str!("../data/office.toml")
            .replace("192.0.2.10:5060", &carrier_address.to_string())
            .replace("192.0.2.12:5060", &device.to_string());
        let office = Organization::from_document(&document, Format::Toml, jiff::Timestamp::now()).unwrap();
        let (runtime, _) = compile(&office, EdgeId::labelled("edge"));
        let mut settings = Settings::new(runtime, at(1, 0), scratch.path());
        let range = PortRange::new(rtp & !1, (rtp & !1) + 400).unwrap();
        let bind = Ipv4Addr::LOCALHOST.into();
        settings.media.ports = vec![PortPlan { id: PoolId(0), bind, advertised: None, range, most: 20 }];
        let (edge, events) = serve(settings, flow).unwrap();
        let sip = edge.listeners()[0].local;
        let carrier = Caller::new(sip, carrier_address).await.unwrap();
        let device = Caller::new(sip, device).await.unwrap();
        Self { edge, events, carrier, carrier_address, device, scratch }
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
