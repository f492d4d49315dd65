//! Records for people and programs: JSON lines and CSV.

use std::io::{self, Write};

use jiff::Timestamp;
use thiserror::Error;

use super::frame::{LineFault, read_all};
use super::record::{CallRecord, LegParty, LegRecord};

/// Why records cannot be exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The output cannot be written.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
}

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Records written.
    pub records: u64,
    /// Lines of the spool that could not be believed or read.
    pub skipped: u64,
}

/// Copies the records of a spool file as JSON lines.
///
/// # Errors
/// [`ExportError`].
pub fn json_lines(spool: &[u8], mut out: impl Write) -> Result<Exported, ExportError> {
    let mut done = Exported::default();
    for read in read_all(spool) {
        match read.line {
            Ok(line) => {
                writeln!(out, "{}", line.record)?;
                done.records += 1;
            }
            Err(LineFault::Torn) => {}
            Err(LineFault::Form | LineFault::Checksum | LineFault::TooLong) => done.skipped += 1,
        }
    }
    Ok(done)
}

/// Reads the records of a spool file; what cannot be read is left out and counted.
pub fn records(spool: &[u8]) -> (Vec<CallRecord>, Exported) {
    let (mut all, mut done) = (Vec::new(), Exported::default());
    for read in read_all(spool) {
        match read.line.map(|line| serde_json::from_str(line.record)) {
            Ok(Ok(record)) => {
                all.push(record);
                done.records += 1;
            }
            Err(LineFault::Torn) => {}
            Ok(Err(_)) | Err(_) => done.skipped += 1,
        }
    }
    (all, done)
}

const COLUMNS: [&str; 24] = [
    "conversation",
    "direction",
    "emergency",
    "dialled",
    "classification",
    "started",
    "answered",
    "ended",
    "seconds",
    "ended_by",
    "reason",
    "leg",
    "leg_direction",
    "party",
    "party_id",
    "from",
    "to",
    "protocol_call_id",
    "leg_started",
    "leg_answered",
    "outcome",
    "sip_codes",
    "q850",
    "mos",
];

/// Writes records as CSV with a header row: one row a leg, the columns of the conversation repeated. Cells that a spreadsheet
/// would take for a formula are led by an apostrophe; a telephone number keeps its `+`.
///
/// # Errors
/// [`ExportError`].
pub fn csv(records: &[CallRecord], out: impl Write) -> Result<(), ExportError> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).map_err(io_error)?;
    for record in records {
        for (leg, number) in record.legs.iter().zip(1..) {
            writer.write_record(row(record, leg, number).map(harmless)).map_err(io_error)?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn row(record: &CallRecord, leg: &LegRecord, number: usize) -> [String; 24] {
    let time = |stamp: Option<Timestamp>| stamp.map(|stamp| stamp.to_string()).unwrap_or_default();
    let (party, party_id) = party(&leg.party);
    let codes: Vec<_> = leg.sip_codes.iter().map(u16::to_string).collect();
    let mos = leg.quality.as_ref().and_then(|quality| quality.mos);
    [
        record.conversation.to_string(),
        record.direction.as_str().to_owned(),
        record.emergency.to_string(),
        record.dialled.clone(),
        record.classification.clone().unwrap_or_default(),
        record.started.to_string(),
        time(record.answered),
        record.ended.to_string(),
        record.billed_seconds().to_string(),
        record.ending.by.as_str().to_owned(),
        record.ending.reason.clone(),
        number.to_string(),
        leg.direction.as_str().to_owned(),
        party.to_owned(),
        party_id,
        leg.from.clone(),
        leg.to.clone(),
        leg.protocol_call_id.clone(),
        leg.started.to_string(),
        time(leg.answered),
        leg.outcome.as_str().to_owned(),
        codes.join(" "),
        leg.q850.map(|cause| cause.to_string()).unwrap_or_default(),
        mos.map(|mos| format!("{mos:.2}")).unwrap_or_default(),
    ]
}

/// A cell no spreadsheet runs.
fn harmless(cell: String) -> String {
    let number = cell.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number;
    if formula { format!("'{cell}") } else { cell }
}

fn party(party: &LegParty) -> (&'static str, String) {
    match party {
        LegParty::Trunk { name, .. } => ("trunk", name.clone()),
        LegParty::Phone { id, .. } => ("phone", id.to_string()),
        LegParty::Flow { id } => ("flow", id.to_string()),
        LegParty::Neighbour { id } => ("neighbour", id.to_string()),
        LegParty::Unknown => ("unknown", String::new()),
    }
}

fn io_error(error: ::csv::Error) -> ExportError {
    ExportError::Write(io::Error::other(error))
}
