//! Registers with a carrier, says what came of it, and takes the registration back.
//!
//! `cargo run -p sip-trunk --example register -- HOST[:PORT] USER PASSWORD`; without arguments with a carrier on loopback.

#![allow(clippy::print_stdout, reason = "a program prints")]

mod loopback;

use sip_trunk::driver::Trunk;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let peer = loopback::peer().await?;
    let trunk = Trunk::connect(peer.trunk()).await?;
    println!("registered with {}: the trunk is {}", peer.host, trunk.standing());
    trunk.close().await;
    Ok(())
}
