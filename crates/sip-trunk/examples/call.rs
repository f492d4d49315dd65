//! Calls a number through a carrier, and hangs up when it has been answered.
//!
//! `cargo run -p sip-trunk --example call -- HOST[:PORT] [USER PASSWORD]`; without arguments through a carrier on loopback.

#![allow(clippy::print_stdout, reason = "a program prints")]

mod loopback;

use sip_trunk::driver::Trunk;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let peer = loopback::peer().await?;
    let trunk = Trunk::connect(peer.trunk()).await?;
    let call = trunk.invite("+12025550123", "+14085550100", loopback::sdp()).await?;
    println!("answered with {} bytes of SDP", call.description().len());
    call.hang_up().await;
    trunk.close().await;
    Ok(())
}
