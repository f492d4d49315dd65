//! Call records: from the end of a call to the disk and out again.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use edge_core::ConversationId;
use edge_core::cdr::export::{csv, json_lines, records};
use edge_core::cdr::{
    CallRecord, Direction, EndedBy, Ending, LegDirection, LegOutcome, LegParty, LegRecord, Outbox,
    OutboxEvent, Quality, StoreFault,
};
use jiff::Timestamp;
use telco_model::value::{EdgeId, PhoneId, SiteId, TrunkId};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_445_600 + second).unwrap()
}

fn leg(direction: LegDirection, party: LegParty, call_id: &str) -> LegRecord {
    LegRecord {
        direction,
        party,
        protocol_call_id: call_id.into(),
        from: "+528155550131".into(),
        to: "+12145550188".into(),
        remote: Some("203.0.113.10:5060".into()),
        media: Some("203.0.113.12:20000".into()),
        started: at(0),
        ringing: Some(at(2)),
        answered: None,
        ended: at(3),
        outcome: LegOutcome::Failed,
        sip_codes: vec![100, 503],
        q850: Some(38),
        quality: None,
    }
}

fn trunk(name: &str) -> LegParty {
    LegParty::Trunk { id: TrunkId::labelled(name), name: name.into() }
}

fn record(number: u8) -> CallRecord {
    let caller = LegParty::Phone { id: PhoneId::labelled("lobby"), user: None };
    let quality = Quality {
        codec: "PCMU/8000".into(),
        encrypted: true,
        sent: 3000,
        received: 2990,
        lost: 10,
        jitter_ms: 1.5,
        mos: Some(4.21),
        diagnosis: None,
    };
    let answered = LegRecord {
        answered: Some(at(10)),
        ended: at(70),
        outcome: LegOutcome::Answered,
        sip_codes: vec![100, 180, 200],
        q850: Some(16),
        quality: Some(Box::new(quality)),
        ..leg(LegDirection::Out, trunk("second"), "c3")
    };
    CallRecord {
        conversation: ConversationId::from_random([number; 16]),
        edge: EdgeId::labelled("mty-edge-1"),
        direction: Direction::Outbound,
        site: Some(SiteId::labelled("mty-branch")),
        dialled: "=cmd|' /C calc'!A0".into(),
        classification: Some("International".into()),
        emergency: false,
        started: at(0),
        answered: Some(at(10)),
        ended: at(70),
        legs: vec![
            leg(LegDirection::In, caller, "c1"),
            leg(LegDirection::Out, trunk("first"), "c2"),
            answered,
        ],
        transfers: Vec::new(),
        ending: Ending { by: EndedBy::Called, sip: None, q850: Some(16), reason: "normal clearing".into() },
        explain: vec!["number plan International: +12145550188".into(), "first: 503, next".into()],
    }
}

/// ST-041: a call that failed over is one record and one conversation, with a leg and a Call-ID for each attempt.
#[test]
fn a_failover_adds_a_leg_and_no_record() {
    let record = record(1);
    let ids: Vec<_> = record.legs.iter().map(|leg| leg.protocol_call_id.as_str()).collect();
    assert_eq!(ids, ["c1", "c2", "c3"]);
    assert_eq!(record.connected_leg().unwrap().party, trunk("second"));
    assert_eq!(record.billed_seconds(), 60);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<CallRecord>(&text).unwrap(), record);
}

#[test]
fn records_leave_memory_when_they_are_on_disk_and_in_order() {
    let mut outbox = Outbox::new(10, 5);
    assert_eq!((0..3).map(|number| outbox.push(&record(number))).collect::<Vec<_>>(), [5, 6, 7]);
    let mut spool = Vec::new();
    let store = outbox.poll_store().unwrap();
    assert_eq!((store.first, store.sequence), (5, 7), "together");
    assert_eq!((outbox.push(&record(3)), outbox.poll_store()), (8, None), "one at a time");
    outbox.stored(5);
    assert_eq!((outbox.waiting(), outbox.poll_store()), (4, None), "all or none");
    spool.extend_from_slice(&store.lines);
    outbox.stored(7);
    assert_eq!(outbox.waiting(), 1);
    let store = outbox.poll_store().unwrap();
    assert_eq!((store.first, store.sequence), (8, 8));
    spool.extend_from_slice(&store.lines);
    outbox.stored(8);
    assert_eq!((outbox.poll_store(), outbox.waiting(), outbox.next_timeout()), (None, 0, None));
    let (read, done) = records(&spool);
    assert_eq!((read, done.skipped), (vec![record(0), record(1), record(2), record(3)], 0));
}

/// A full disk loses nothing: records wait up to the bound, the edge is told to take no more, and everything is written when there is
/// room again.
#[test]
fn a_full_disk_keeps_records_in_memory_up_to_the_bound() {
    let now = telco_testkit::Clock::new().now();
    let mut outbox = Outbox::new(3, 0);
    outbox.push(&record(0));
    let store = outbox.poll_store().unwrap();
    outbox.failed(store.sequence, StoreFault::Full, now);
    assert_eq!(outbox.poll_event(), Some(OutboxEvent::Failing { fault: StoreFault::Full, waiting: 1 }));
    assert_eq!(outbox.poll_store(), None, "the disk rests");
    assert!(!outbox.is_full());
    (1..3).for_each(|number| {
        outbox.push(&record(number));
    });
    assert!(outbox.is_full());
    outbox.push(&record(3));
    let Some(OutboxEvent::Dropped { record: lost }) = outbox.poll_event() else { panic!() };
    assert_eq!(serde_json::from_str::<CallRecord>(&lost).unwrap(), record(3));

    let at = outbox.next_timeout().unwrap().at;
    assert_eq!(at, now + Duration::from_secs(5));
    outbox.handle_timeout(at);
    let store = outbox.poll_store().unwrap();
    assert_eq!((store.first, store.sequence), (0, 2));
    outbox.stored(2);
    assert_eq!(outbox.poll_event(), Some(OutboxEvent::Recovered { waiting: 0 }));
    assert_eq!((outbox.poll_event(), outbox.waiting()), (None, 0));
}

/// JSON lines are the records as they were written; CSV is one row a leg, and no cell is a formula to a spreadsheet.
#[test]
fn records_are_exported_as_json_lines_and_csv() {
    let mut outbox = Outbox::new(10, 1);
    (0..2).for_each(|number| {
        outbox.push(&record(number));
    });
    let mut spool = Vec::new();
    while let Some(store) = outbox.poll_store() {
        spool.extend_from_slice(&store.lines);
        outbox.stored(store.sequence);
    }
    spool.extend_from_slice(b"{\"seq\":3,\"crc\":\"00000000\",\"record\":{}}\n{\"seq\":4,\"cr");
    let mut lines = Vec::new();
    let done = json_lines(&spool, &mut lines).unwrap();
    assert_eq!((done.records, done.skipped), (2, 1));
    let lines = String::from_utf8(lines).unwrap();
    let read: Vec<CallRecord> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, [record(0), record(1)]);

    let mut table = Vec::new();
    csv(&read, &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows.len(), 1 + 2 * 3);
    assert!(rows[0].starts_with("conversation,direction,emergency,dialled,"));
    let expected = "outbound,false,'=cmd|' /C calc'!A0,International,2026-03-02T10:00:00Z,2026-03-02T10:00:10Z,2026-03-02T10:01:10Z,60,called,\
         normal clearing,3,out,trunk,second,+528155550131,+12145550188,c3,2026-03-02T10:00:00Z,2026-03-02T10:00:10Z,answered,\
         100 180 200,16,4.21";
    assert!(rows[3].ends_with(expected), "{}", rows[3]);
}
