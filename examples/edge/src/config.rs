//! The configuration file: a small `[edge]` section for this process, and the organization it serves.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};

use edge_core::compile::{self, Runtime, compile};
use edge_core::edge::Recorded;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sip_trunk::auth::Secret;
use sip_trunk::transport::{Network, Transport};
use sip_trunk::trunk::Ingress;
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::{EdgeId, TrunkId};

/// The sample in this package, for a start without arguments.
pub(crate) const SAMPLE: &str = include_str!("../edge.toml");

/// The sample as it runs without a file: with the prompts of this package, wherever it is started.
fn sample() -> String {
    let prompts = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");
    SAMPLE.replace("prompts = \"prompts\"", &format!("prompts = {prompts:?}"))
}

/// What was read from a configuration file.
pub(crate) struct Config {
    pub(crate) edge: Section,
    pub(crate) runtime: Runtime,
    /// What will not work as it was meant, errors first.
    pub(crate) issues: Vec<compile::Issue>,
}

/// The `[edge]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    /// Which edge of the organization this process is.
    pub(crate) id: String,
    /// The organization, when it is not in the same file: TOML or JSON.
    pub(crate) organization: Option<PathBuf>,
    /// The host in addresses this edge writes.
    pub(crate) host: String,
    /// Where SIP is spoken; over UDP and TCP on port 5060 of `host` when left out.
    #[serde(default)]
    pub(crate) listen: Vec<Listen>,
    /// The certificate of TLS listeners.
    pub(crate) tls: Option<TlsFiles>,
    /// Bundles of authorities that carriers' certificates may come from, beside those of the organization: PEM.
    #[serde(default)]
    pub(crate) trust: Vec<PathBuf>,
    /// The secret of the edge group, the same on all its edges: without it they know each other by their addresses alone.
    #[serde(default, deserialize_with = "secret")]
    pub(crate) group_key: Option<Secret>,
    /// Where media is bound; the address of the first listener when absent.
    pub(crate) media: Option<IpAddr>,
    /// The address media is advertised with, behind NAT.
    pub(crate) public_media: Option<IpAddr>,
    /// Media threads; one per core when absent.
    pub(crate) media_threads: Option<usize>,
    /// Proxies between phones and the edge that may say where phones are: addresses and networks. Without them calls for a phone go to
    /// where it registered from.
    #[serde(default, deserialize_with = "networks")]
    pub(crate) trusted_proxies: Vec<Network>,
    /// Answers nobody outside the networks that the trunks list, not even with a challenge.
    #[serde(default)]
    pub(crate) silent: bool,
    /// Accepts audio to and from addresses of this machine.
    #[serde(default)]
    pub(crate) allow_loopback: bool,
    /// Where call records are kept.
    pub(crate) spool: PathBuf,
    /// Where recordings are kept.
    pub(crate) recordings: PathBuf,
    /// Which calls are recorded there; none when left out.
    #[serde(default)]
    record: Record,
    /// Where prompts are.
    pub(crate) prompts: PathBuf,
    /// Where metrics are served; nowhere when absent.
    pub(crate) metrics: Option<SocketAddr>,
    /// What is logged: `info`, `debug`, or a filter such as `info,sip.wire=trace`.
    #[serde(default = "info")]
    pub(crate) log: String,
    /// How long running calls may go on after the first Ctrl-C, in seconds.
    #[serde(default = "an_hour")]
    drain_seconds: u64,
}

/// A place to listen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenListen")]
pub(crate) struct Listen {
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    transport: String,
    /// Address and port.
    pub(crate) address: SocketAddr,
    /// Host written into messages instead of the address; `host` of the section when absent.
    pub(crate) advertise: Option<String>,
}

/// A place to listen, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenListen {
    transport: String,
    address: Place,
    advertise: Option<String>,
}

/// An address, with a port or with that of SIP.
#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Port(SocketAddr),
    NoPort(IpAddr),
}

impl From<WrittenListen> for Listen {
    fn from(written: WrittenListen) -> Self {
        let WrittenListen { transport, address, advertise } = written;
        match address {
            Place::Port(address) => Self { transport, address, advertise },
            Place::NoPort(ip) => Self { advertise, ..Self::at(&transport, ip) },
        }
    }
}

/// Which calls are recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Record {
    /// `"everything"` or `"nothing"`.
    Word(RecordWord),
    /// Those over one of these trunks.
    Trunks(BTreeSet<TrunkId>),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecordWord {
    Everything,
    Nothing,
}

impl Default for Record {
    fn default() -> Self {
        Self::Word(RecordWord::Nothing)
    }
}

/// Files of a certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// The chain, PEM.
    pub(crate) certificate: PathBuf,
    /// The key, PEM.
    pub(crate) key: PathBuf,
}

fn networks<'de, D: Deserializer<'de>>(written: D) -> Result<Vec<Network>, D::Error> {
    let texts = Vec::<String>::deserialize(written)?;
    let read = |text: String| text.parse().map_err(|error| D::Error::custom(format!("{text:?}: {error}")));
    texts.into_iter().map(read).collect()
}

fn secret<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(value)?.map(Secret::new))
}

fn info() -> String {
    "info".into()
}

const fn an_hour() -> u64 {
    3600
}

impl Section {
    pub(crate) fn recorded(&self) -> Recorded {
        match &self.record {
            Record::Word(RecordWord::Everything) => Recorded::Everything,
            Record::Word(RecordWord::Nothing) => Recorded::Nothing,
            Record::Trunks(trunks) => Recorded::Trunks(trunks.clone()),
        }
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// Makes what a running edge cannot change what it was at the start.
    ///
    /// # Errors
    /// This is another edge.
    pub(crate) fn stays(&mut self, started: &Self) -> Result<(), String> {
        if self.id != started.id {
            return Err(
                "edge.id has changed: this is the configuration of another edge; start that one".into()
            );
        }
        // Listeners keep the name they were opened with.
        self.host.clone_from(&started.host);
        Ok(())
    }

    /// The settings that are others in `new`, and that only a start takes over.
    pub(crate) fn awaiting_restart(&self, new: &Self) -> Vec<&'static str> {
        let settings = [
            ("host", self.host != new.host),
            ("listen", self.listen != new.listen),
            ("media_threads", self.media_threads != new.media_threads),
            ("spool", self.spool != new.spool),
            ("recordings", self.recordings != new.recordings),
            ("metrics", self.metrics != new.metrics),
            ("log", self.log != new.log),
            ("drain_seconds", self.drain_seconds != new.drain_seconds),
        ];
        settings.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.address)
    }
}

impl Listen {
    /// On the port that is usual for the transport (RFC 3261 §19.1.2).
    fn at(transport: &str, ip: IpAddr) -> Self {
        let mut listen =
            Self { transport: transport.to_owned(), address: SocketAddr::new(ip, 5060), advertise: None };
        if listen.transport().is_some_and(Transport::is_secure) {
            listen.address.set_port(5061);
        }
        listen
    }

    pub(crate) fn transport(&self) -> Option<Transport> {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        all.into_iter().find(|transport| transport.to_string().eq_ignore_ascii_case(&self.transport))
    }
}

/// Reads a configuration file; the sample without one.
///
/// # Errors
/// Every problem that keeps it from being used, one a line, with where it is and what to do.
pub(crate) fn load(path: Option<&Path>, now: Timestamp) -> Result<Config, Vec<String>> {
    match path {
        Some(path) => read_document(Some(path), path.parent().unwrap_or(Path::new(".")), &read(path)?, now),
        None => read_document(None, Path::new("."), &sample(), now),
    }
}

fn read_document(
    path: Option<&Path>,
    directory: &Path,
    text: &str,
    now: Timestamp,
) -> Result<Config, Vec<String>> {
    let mut document: toml::Table = text.parse().map_err(|error| one(path, "", &error))?;
    let section = document.remove("edge").ok_or_else(|| one(path, "edge: ", &"the section is missing"))?;
    let mut edge: Section = section.try_into().map_err(|error| one(path, "edge: ", &error))?;
    if edge.listen.is_empty()
        && let Ok(ip) = edge.host.parse()
    {
        edge.listen = ["udp", "tcp"].map(|transport| Listen::at(transport, ip)).into();
    }
    for place in [&mut edge.spool, &mut edge.recordings, &mut edge.prompts] {
        *place = directory.join(&*place);
    }
    let own = edge.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
    for file in own.chain(&mut edge.trust) {
        *file = directory.join(&*file);
    }
    let (organization, format) = match &edge.organization {
        Some(file) => (read(&directory.join(file))?, Format::of_path(file)),
        None => (document.to_string(), Format::Toml),
    };
    let unread =
        |unread: telco_model::document::Unread| unread.problems.iter().map(ToString::to_string).collect();
    let organization = Organization::from_document(&organization, format, now).map_err(unread);
    let mut problems = edge.problems();
    let organization = match organization {
        Ok(organization) => organization,
        Err(more) => {
            let more: Vec<String> = more;
            problems.extend(more);
            return Err(problems);
        }
    };
    let Ok(id) = edge.id.parse::<EdgeId>() else {
        problems.push(format!("edge.id: {:?} is no id of an edge; write \"@label\" or a UUID", edge.id));
        return Err(problems);
    };
    let (runtime, mut issues) = compile(&organization, id);
    if runtime.edge.is_none() {
        problems.extend(issues.iter().map(ToString::to_string));
    }
    if let Record::Trunks(trunks) = &edge.record {
        let unknown = trunks.iter().filter(|trunk| !runtime.trunks.contains_key(trunk));
        problems.extend(unknown.map(|id| format!("edge.record: {id} is no trunk of this edge")));
    }
    issues.extend(runtime.check_trunks(&edge.ingress()));
    issues.extend(runtime.check_prompts(|file| edge.prompts.join(file).is_file()));
    issues.sort();
    issues.dedup();
    if problems.is_empty() { Ok(Config { edge, runtime, issues }) } else { Err(problems) }
}

impl Section {
    /// Where requests arrive.
    fn ingress(&self) -> Vec<Ingress> {
        self.listen.iter().map(|listen| (listen.address.ip().to_string(), listen.address.port())).collect()
    }

    /// What is wrong in this section, by itself.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.listen.is_empty() {
            problems
                .push("edge.listen: there is nothing to listen on; add { transport, address }".to_owned());
        }
        for (index, listen) in self.listen.iter().enumerate() {
            let mut note =
                |field, what: String| problems.push(format!("edge.listen[{index}].{field}: {what}"));
            let secure = match listen.transport() {
                Some(transport) => transport.is_secure(),
                None => {
                    note("transport", format!("{:?} is none of udp, tcp, tls, ws, wss", listen.transport));
                    false
                }
            };
            if secure && self.tls.is_none() {
                note("transport", "it needs a certificate; add tls = { certificate, key }".into());
            }
            if listen.address.ip().is_unspecified() {
                let why = "peers cannot be told 0.0.0.0; write an address of this machine";
                note("address", why.into());
            }
        }
        problems
    }
}

fn read(path: &Path) -> Result<String, Vec<String>> {
    fs::read_to_string(path).map_err(|error| one(Some(path), "", &error))
}

fn one(path: Option<&Path>, place: &str, problem: &dyn std::fmt::Display) -> Vec<String> {
    let file = path.map_or("the sample".into(), Path::to_string_lossy);
    vec![format!("{file}: {place}{}", problem.to_string().trim_end())]
}

/// Reads a configuration from its text.
#[cfg(test)]
pub(crate) fn load_text(text: &str, now: Timestamp) -> Result<Config, Vec<String>> {
    read_document(None, Path::new(env!("CARGO_MANIFEST_DIR")), text, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_sample_has_no_problem() {
        let config = load(None, now()).map_err(|problems| problems.join("\n")).unwrap();
        assert!(config.edge.prompts.is_dir(), "{}", config.edge.prompts.display());
        assert_eq!(config.issues.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(config.runtime.accounts.len(), 2);
    }

    #[test]
    fn a_running_edge_stays_the_edge_it_is() {
        let of = |text: &str| load_text(text, now()).map_err(|problems| problems.join("\n")).unwrap().edge;
        let started = of(SAMPLE);
        let mut renamed = of(&SAMPLE.replacen("host = \"127.0.0.1\"", "host = \"192.0.2.7\"", 1));
        assert_eq!(started.awaiting_restart(&renamed), ["host"]);
        assert_eq!(renamed.stays(&started), Ok(()));
        assert_eq!(renamed.host, started.host);
        let mut other = Section { id: "another".into(), ..of(SAMPLE) };
        assert!(other.stays(&started).unwrap_err().contains("another edge"));
    }

    #[test]
    fn proxies_are_written_as_addresses_and_networks() {
        let trusted = |proxies: &str| {
            let text = SAMPLE.replacen("prompts = ", &format!("trusted_proxies = {proxies}\nprompts = "), 1);
            load_text(&text, now()).map(|config| crate::setup::edge(&config).trusted_proxies.len())
        };
        assert_eq!(trusted("[\"192.0.2.5\", \"10.1.0.0/16\"]").unwrap(), 2);
        assert!(trusted("[\"proxy\"]").unwrap_err().join(" ").contains("proxy"));
    }

    #[test]
    fn calls_are_recorded_as_the_file_says() {
        let recorded = |record: &str| {
            let text = SAMPLE.replacen("prompts = ", &format!("{record}\nprompts = "), 1);
            load_text(&text, now()).map(|config| crate::setup::edge(&config).recording)
        };
        assert_eq!(recorded(""), Ok(Recorded::Nothing));
        assert_eq!(recorded("record = \"everything\""), Ok(Recorded::Everything));
        let carrier = BTreeSet::from([TrunkId::labelled("carrier")]);
        assert_eq!(recorded("record = [\"@carrier\"]"), Ok(Recorded::Trunks(carrier)));
        assert!(recorded("record = [\"@nobody\"]").is_err_and(|told| told[0].starts_with("edge.record: ")));
    }

    /// ST-036: SIP on 5060, 5061 with TLS, and media on 10000 to 20000, unless the file says otherwise.
    #[test]
    fn ports_are_those_of_sip_and_of_trunks() {
        let listen = SAMPLE.find("listen = [").unwrap();
        let end = listen + SAMPLE[listen..].find("]\n").unwrap() + 2;
        let without = SAMPLE.replace(&SAMPLE[listen..end], "").replace("media_ports = \"10000-10999\"\n", "");
        let told = |text: &str| {
            let config = load_text(text, now()).map_err(|problems| problems.join("\n")).unwrap();
            let ports = config.runtime.media_ranges.iter().map(|range| range.ports).collect::<Vec<_>>();
            (config.edge.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), ports)
        };
        let (listen, ports) = told(&without);
        assert_eq!(listen, ["udp 127.0.0.1:5060", "tcp 127.0.0.1:5060"]);
        assert_eq!(ports, [media_rtp::relay::PortRange::TRUNK]);
        let secure = "listen = [{ transport = \"tls\", address = \"127.0.0.1\" }]\ntls = { certificate = \"a\", key = \"b\" }\nhost =";
        assert_eq!(told(&without.replacen("host =", secure, 1)).0, ["tls 127.0.0.1:5061"]);
        let (listen, ports) = told(SAMPLE);
        assert_eq!((listen.len(), ports[0].pairs().last()), (2, Some(10_998)));
    }

    #[test]
    fn what_only_a_start_takes_over_is_named() {
        let read = |text: &str| load_text(text, now()).map_err(|problems| problems.join("\n")).unwrap().edge;
        let new = SAMPLE.replace("127.0.0.1:5060\" }", "127.0.0.1:5066\" }").replace("\"info\"", "\"debug\"");
        assert_eq!(read(SAMPLE).awaiting_restart(&read(&new)), ["listen", "log"]);
        assert_eq!(read(SAMPLE).awaiting_restart(&read(SAMPLE)), [""; 0]);
    }

    /// A flow whose prompt is not there is silent: that is told before the first caller hears it.
    #[test]
    fn missing_prompts_are_told() {
        let text = SAMPLE
            .replace("play = \"welcome\"", "play = \"wilkommen\"")
            .replace("\"enter_extension\"", "\"../key\"");
        let issues = load_text(&text, now()).map_err(|problems| problems.join("\n")).unwrap().issues;
        let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
        assert_eq!(issues.len(), 2, "{issues:?}");
        assert!(issues[0].contains("wilkommen.wav") || issues[1].contains("wilkommen.wav"), "{issues:?}");
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let directory = std::env::temp_dir().join(format!("edge-config-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("edge.toml");
        let broken = SAMPLE
            .replace(
                "{ transport = \"udp\", address = \"127.0.0.1:5060\" }",
                "{ transport = \"sctp\", address = \"0.0.0.0:5060\" }",
            )
            .replace(
                "site = \"@office\"\ntransport = \"udp\"\nservers",
                "site = \"@nowhere\"\ntransport = \"udp\"\nservers",
            );
        fs::write(&file, broken).unwrap();
        let problems = load(Some(&file), now()).err().unwrap();
        for place in ["edge.listen[0].transport", "edge.listen[0].address", "trunks[0]"] {
            assert!(problems.iter().any(|problem| problem.contains(place)), "{place}: {problems:?}");
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
