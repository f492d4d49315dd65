//! The edge: the program of `examples/edge`, built for release, with a configuration of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use telco_testkit::peer::Scratch;

use crate::place::{Place, Wire};

const OFFICE: &str = include_str!("office.toml");

/// Calls the edge is to carry at once; media ports are bound for as many.
pub(crate) const MOST_CALLS: usize = 2400;

/// Builds the edge and says where it is: beside this program.
///
/// # Errors
/// When it does not build.
pub(crate) fn binary() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "--quiet", "--package", "edge"]).status();
    match built {
        Ok(status) if status.success() => beside_us(),
        Ok(status) => Err(format!("cargo build --release -p edge: {status}")),
        Err(error) => Err(format!("cargo build --release -p edge: {error}")),
    }
}

fn beside_us() -> Result<PathBuf, String> {
    let us = std::env::current_exe().map_err(|error| error.to_string())?;
    let edge = us.with_file_name("edge");
    if edge.is_file() { Ok(edge) } else { Err(format!("{} is missing", edge.display())) }
}

pub(super) fn command(place: &Place, phones: usize, scratch: &Scratch) -> Result<Command, String> {
    let mut command = Command::new(beside_us()?);
    command.arg("--config").arg(scratch.write("edge.toml", config(place, phones)));
    Ok(command)
}

fn config(place: &Place, phones: usize) -> String {
    let mut text = OFFICE
        .replace("EDGE_ADDRESS", &place.plain().to_string())
        .replace("EDGE_SECURE", &place.secure().to_string())
        .replace("TRANSPORT", place.wire.parameter())
        .replace("CALLER_SERVER", &trunk_server(place, place.caller()))
        .replace("CALLER_HOST", &place.caller().ip().to_string())
        .replace("CALLED_SERVER", &trunk_server(place, place.exit()))
        .replace("CALLED_HOST", &place.exit().ip().to_string())
        .replace("CALLS", &MOST_CALLS.to_string())
        .replace("MEDIA_PORTS", "16384-31999");
    for phone in 0..phones {
        let _ = write!(
            text,
            "\n[[phones]]\nid = \"@phone-{phone}\"\nname = \"Phone {phone}\"\nsite = \"@office\"\n\
             base_settings = \"@generic\"\nprimary_edge = \"@edge\"\n\
             digest = {{ username = \"phone{phone}\", password = \"secret\" }}\n\
             category = {{ unmanaged = {{ hardware_id = {{ mac = \"0200{phone:08}\" }} }} }}\n"
        );
    }
    text
}

/// Over TLS a trunk is reached by the name in its certificate.
fn trunk_server(place: &Place, address: SocketAddr) -> String {
    if place.wire == Wire::Tls { format!("bench.localhost:{}", address.port()) } else { address.to_string() }
}
