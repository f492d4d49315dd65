//! The spool's text form: one JSON object a line, numbered and with a checksum, so that a torn tail and flipped bits are seen.
//!
//! ```text
//! {"seq":17,"crc":"9ab3c1d2","record":{"conversation":"…", …}}
//! ```
//!
//! The checksum is CRC-32 (ISO-HDLC, as in zip) over the number in decimal, a colon and the record's bytes. JSON holds no line
//! end, so a reader finds the next line whatever happened to the one before, and `jq .record` reads an intact file.

use thiserror::Error;

/// Longest line that is read; a longer one is a fault.
pub const MAX_LINE: usize = 1 << 20;

/// Writes a line, its line end included. `record` is one JSON value without a line end.
pub fn write_line(sequence: u64, record: &str) -> String {
    debug_assert!(!record.contains('\n'), "JSON escapes line ends");
    format!("{{\"seq\":{sequence},\"crc\":\"{:08x}\",\"record\":{record}}}\n", checksum(sequence, record))
}

/// One intact line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number.
    pub sequence: u64,
    /// The record, JSON text.
    pub record: &'a str,
}

/// Why a line cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LineFault {
    /// It does not have the form.
    #[error("the line is no spool line")]
    Form,
    /// Its bytes are not those that were written.
    #[error("the checksum does not match")]
    Checksum,
    /// It has no end: writing was interrupted.
    #[error("the line has no end")]
    Torn,
    /// It is longer than any line written.
    #[error("the line is longer than {MAX_LINE} bytes")]
    TooLong,
}

/// Reads one line, without its line end.
///
/// # Errors
/// [`LineFault`].
pub fn read_line(line: &[u8]) -> Result<Line<'_>, LineFault> {
    if line.len() > MAX_LINE {
        return Err(LineFault::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| LineFault::Form)?;
    let parts = || {
        let (sequence, rest) = text.strip_prefix("{\"seq\":")?.split_once(",\"crc\":\"")?;
        let (crc, rest) = rest.split_at_checked(8)?;
        let record = rest.strip_prefix("\",\"record\":")?.strip_suffix('}')?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let sequence = digits(sequence).then(|| sequence.parse::<u64>().ok()).flatten()?;
        Some((sequence, u32::from_str_radix(crc, 16).ok()?, record))
    };
    let (sequence, crc, record) = parts().ok_or(LineFault::Form)?;
    if checksum(sequence, record) == crc { Ok(Line { sequence, record }) } else { Err(LineFault::Checksum) }
}

/// A line, or the reason why these bytes are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read<'a> {
    /// Where its first byte stands.
    pub offset: usize,
    /// The line.
    pub line: Result<Line<'a>, LineFault>,
}

/// Reads a whole file, the faulty lines included.
pub fn read_all(bytes: &[u8]) -> impl Iterator<Item = Read<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        let start = offset;
        let line = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                offset += end + 1;
                read_line(&rest[..end])
            }
            None => {
                offset = bytes.len();
                Err(LineFault::Torn)
            }
        };
        Some(Read { offset: start, line })
    })
}

/// What a writer needs to know of a file before it goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    /// How many lines are intact.
    pub intact: u64,
    /// How many lines with an end are not: their records are lost.
    pub damaged: u64,
    /// The highest number of an intact line.
    pub last: Option<u64>,
    /// Where to go on writing: behind the last line that has an end. What follows is the torn tail of an interrupted write,
    /// whose record was never reported as stored.
    pub end: usize,
}

/// Surveys a file.
pub fn survey(bytes: &[u8]) -> Survey {
    let mut survey = Survey { end: bytes.len(), ..Survey::default() };
    for read in read_all(bytes) {
        match read.line {
            Ok(line) => {
                survey.intact += 1;
                survey.last = survey.last.max(Some(line.sequence));
            }
            Err(LineFault::Torn) => survey.end = read.offset,
            Err(LineFault::Form | LineFault::Checksum | LineFault::TooLong) => survey.damaged += 1,
        }
    }
    survey
}

fn checksum(sequence: u64, record: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(sequence.to_string().as_bytes());
    hasher.update(b":");
    hasher.update(record.as_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_reads_back_and_its_checksum_is_the_one_of_zip() {
        let line = write_line(17, r#"{"a":1}"#);
        let crc = crc32fast::hash(b"17:{\"a\":1}");
        assert_eq!(line, format!("{{\"seq\":17,\"crc\":\"{crc:08x}\",\"record\":{{\"a\":1}}}}\n"));
        assert_eq!(read_line(line.trim_end().as_bytes()), Ok(Line { sequence: 17, record: r#"{"a":1}"# }));
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    }

    fn records() -> impl Strategy<Value = Vec<String>> {
        let record = "[a-z \"\\\\]{0,40}".prop_map(|text| serde_json::to_string(&text).unwrap());
        prop::collection::vec(record, 0..12)
    }

    fn file(records: &[String]) -> Vec<u8> {
        records
            .iter()
            .zip(1..)
            .map(|(record, sequence)| write_line(sequence, record))
            .collect::<String>()
            .into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// A file cut anywhere, as kill -9 leaves it: every whole line is read, the tail is found, and writing goes on there.
        #[test]
        fn a_torn_file_keeps_every_whole_line(records in records(), cut in any::<prop::sample::Index>()) {
            let whole = file(&records);
            let torn = &whole[..cut.index(whole.len() + 1)];
            let survey = survey(torn);
            let kept = torn.iter().filter(|byte| **byte == b'\n').count() as u64;
            prop_assert_eq!((survey.intact, survey.damaged), (kept, 0));
            prop_assert_eq!(survey.last, (kept > 0).then_some(kept));
            let mut mended = torn[..survey.end].to_vec();
            mended.extend_from_slice(write_line(kept + 1, "null").as_bytes());
            prop_assert!(read_all(&mended).all(|read| read.line.is_ok()));
        }

        /// One changed byte costs the records it touches and no other; a wrong record is never believed.
        #[test]
        fn a_flipped_byte_is_never_believed(records in records(), at in any::<prop::sample::Index>(), with: u8) {
            let mut bytes = file(&records);
            prop_assume!(!bytes.is_empty());
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != with);
            bytes[at] = with;
            let mut intact = 0;
            for read in read_all(&bytes) {
                if let Ok(line) = read.line {
                    intact += 1;
                    prop_assert_eq!(&records[line.sequence as usize - 1], line.record);
                }
            }
            // A line end that is gone joins two lines.
            prop_assert!(intact + 2 >= records.len());
        }

        /// Hostile bytes are faults and nothing else.
        #[test]
        fn any_bytes_are_surveyed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let survey = survey(&bytes);
            prop_assert!(survey.end <= bytes.len());
            prop_assert_eq!(survey.intact, 0);
        }
    }
}
