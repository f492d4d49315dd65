//! What Prometheus reads.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use edge_core::edge::Edge;
use media_rtp::driver::DriverStats;
use sip_trunk::driver::Handle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::news::Counts;

/// Where the numbers come from.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) edge: Handle<Edge>,
    pub(crate) media: watch::Receiver<DriverStats>,
    pub(crate) counts: Arc<Mutex<Counts>>,
    /// Events the log was too slow for.
    pub(crate) lost: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Serves `/metrics` until it is dropped.
///
/// # Errors
/// The address cannot be bound.
pub(crate) async fn serve(address: SocketAddr, sources: Sources) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let router = Router::new().route("/metrics", get(render)).with_state(sources);
    axum::serve(listener, router).await
}

async fn render(State(sources): State<Sources>) -> String {
    let of_edge = sources.edge.call(|edge, now| edge_metrics(edge, now)).await;
    let mut text = of_edge.unwrap_or_else(|unanswered| format!("# {unanswered}\n"));
    media_metrics(&mut text, &sources.media.borrow());
    count_metrics(&mut text, &sources.counts.lock().unwrap_or_else(PoisonError::into_inner));
    let help = "Events left out of the log and of these counts, because there were too many";
    counter(&mut text, "edge_events_lost_total", help, (sources.lost)());
    text
}

/// One metric: its comment lines and its values.
fn metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(String, f64)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: impl Into<f64>) {
    metric(text, name, "gauge", help, &[(String::new(), value.into())]);
}

fn counter(text: &mut String, name: &str, help: &str, value: u64) {
    metric(text, name, "counter", help, &[(String::new(), value as f64)]);
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{name}=\"{value}\"}}")
}

fn edge_metrics(edge: &Edge, now: Instant) -> String {
    let (status, load) = (edge.status(), edge.load(now));
    let mut text = String::new();
    gauge(&mut text, "edge_calls", "Conversations now", status.calls as f64);
    gauge(&mut text, "edge_calls_capacity", "Conversations it may carry", load.capacity);
    let help = "Conversations begun in the last second";
    gauge(&mut text, "edge_calls_per_second", help, load.calls_per_second);
    let help = "New conversations a second it may take";
    gauge(&mut text, "edge_calls_per_second_capacity", help, load.most_per_second);
    gauge(&mut text, "edge_in_service", "1 while new calls are taken", f64::from(u8::from(load.in_service)));
    gauge(&mut text, "edge_draining", "1 while no new calls are taken", f64::from(u8::from(status.draining)));
    gauge(&mut text, "edge_contacts", "Contacts registered", status.contacts as f64);
    gauge(&mut text, "edge_records_waiting", "Call records not on disk yet", status.records_waiting as f64);
    counter(
        &mut text,
        "edge_faults_total",
        "Panics that cost a message or a call; the log has each",
        status.faults,
    );
    let (free, resting, used) = status.ports;
    let ports = [("free", free), ("resting", resting), ("used", used)];
    let ports = ports.map(|(state, count)| (label("state", state), count as f64));
    metric(&mut text, "edge_media_port_pairs", "gauge", "Pairs of media ports", &ports);
    let online = edge.statuses(now).into_iter().filter_map(|(_, panel)| Some((panel.name, panel.online?)));
    let online: Vec<_> =
        online.map(|(name, online)| (label("edge", &name), f64::from(u8::from(online)))).collect();
    metric(&mut text, "edge_group_online", "gauge", "1 while the edge of the group answers", &online);
    let trunks = || edge.trunks().iter();
    let up: Vec<_> = trunks()
        .map(|trunk| (label("trunk", &trunk.config().name), f64::from(u8::from(trunk.health().is_up()))))
        .collect();
    metric(&mut text, "edge_trunk_up", "gauge", "1 while the trunk carries calls", &up);
    let calls: Vec<_> =
        trunks().map(|trunk| (label("trunk", &trunk.config().name), f64::from(trunk.calls()))).collect();
    metric(&mut text, "edge_trunk_calls", "gauge", "Calls on the trunk now", &calls);
    text
}

fn media_metrics(text: &mut String, media: &DriverStats) {
    gauge(text, "edge_media_calls", "Calls with media now", media.calls as f64);
    counter(text, "edge_media_received_total", "Media datagrams received", media.received);
    counter(text, "edge_media_sent_total", "Media datagrams sent", media.sent);
    counter(text, "edge_media_faults_total", "Panics that cost a call its media", media.panics);
    counter(text, "edge_media_send_errors_total", "Media datagrams not sent", media.send_errors);
}

fn count_metrics(text: &mut String, counts: &Counts) {
    let by = |name: &str, counts: &std::collections::BTreeMap<&str, u64>| -> Vec<_> {
        counts.iter().map(|(value, count)| (label(name, value), *count as f64)).collect()
    };
    let help = "Conversations that ended";
    metric(text, "edge_calls_total", "counter", help, &by("outcome", &counts.calls));
    counter(text, "edge_connected_seconds_total", "Seconds callers were connected", counts.seconds);
    let help = "Call records that could not be kept; the log has each";
    counter(text, "edge_records_lost_total", help, counts.lost_records);
    let diagnoses = counts.diagnoses.keys().map(|(row, about)| {
        let about = label("about", about);
        (format!("{{row=\"{row}\",{}", about.trim_start_matches('{')), 1.0)
    });
    let diagnoses: Vec<_> = diagnoses.collect();
    metric(text, "edge_diagnosis", "gauge", "1 while something is not as it should be", &diagnoses);
    let help = "Security events";
    metric(text, "edge_security_events_total", "counter", help, &by("code", &counts.security));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_any_name() {
        let mut text = String::new();
        metric(&mut text, "a", "gauge", "b", &[(label("trunk", "x\"\\\n"), 1.0)]);
        assert_eq!(text, "# HELP a b\n# TYPE a gauge\na{trunk=\"x\\\"\\\\\\n\"} 1\n");
    }
}
