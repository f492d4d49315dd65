//! What was found wrong with a message, where, and what to answer.

use std::fmt;

use smallvec::SmallVec;

use super::limits::Strictness;
use super::name::HeaderName;
use super::span::Span;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; entirely legal.
    Note,
    /// A deviation that is tolerated.
    Warning,
    /// Well formed, but the element that looked cannot serve it.
    Unsupported,
    /// The message must not be processed.
    Error,
}

impl Severity {
    /// Lower-case name, as printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Unsupported => "unsupported",
            Self::Error => "error",
        }
    }
}

/// Severity by strictness, final status (0: silence), name, source and explanation of one code.
struct Row(Severity, Severity, u16, &'static str, &'static str, &'static str);

macro_rules! codes {
    ($( $variant:ident $(($of:ident))? $lenient:ident $strict:ident $status:literal $name:literal $source:literal
        $text:literal ; )*) => {
        /// What was found, one value per rule. Codes that concern a header carry its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $( #[doc = concat!($text, " (", $source, ").")] $variant $(($of))?, )*
        }

        impl Code {
            const fn row(self) -> Row {
                match self {
                    $( Self::$variant { .. } => Row(Severity::$lenient, Severity::$strict, $status, $name, $source, $text), )*
                }
            }

            /// The header the finding is about, where it is about one.
            pub const fn header(self) -> Option<HeaderName> {
                match self {
                    $( codes!(@pattern $variant name $($of)?) => codes!(@value name $($of)?), )*
                }
            }
        }
    };
    (@pattern $variant:ident $name:ident) => { Self::$variant };
    (@pattern $variant:ident $name:ident $of:ident) => { Self::$variant($name) };
    (@value $name:ident) => { None };
    (@value $name:ident $of:ident) => { Some($name) };
}

codes! {
    Empty Note Note 0 "empty" "RFC 3261 §7.5" "nothing but line ends: a keep-alive";
    NotSip Error Error 0 "not-sip" "RFC 3261 §7" "no SIP start line can be recognised";
    MessageTooLarge Error Error 513 "message-too-large" "RFC 3261 §21.5.7" "the message exceeds the size limit";
    HeaderSectionTooLarge Error Error 513 "header-section-too-large" "RFC 3261 §21.5.7"
        "start line and headers exceed the size limit";
    HeaderTooLarge Error Error 513 "header-too-large" "RFC 3261 §21.5.7" "one header field exceeds the size limit";
    TooManyHeaders Error Error 513 "too-many-headers" "RFC 3261 §21.5.7" "more header fields than the limit";
    TooManyVias Error Error 400 "too-many-vias" "RFC 3261 §16.3" "more Via elements than the limit";
    TooManyRoutes(HeaderName) Error Error 400 "too-many-routes" "RFC 3261 §16.3" "more route elements than the limit";
    TooManyUriParams Error Error 400 "too-many-uri-params" "RFC 3261 §19.1.1" "more URI parameters than the limit";
    RequestUriTooLong Error Error 414 "request-uri-too-long" "RFC 3261 §21.4.12" "the Request-URI exceeds the size limit";
    HeaderSectionUnfinished Error Error 400 "header-section-unfinished" "RFC 3261 §7"
        "the empty line behind the headers is missing";
    LeadingLineEnds Note Note 0 "leading-line-ends" "RFC 3261 §7.5" "line ends before the start line were skipped";
    BadStartLine Error Error 400 "bad-start-line" "RFC 3261 §7.1" "the start line does not follow the grammar";
    BadMethod Error Error 400 "bad-method" "RFC 3261 §7.1" "the method is not a token";
    BadRequestUri Error Error 400 "bad-request-uri" "RFC 3261 §7.1" "the Request-URI is not a URI";
    RequestUriHeaders Error Error 400 "request-uri-headers" "RFC 3261 §19.1.1" "the Request-URI carries escaped headers";
    UnsupportedVersion Error Error 505 "unsupported-version" "RFC 3261 §21.5.6" "the SIP version is not 2.0";
    BadStatusCode Error Error 0 "bad-status-code" "RFC 3261 §7.2" "the status code is not between 100 and 699";
    SpacesInStartLine Warning Error 400 "spaces-in-start-line" "RFC 4475 §3.1.2.9"
        "superfluous spaces in the start line; they are not forwarded";
    MissingReasonSpace Warning Error 0 "missing-reason-space" "RFC 4475 §3.1.1.13"
        "the space behind the status code is missing";
    BadHeaderLine Error Error 400 "bad-header-line" "RFC 3261 §7.3.1" "a header line without a name and a colon";
    BlankContinuation Warning Error 400 "blank-continuation" "RFC 3261 §7.3.1" "a fold with nothing but white space";
    BareCr Error Error 400 "bare-cr" "RFC 3261 §25.1" "a carriage return without a line feed";
    BareLf Error Error 400 "bare-lf" "RFC 3261 §25.1" "a line feed without a carriage return";
    Nul Error Error 400 "nul" "RFC 3261 §25.1" "a NUL byte in the header section";
    ControlCharacter Error Error 400 "control-character" "RFC 3261 §25.1" "a control character in the header section";
    EscapedControl Warning Warning 0 "escaped-control" "RFC 4475 §3.1.1.2"
        "a control character behind a backslash in a quoted string; it is not forwarded";
    BidiControl Warning Warning 0 "bidi-control" "RFC 3987 §4.1"
        "a character that reorders displayed text; it is not forwarded";
    NotUtf8 Warning Error 400 "not-utf8" "RFC 3261 §7.3.1" "bytes that are not UTF-8, such as Latin-1 names";
    BadContentLength Error Error 400 "bad-content-length" "RFC 3261 §20.14" "Content-Length is not a usable number";
    ContentLengthConflict Error Error 400 "content-length-conflict" "RFC 4475 §3.3.9" "two different Content-Lengths";
    ContentLengthRepeated Warning Error 400 "content-length-repeated" "RFC 3261 §20.14"
        "the same Content-Length more than once";
    ContentLengthBeyondEnd Error Error 400 "content-length-beyond-end" "RFC 3261 §18.3"
        "Content-Length promises more body than arrived";
    MissingContentLength Error Error 400 "missing-content-length" "RFC 3261 §18.3"
        "Content-Length is mandatory on a stream";
    SecondMessage Error Error 400 "second-message" "RFC 7118 §5" "more than one message in a WebSocket message";
    TrailingOctets Note Note 0 "trailing-octets" "RFC 3261 §18.3" "octets behind the body were ignored";
    MissingHeader(HeaderName) Error Error 400 "missing-header" "RFC 3261 §8.1.1" "a mandatory header is missing";
    RepeatedHeader(HeaderName) Error Error 400 "repeated-header" "RFC 4475 §3.3.8"
        "a header that stands alone appears more than once";
    BadHeader(HeaderName) Error Error 400 "bad-header" "RFC 3261 §20" "a header value does not follow its grammar";
    IgnoredHeader(HeaderName) Warning Error 400 "ignored-header" "RFC 4475 §3.1.2.12"
        "a header value does not follow its grammar and is treated as absent";
    MethodMismatch Error Error 400 "method-mismatch" "RFC 3261 §8.1.1.5"
        "CSeq names another method than the start line";
    UnknownMethodMismatch Error Error 501 "unknown-method-mismatch" "RFC 4475 §3.1.2.18"
        "CSeq names another method than the start line, whose method is unknown";
    MissingTag Warning Error 400 "missing-tag" "RFC 3261 §8.1.1.3" "From carries no tag: an RFC 2543 peer";
    MissingBranch Warning Error 400 "missing-branch" "RFC 3261 §8.1.1.7" "the top Via has no RFC 3261 branch";
    EmptyBranch Warning Error 400 "empty-branch" "RFC 4475 §3.2.1" "the branch is only the magic cookie";
    MissingMaxForwards Warning Error 400 "missing-max-forwards" "RFC 3261 §8.1.1.6" "Max-Forwards is missing";
    UnsupportedScheme Unsupported Unsupported 416 "unsupported-scheme" "RFC 3261 §8.2.2.1"
        "the Request-URI scheme is not served here";
    UnsupportedExtension(HeaderName) Unsupported Unsupported 420 "unsupported-extension" "RFC 3261 §8.2.2.3"
        "an extension is required that is not supported";
    UnsupportedMethod Unsupported Unsupported 501 "unsupported-method" "RFC 3261 §8.2.1"
        "the method is not served here";
    UnsupportedBody Unsupported Unsupported 415 "unsupported-body" "RFC 3261 §8.2.3" "the body type is not understood";
    NotAcceptable Unsupported Unsupported 406 "not-acceptable" "RFC 3261 §20.1"
        "no answer can be written in the types of Accept";
    AorNotSip Unsupported Unsupported 400 "aor-not-sip" "RFC 3261 §10.3" "the address of record is not a SIP URI";
    TooManyHops Unsupported Unsupported 483 "too-many-hops" "RFC 3261 §16.3" "Max-Forwards is exhausted";
    BroadcastVia Unsupported Unsupported 0 "broadcast-via" "RFC 4475 §3.3.10"
        "the answer would be sent to a broadcast or multicast address";
    ForeignResponse Unsupported Unsupported 0 "foreign-response" "RFC 3261 §8.1.3.3"
        "the answer carries Via elements that are not ours";
}

impl Code {
    /// How much this finding matters under `strictness`.
    pub const fn severity(self, strictness: Strictness) -> Severity {
        let row = self.row();
        match strictness {
            Strictness::Lenient => row.0,
            Strictness::Strict => row.1,
        }
    }

    /// The final status that answers a request with this finding; `None` where nothing is answered.
    pub const fn status(self) -> Option<u16> {
        match self.row().2 {
            0 => None,
            status => Some(status),
        }
    }

    /// Stable lower-case name, for logs and scripts.
    pub const fn as_str(self) -> &'static str {
        self.row().3
    }

    /// The rule the finding comes from.
    pub const fn source(self) -> &'static str {
        self.row().4
    }

    /// One sentence for a person.
    pub const fn explain(self) -> &'static str {
        self.row().5
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.header() {
            Some(name) => write!(f, "{name}: {}", self.explain()),
            None => f.write_str(self.explain()),
        }
    }
}

/// One finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule.
    pub code: Code,
    /// Where, in the bytes that were scanned.
    pub span: Span,
    /// How much it matters.
    pub severity: Severity,
}

/// All findings about one message, in the order they were made; at most 64 are kept, the worst one always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    strictness: Strictness,
    found: SmallVec<[Diagnostic; 2]>,
    worst: Option<Diagnostic>,
}

const KEPT: usize = 64;

impl Diagnostics {
    /// No findings yet; later ones are judged by `strictness`.
    pub fn new(strictness: Strictness) -> Self {
        Self { strictness, ..Self::default() }
    }

    /// Adds a finding.
    pub fn push(&mut self, code: Code, span: Span) {
        let diagnostic = Diagnostic { code, span, severity: code.severity(self.strictness) };
        if self.worst.is_none_or(|worst| worst.severity < diagnostic.severity) {
            self.worst = Some(diagnostic);
        }
        if self.found.len() < KEPT {
            self.found.push(diagnostic);
        }
    }

    /// Every finding kept, in the order made.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// The first finding of the highest severity: the one that decides the answer.
    pub fn worst(&self) -> Option<Diagnostic> {
        self.worst
    }

    /// Whether the message may be processed: no finding is an [`Severity::Error`].
    #[inline]
    pub fn is_acceptable(&self) -> bool {
        self.worst.is_none_or(|worst| worst.severity < Severity::Error)
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether `code` was found.
    pub fn contains(&self, code: Code) -> bool {
        self.found.iter().any(|found| found.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_worst_decides() {
        let mut found = Diagnostics::default();
        assert!(found.is_acceptable() && found.is_empty());
        found.push(Code::TrailingOctets, Span::new(0, 1));
        found.push(Code::UnsupportedVersion, Span::new(1, 2));
        found.push(Code::BadHeaderLine, Span::new(2, 3));
        assert_eq!(found.worst().unwrap().code, Code::UnsupportedVersion);
        assert!(!found.is_acceptable());
    }

    #[test]
    fn a_flood_of_findings_is_bounded_and_keeps_the_worst() {
        let mut found = Diagnostics::default();
        for at in 0..1000 {
            found.push(Code::NotUtf8, Span::new(at, at + 1));
        }
        found.push(Code::Nul, Span::new(5, 6));
        assert_eq!(found.iter().count(), 64);
        assert_eq!(found.worst().unwrap().code, Code::Nul);
    }

    #[test]
    fn strictness_raises_warnings_to_errors() {
        assert_eq!(Code::SpacesInStartLine.severity(Strictness::Lenient), Severity::Warning);
        assert_eq!(Code::SpacesInStartLine.severity(Strictness::Strict), Severity::Error);
        assert_eq!(Code::MissingHeader(HeaderName::To).to_string(), "To: a mandatory header is missing");
    }
}
