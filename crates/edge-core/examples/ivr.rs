//! Answers calls, asks for a key, and says what it heard. A caller on loopback comes along.
//!
//! `cargo run -p edge-core --example ivr`

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program prints, and reads the clock")]

mod loopback;

use std::error::Error;
use std::f32::consts::TAU;

use edge_core::compile::compile;
use edge_core::driver::{Call, CallError, Settings, serve};
use edge_core::media::Collection;
use media_rtp::wav::Audio;
use telco_model::{Organization, document::Format, value::EdgeId};

async fn menu(mut call: Call) -> Result<(), CallError> {
    println!("{} calls {}", call.offer().from, call.offer().dialled);
    call.answer().await?;
    let keys = call.collect(beep(440.0), Collection { most: 1, ..Collection::default() }).await?;
    println!("pressed: {}", keys.digits);
    call.play(beep(880.0)).await?;
    call.hang_up().await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let office = Organization::from_document(loopback::OFFICE, Format::Toml, jiff::Timestamp::now())?;
    let (runtime, _) = compile(&office, EdgeId::labelled("edge"));
    let files = tempfile::tempdir()?;
    let (edge, _events) = serve(Settings::new(runtime, "127.0.0.1:0".parse()?, files.path()), menu)?;

    let caller = loopback::Caller::new(edge.listeners()[0].local, "127.0.0.1:0".parse()?).await?;
    let mut call = caller.call("+13175550101").await?;
    println!("the caller hears {} octets", caller.hear().await?);
    caller.press(&call, "5").await?;
    println!("over: {:?}", call.ended().await.ok_or("the caller has no driver")?);
    edge.stop().await;
    Ok(())
}

/// Half a second of a tone.
fn beep(hertz: f32) -> Audio {
    let sample = |n: u16| (f32::from(n) * TAU * hertz / 8000.0).sin() * 8000.0;
    Audio { rate: 8000, channels: 1, samples: (0..4000).map(|n| sample(n) as i16).collect() }
}
