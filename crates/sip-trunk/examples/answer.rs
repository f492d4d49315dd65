//! Registers, takes one call, and waits for the caller to hang up.
//!
//! `cargo run -p sip-trunk --example answer -- HOST[:PORT] USER PASSWORD`; without arguments with a carrier on loopback.

#![allow(clippy::print_stdout, reason = "a program prints")]

mod loopback;

use sip_trunk::driver::Trunk;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let peer = loopback::peer().await?;
    let trunk = Trunk::connect(peer.trunk()).await?;
    peer.call_back().await?;
    let call = trunk.incoming().await.ok_or("the driver has ended")?;
    println!("{} calls {}", call.caller(), call.called());
    let mut call = call.answer(loopback::sdp()).await?;
    println!("ended: {:?}", call.ended().await.ok_or("the driver has ended")?);
    trunk.close().await;
    Ok(())
}
