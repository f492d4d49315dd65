//! Programs that take calls, over loopback.

#![cfg(feature = "driver")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and sockets live in real time"
)]

#[path = "../examples/loopback/mod.rs"]
mod loopback;
mod served;

use std::time::Duration;

use edge_core::cdr::EndedBy;
use edge_core::driver::{Call, CallError, Settings, Transfer};
use edge_core::media::{CollectEnd, Collection, PlayEnd, Sound, ToneKind};
use edge_core::program::CommandError;
use media_rtp::wav;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use served::{PATIENCE, Site, at};

/// Tells the test what the program saw.
fn tell<T: Send + 'static>(to: &UnboundedSender<T>, what: T) {
    to.send(what).unwrap_or_else(|_| panic!("the test is over"));
}

/// EC-019, EC-020: a program answers, takes a key, records, and hangs up.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_talks_with_a_caller() {
    let (seen, mut saw) = unbounded_channel();
    let mut site = Site::start("serve-menu", move |mut call: Call| {
        let seen = seen.clone();
        async move {
            let trunk = call.offer().trunk.clone().unwrap();
            call.ring().await?;
            call.answer().await?;
            call.record("call.wav").await?;
            let four = Collection { most: 4, ..Collection::default() };
            let keys = call.collect(Sound::Tone(ToneKind::Dial), four).await?;
            let missing = call.play("none.wav").await?;
            let played = call.play(Sound::Silence(Duration::from_millis(100))).await?;
            let recording = call.stop_recording().await?;
            tell(&seen, (trunk.name.to_string(), keys, missing, played, recording));
            call.hang_up().await
        }
    })
    .await;
    let call = site.carrier.call("+13175550140").await.unwrap();
    site.carrier.hear().await.unwrap();
    site.carrier.press(&call, "42#").await.unwrap();
    let (trunk, keys, missing, played, recording) =
        tokio::time::timeout(PATIENCE, saw.recv()).await.unwrap().unwrap();
    assert_eq!(trunk, "CarrierA");
    assert_eq!(keys.digits, "42");
    assert!(matches!(keys.end, CollectEnd::Terminator(_)));
    assert!(matches!(missing, PlayEnd::Failed(_)));
    assert_eq!(played, PlayEnd::Finished);
    assert_eq!(recording.error, None);
    assert!(recording.file.starts_with(site.scratch.path()), "{recording:?}");
    let record = site.record().await;
    assert_eq!(
        (record.ending.by, record.ending.reason.as_str()),
        (EndedBy::Called, "hung up by the program")
    );
    site.edge.stop().await;
    // It gets its name when the disk has all of it.
    let end = std::time::Instant::now() + PATIENCE;
    while !recording.file.exists() && std::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let bytes = std::fs::read(recording.file).unwrap();
    assert_eq!(wav::read(&bytes).unwrap().channels, 2);
}

/// EC-019: a program sets user data and transfers to a number; the call outlives its program and ends with the caller.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_transfers() {
    let (seen, mut saw) = unbounded_channel();
    let mut site = Site::start("serve-transfer", move |mut call: Call| {
        let seen = seen.clone();
        async move {
            call.answer().await?;
            call.set_user_data("hello").await?;
            let nobody = call.transfer("4199").await?;
            tell(&seen, (nobody, call.transfer("9991").await?));
            Ok(())
        }
    })
    .await;
    let call = site.carrier.call("+13175550140").await.unwrap();
    let taken = tokio::time::timeout(PATIENCE, site.device.trunk.incoming()).await.unwrap().unwrap();
    let data = taken.invite().header("User-to-User").map(<[u8]>::to_vec);
    let mut taken = taken.answer(site.device.offer()).await.unwrap();
    let (nobody, somebody) = tokio::time::timeout(PATIENCE, saw.recv()).await.unwrap().unwrap();
    assert!(matches!(nobody, Transfer::Refused { status: 404, reason: Some(_) }), "{nobody:?}");
    assert_eq!(somebody, Transfer::Connected);
    assert!(data.unwrap().starts_with(b"0068656c6c6f"));
    call.hang_up().await;
    tokio::time::timeout(PATIENCE, taken.ended()).await.unwrap().unwrap();
    let record = site.record().await;
    assert_eq!(record.ending.by, EndedBy::Caller);
    site.edge.stop().await;
}

/// A program that panics, gives up or forgets its call ends that call and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_ends_its_own_call_only() {
    let mut site = Site::start("serve-panic", |mut call: Call| async move {
        let called = call.offer().dialled.clone();
        match called.as_str() {
            "+13175550141" => {
                call.answer().await?;
                panic!("the program of {called} fails");
            }
            "+13175550142" => Err(CallError::Refused(CommandError::NotInHand)),
            _ => {
                call.answer().await?;
                call.ended().await;
                Ok(())
            }
        }
    })
    .await;
    let mut stays = site.carrier.call("+13175550140").await.unwrap();
    let mut fails = site.carrier.call("+13175550141").await.unwrap();
    tokio::time::timeout(PATIENCE, fails.ended()).await.unwrap().unwrap();
    assert_eq!(site.record().await.dialled, "+13175550141");
    let refused = site.carrier.call("+13175550142").await.err().unwrap();
    assert!(refused.to_string().contains("480"), "{refused}");
    assert_eq!(site.record().await.ending.sip, Some(480));
    let still = tokio::time::timeout(Duration::from_millis(200), stays.ended()).await;
    assert!(still.is_err(), "the first call goes on");
    site.edge.stop().await;
    tokio::time::timeout(PATIENCE, stays.ended()).await.unwrap().unwrap();
}

/// A new configuration takes no calls away from the program, and there is no recording to wait for where none was begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_stays_through_a_new_configuration() {
    let (seen, mut saw) = unbounded_channel();
    let site = Site::start("serve-apply", move |mut call: Call| {
        let seen = seen.clone();
        async move {
            call.answer().await?;
            let nothing = call.stop_recording().await;
            call.ended().await;
            tell(&seen, (nothing, call.stop_recording().await));
            Ok(())
        }
    })
    .await;
    let runtime = site.edge.handle().call(|edge, _| (**edge.runtime()).clone()).await.unwrap();
    let settings = Settings::new(runtime.clone(), at(1, 0), site.scratch.path());
    site.edge.apply(settings.config, runtime).await.unwrap();
    let call = site.carrier.call("+13175550140").await.unwrap();
    call.hang_up().await;
    let (before, after) = tokio::time::timeout(PATIENCE, saw.recv()).await.unwrap().unwrap();
    assert_eq!(before, Err(CallError::Refused(CommandError::NotRecording)));
    assert_eq!(after, Err(CallError::Over));
    site.edge.stop().await;
}
