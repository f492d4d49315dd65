//! After the story: the office stays open for a phone of your own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use edge_core::edge::Event;

use crate::cast::Peer;
use crate::heading;
use crate::out::{count, say};
use crate::records;
use crate::story::Story;

/// How long after a call its last messages may still be under way.
const LAST_MESSAGES: Duration = Duration::from_millis(200);

/// Says how to register, takes calls, and draws each with its record, until Ctrl-C.
pub(crate) async fn forever(story: Story) -> Result<()> {
    let edge = story.office.address();
    heading("Your own phone");
    say!("  address    sip:you@{edge}      transport UDP or TCP");
    say!("  user       you");
    say!("  password   your-secret");
    say!("  dial       4101 Ana, 4102 Luis, 9001 the service desk, 212 555 0147 or any number outside");
    say!(
        "\n  Everybody answers at once and speaks with a tone. A call is drawn when it is over, as those saw it who"
    );
    say!("  are called; your own side is in its record. Ctrl-C ends it all.");
    let Story { mut office, trace, mut ana, mut luis, dead, mut carrier_b, mut desk, .. } = story;
    // Carrier A is back where it was: the edge registers with it again and prefers it from then on.
    let mut carrier_a = Peer::start(dead.context("carrier A never died")?, &trace)?;
    // What the story was about has been told.
    while office.events.try_recv().is_ok() {}
    let mut calls = 0;
    let telling = async {
        while let Some(event) = office.events.recv().await {
            if let Event::CallEnded(record) = event {
                tokio::time::sleep(LAST_MESSAGES).await;
                calls += 1;
                heading(&format!("Your call {calls}"));
                say!("{}\n", trace.draw());
                records::print(&[*record], &office.organization);
            }
        }
    };
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        () = telling => {}
        ended = ana.take_calls() => ended?,
        ended = luis.take_calls() => ended?,
        ended = carrier_a.take_calls() => ended?,
        ended = carrier_b.take_calls() => ended?,
        ended = desk.take_calls() => ended?,
    }
    office.running.stop().await;
    let calls = count(calls, "call");
    say!("\n{calls} of yours; the records and everything else are kept in {}.", office.directory.display());
    Ok(())
}
