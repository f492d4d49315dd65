//! Finding PEM blocks in text that went through mail clients, word processors and web forms.
//!
//! Outside the blocks anything goes. Inside, white space, quote marks of mail clients, literal `\n` and invisible
//! spaces are skipped; the rest must be base64 to the letter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::identify::{Found, identify_der};
use super::{ImportError, Limits};

const DASHES: &str = "-----";
/// Text by which a private key is known even where its block is damaged.
const KEY_MARKS: [&[u8]; 3] = [b"PRIVATE KEY", b"PuTTY-User-Key-File", b"Proc-Type: 4,ENCRYPTED"];

/// One certificate as DER, with the line of its `BEGIN` where it came from text.
pub(super) struct Block {
    pub(super) line: Option<usize>,
    pub(super) der: Vec<u8>,
}

/// The certificates of a text.
pub(super) fn blocks(input: &[u8], limits: &Limits) -> Result<Vec<Block>, ImportError> {
    let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(ImportError::Utf16);
    }
    let lines = Lines::new(text);
    for mark in KEY_MARKS {
        if let Some(at) = find(text, mark, 0) {
            return Err(ImportError::PrivateKey { line: Some(lines.number(at)) });
        }
    }
    if let Some(at) = text.iter().position(|octet| *octet == 0) {
        return Err(ImportError::Nul { line: lines.number(at) });
    }
    let boundaries = boundaries(text, &lines)?;
    if boundaries.is_empty() {
        return Err(without_blocks(text));
    }
    let mut blocks = Vec::new();
    let mut open: Option<&Boundary> = None;
    for boundary in &boundaries {
        match (open, boundary.begins) {
            (None, true) => open = Some(boundary),
            (None, false) => return Err(ImportError::StrayEnd { line: boundary.line }),
            (Some(begin), true) => {
                return Err(ImportError::NestedBegin { line: boundary.line, opened: begin.line });
            }
            (Some(begin), false) => {
                if begin.label != boundary.label {
                    return Err(ImportError::MismatchedEnd { line: boundary.line, opened: begin.line });
                }
                if blocks.len() == limits.certificates {
                    return Err(ImportError::TooManyCertificates {
                        line: begin.line,
                        limit: limits.certificates,
                    });
                }
                let der = block(text, begin, boundary, &lines, limits)?;
                blocks.push(Block { line: Some(begin.line), der });
                open = None;
            }
        }
    }
    match open {
        Some(begin) => Err(ImportError::MissingEnd { opened: begin.line }),
        None => Ok(blocks),
    }
}

fn block(
    text: &[u8],
    begin: &Boundary,
    end: &Boundary,
    lines: &Lines,
    limits: &Limits,
) -> Result<Vec<u8>, ImportError> {
    let line = begin.line;
    match Found::from_label(&begin.label) {
        Some(Found::Certificate) => {}
        Some(found) => return Err(ImportError::NotACertificate { found, line: Some(line) }),
        None => return Err(ImportError::UnknownLabel { line }),
    }
    let der = decode(text, begin.end, end.start, lines, line, limits)?;
    // A label proves nothing: what is inside decides, and a key under a wrong label is still a key.
    if identify_der(&der).is_private_key() {
        return Err(ImportError::PrivateKey { line: Some(line) });
    }
    if begin.label == "TRUSTED CERTIFICATE" { Ok(without_openssl_trust(der)) } else { Ok(der) }
}

/// OpenSSL's own label: the certificate, then trust settings that mean nothing here.
fn without_openssl_trust(mut der: Vec<u8>) -> Vec<u8> {
    use x509_parser::prelude::FromDer;
    let rest = x509_parser::certificate::X509Certificate::from_der(&der).map_or(0, |(rest, _)| rest.len());
    der.truncate(der.len() - rest);
    der
}

struct Boundary {
    begins: bool,
    label: String,
    start: usize,
    end: usize,
    line: usize,
}

/// Every `-----BEGIN …-----` and `-----END …-----`, wherever on a line it stands.
fn boundaries(text: &[u8], lines: &Lines) -> Result<Vec<Boundary>, ImportError> {
    let mut found = Vec::new();
    let mut from = 0;
    loop {
        let next = [(b"BEGIN ".as_slice(), true), (b"END ".as_slice(), false)]
            .into_iter()
            .filter_map(|(word, begins)| find(text, word, from).map(|at| (at, word.len(), begins)))
            .min();
        let Some((at, length, begins)) = next else { return Ok(found) };
        from = at + length;
        let line = lines.number(at);
        let opened = text[..at].ends_with(DASHES.as_bytes());
        let label_end = text[from..].iter().position(|octet| matches!(octet, b'-' | b'\n' | b'\r'));
        let label_end = from + label_end.unwrap_or(text.len() - from);
        let closed = text[label_end..].starts_with(DASHES.as_bytes());
        let label = String::from_utf8_lossy(&text[from..label_end]).trim().to_owned();
        match (opened, closed) {
            (true, true) => {
                from = label_end + DASHES.len();
                found.push(Boundary { begins, label, start: at - DASHES.len(), end: from, line });
            }
            (false, false) => {
                // Prose with the word in it, unless the label is one of ours between mangled dashes.
                let label = label.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                if Found::from_label(label).is_some() && line_starts_before(text, at) {
                    return Err(ImportError::DamagedBoundary { line });
                }
            }
            (true, false) | (false, true) => return Err(ImportError::DamagedBoundary { line }),
        }
    }
}

/// Whether only punctuation and white space stand before `at` on its line.
fn line_starts_before(text: &[u8], at: usize) -> bool {
    let start =
        text[..at].iter().rposition(|octet| matches!(octet, b'\n' | b'\r')).map_or(0, |newline| newline + 1);
    text[start..at].iter().all(|octet| !octet.is_ascii_alphanumeric())
}

fn decode(
    text: &[u8],
    start: usize,
    end: usize,
    lines: &Lines,
    opened: usize,
    limits: &Limits,
) -> Result<Vec<u8>, ImportError> {
    let too_large = ImportError::CertificateTooLarge { line: Some(opened), limit: limits.certificate };
    let longest = limits.certificate.div_ceil(3) * 4;
    let mut digits = Vec::with_capacity((end - start).min(longest));
    let mut padding = 0;
    let mut last = start;
    let mut at = start;
    while at < end {
        let rest = &text[at..end];
        let skipped =
            skippable(rest, at == start || matches!(text[at - 1], b'\n' | b'\r' | b' ' | b'>' | b'|'));
        if skipped > 0 {
            at += skipped;
            continue;
        }
        match rest[0] {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits.push(rest[0]),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                return Err(ImportError::BadPadding { line: lines.number(at) });
            }
            128.. => return Err(ImportError::NonAscii { line: lines.number(at) }),
            _ => return Err(ImportError::BadBase64 { line: lines.number(at) }),
        }
        last = at;
        at += 1;
        if digits.len() > longest {
            return Err(too_large);
        }
    }
    let line = lines.number(last);
    // RFC 4648 §4: groups of four; one digit left over cannot be, two need two pads and three need one.
    match (digits.len() % 4, padding) {
        (0, 0) | (2, 2) | (3, 1) => {}
        (1, _) | (2 | 3, 0) => return Err(ImportError::TruncatedBase64 { line }),
        _ => return Err(ImportError::BadPadding { line }),
    }
    digits.resize(digits.len() + padding, b'=');
    let der = STANDARD.decode(&digits).map_err(|_| ImportError::BadPadding { line })?;
    if der.is_empty() {
        return Err(ImportError::TruncatedBase64 { line: opened });
    }
    if der.len() > limits.certificate { Err(too_large) } else { Ok(der) }
}

/// How many octets at the front carry nothing: white space, invisible spaces, `\n` written out, quote marks.
fn skippable(rest: &[u8], at_line_start: bool) -> usize {
    match rest {
        [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, ..] => 1,
        [b'>' | b'|', ..] if at_line_start => 1,
        [b'\\', b'n' | b'r' | b't', ..] => 2,
        [0xc2, 0xa0, ..] => 2,
        [0xe2, 0x80, 0x8b, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

/// No boundary at all: say what it probably is.
fn without_blocks(text: &[u8]) -> ImportError {
    let visible: Vec<u8> = text.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    if visible.is_empty() {
        return ImportError::Empty;
    }
    if visible.starts_with(b"ssh-") || visible.starts_with(b"ecdsa-sha2-") {
        return ImportError::NotACertificate { found: Found::OtherPublicKey, line: Some(1) };
    }
    match STANDARD.decode(&visible).map(|der| identify_der(&der)) {
        Ok(found) if found.is_private_key() => ImportError::PrivateKey { line: Some(1) },
        Ok(Found::Certificate) => ImportError::MissingArmour,
        Ok(found) if found != Found::Unknown => ImportError::NotACertificate { found, line: Some(1) },
        Ok(_) | Err(_) => ImportError::NotText,
    }
}

/// Line numbers by binary search. A line ends at LF, CR LF or a lone CR.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &[u8]) -> Self {
        let mut starts = vec![0];
        for (at, octet) in text.iter().enumerate() {
            if *octet == b'\n' || (*octet == b'\r' && text.get(at + 1) != Some(&b'\n')) {
                starts.push(at + 1);
            }
        }
        Self { starts }
    }

    fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }
}

fn find(text: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(text.get(from..)?, needle).map(|at| from + at)
}
