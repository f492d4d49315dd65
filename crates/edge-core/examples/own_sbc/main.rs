//! An SBC of one's own: its calls are greeted, asked for a key, and sent on to a phone.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a program prints, reads the clock, and looks at a few of many events"
)]

use std::error::Error;

use edge_core::compile::compile;
use edge_core::driver::{Call, CallError, Settings, Transfer, serve};
use edge_core::edge::Event;
use edge_core::media::Collection;
use telco_model::{Organization, document::Format, value::EdgeId};

/// What becomes of a call. When it returns the call is over, unless somebody has answered it.
async fn reception(mut call: Call) -> Result<(), CallError> {
    if call.offer().trunk.is_none() {
        return call.proceed().await; // a phone of ours calls: the number plans of its site know where to
    }
    println!("{} calls {}", call.offer().from, call.offer().dialled);
    call.answer().await?;
    let keys = call.collect("menu.wav", Collection { most: 1, ..Collection::default() }).await?;
    println!("pressed: {:?}", keys.digits);
    match call.transfer("4101").await? {
        Transfer::Connected => println!("connected, over: {:?}", call.ended().await),
        Transfer::Refused { status, reason } => println!("nobody at 4101: {status} {reason:?}"),
        Transfer::Released => {}
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let text = include_str!("office.toml");
    let office = Organization::from_document(text, Format::Toml, jiff::Timestamp::now())?;
    let (runtime, issues) = compile(&office, EdgeId::labelled("edge"));
    for issue in &issues {
        println!("{issue}"); // every problem at once, each with its place
    }

    // Prompts are in my-sbc/prompts, call records go to my-sbc/records.
    let settings = Settings::new(runtime, "127.0.0.1:5060".parse()?, "my-sbc");
    let (edge, mut events) = serve(settings, reception)?;
    println!("listens on {}", edge.listeners()[0].local);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::CallEnded(record)) => println!("record: {} {} s", record.dialled, record.billed_seconds()),
                Some(Event::Registrar(news)) => println!("{news:?}"),
                Some(_) => {}
                None => return Ok(()),
            },
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                edge.stop().await;
                return Ok(());
            }
        }
    }
}
