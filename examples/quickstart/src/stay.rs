//! After the story: the office stays open for a phone of your own.

use anyhow::{Context as _, Result};

use crate::cast::Peer;
use crate::heading;
use crate::story::Story;

/// Says how to register, and takes calls until Ctrl-C.
pub(crate) async fn forever(story: Story) -> Result<()> {
    let edge = story.office.address();
    heading("Your own phone");
    println!("  address    sip:you@{edge}      transport UDP or TCP");
    println!("  user       you");
    println!("  password   your-secret");
    println!("  dial       4101 Ana, 4102 Luis, 9001 the service desk, 212 555 0147 or any number outside");
    println!("\n  Everybody answers at once and speaks with a tone. Ctrl-C ends it.");
    let Story { office, trace, mut ana, mut luis, dead, mut carrier_b, mut desk, .. } = story;
    // Carrier A is back where it was: the edge registers with it again and prefers it from then on.
    let mut carrier_a = Peer::start(dead.context("carrier A never died")?, &trace)?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        ended = ana.take_calls() => ended?,
        ended = luis.take_calls() => ended?,
        ended = carrier_a.take_calls() => ended?,
        ended = carrier_b.take_calls() => ended?,
        ended = desk.take_calls() => ended?,
    }
    office.running.stop().await;
    Ok(())
}
