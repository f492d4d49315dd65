//! Header field names: the registered ones as a one-byte id, found without allocating.

use std::fmt;

/// The value is a comma list.
const LIST: bool = true;
/// The value stands alone on its line.
const ONE: bool = false;

macro_rules! header_names {
    ($( $variant:ident $text:literal $($compact:literal)? $form:ident ; )*) => {
        /// A registered header field name (IANA "SIP Parameters", plus those carriers use without registering).
        ///
        /// Names compare without regard to case and a compact form is the same name (RFC 3261 §7.3.3), so both
        /// `v` and `VIA` are [`HeaderName::Via`]. A name that is not in this list keeps its bytes in the message
        /// and is asked for by text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum HeaderName {
            $( #[doc = concat!("`", $text, "`")] $variant, )*
        }

        /// Canonical spelling, compact letter (0 = none) and whether values form a comma list, by id.
        const TABLE: &[(HeaderName, &str, u8, bool)] = &[
            $( (HeaderName::$variant, $text, 0 $(+ $compact)?, $form), )*
        ];
    };
}

header_names! {
    Accept "Accept" LIST;
    AcceptContact "Accept-Contact" b'a' LIST;
    AcceptEncoding "Accept-Encoding" LIST;
    AcceptLanguage "Accept-Language" LIST;
    AlertInfo "Alert-Info" LIST;
    Allow "Allow" LIST;
    AllowEvents "Allow-Events" b'u' LIST;
    AnswerMode "Answer-Mode" ONE;
    AuthenticationInfo "Authentication-Info" ONE;
    Authorization "Authorization" ONE;
    CallId "Call-ID" b'i' ONE;
    CallInfo "Call-Info" LIST;
    Contact "Contact" b'm' LIST;
    ContentDisposition "Content-Disposition" ONE;
    ContentEncoding "Content-Encoding" b'e' LIST;
    ContentId "Content-ID" ONE;
    ContentLanguage "Content-Language" LIST;
    ContentLength "Content-Length" b'l' ONE;
    ContentTransferEncoding "Content-Transfer-Encoding" ONE;
    ContentType "Content-Type" b'c' ONE;
    CSeq "CSeq" ONE;
    Date "Date" ONE;
    Diversion "Diversion" LIST;
    ErrorInfo "Error-Info" LIST;
    Event "Event" b'o' ONE;
    Expires "Expires" ONE;
    FeatureCaps "Feature-Caps" LIST;
    FlowTimer "Flow-Timer" ONE;
    From "From" b'f' ONE;
    Geolocation "Geolocation" LIST;
    GeolocationError "Geolocation-Error" ONE;
    GeolocationRouting "Geolocation-Routing" ONE;
    HistoryInfo "History-Info" LIST;
    Identity "Identity" b'y' ONE;
    IdentityInfo "Identity-Info" b'n' ONE;
    InfoPackage "Info-Package" ONE;
    InReplyTo "In-Reply-To" LIST;
    Join "Join" ONE;
    MaxBreadth "Max-Breadth" ONE;
    MaxForwards "Max-Forwards" ONE;
    MimeVersion "MIME-Version" ONE;
    MinExpires "Min-Expires" ONE;
    MinSe "Min-SE" ONE;
    Organization "Organization" ONE;
    PAccessNetworkInfo "P-Access-Network-Info" LIST;
    PAssertedIdentity "P-Asserted-Identity" LIST;
    PAssociatedUri "P-Associated-URI" LIST;
    Path "Path" LIST;
    PCalledPartyId "P-Called-Party-ID" ONE;
    PChargingFunctionAddresses "P-Charging-Function-Addresses" ONE;
    PChargingVector "P-Charging-Vector" ONE;
    PEarlyMedia "P-Early-Media" LIST;
    PPreferredIdentity "P-Preferred-Identity" LIST;
    PrivAnswerMode "Priv-Answer-Mode" ONE;
    Priority "Priority" ONE;
    Privacy "Privacy" ONE;
    ProxyAuthenticate "Proxy-Authenticate" ONE;
    ProxyAuthenticationInfo "Proxy-Authentication-Info" ONE;
    ProxyAuthorization "Proxy-Authorization" ONE;
    ProxyRequire "Proxy-Require" LIST;
    PVisitedNetworkId "P-Visited-Network-ID" LIST;
    RAck "RAck" ONE;
    Reason "Reason" LIST;
    RecordRoute "Record-Route" LIST;
    RecvInfo "Recv-Info" LIST;
    ReferredBy "Referred-By" b'b' ONE;
    ReferSub "Refer-Sub" ONE;
    ReferTo "Refer-To" b'r' ONE;
    RejectContact "Reject-Contact" b'j' LIST;
    RemotePartyId "Remote-Party-ID" LIST;
    Replaces "Replaces" ONE;
    ReplyTo "Reply-To" ONE;
    RequestDisposition "Request-Disposition" b'd' LIST;
    Require "Require" LIST;
    ResourcePriority "Resource-Priority" LIST;
    RetryAfter "Retry-After" ONE;
    Route "Route" LIST;
    RSeq "RSeq" ONE;
    SecurityClient "Security-Client" LIST;
    SecurityServer "Security-Server" LIST;
    SecurityVerify "Security-Verify" LIST;
    Server "Server" ONE;
    ServiceRoute "Service-Route" LIST;
    SessionExpires "Session-Expires" b'x' ONE;
    SessionId "Session-ID" ONE;
    SipEtag "SIP-ETag" ONE;
    SipIfMatch "SIP-If-Match" ONE;
    Subject "Subject" b's' ONE;
    SubscriptionState "Subscription-State" ONE;
    Supported "Supported" b'k' LIST;
    SuppressIfMatch "Suppress-If-Match" ONE;
    TargetDialog "Target-Dialog" ONE;
    Timestamp "Timestamp" ONE;
    To "To" b't' ONE;
    Unsupported "Unsupported" LIST;
    UserAgent "User-Agent" ONE;
    UserToUser "User-to-User" LIST;
    Via "Via" b'v' LIST;
    Warning "Warning" LIST;
    WwwAuthenticate "WWW-Authenticate" ONE;
    XUserToUser "X-User-to-User" ONE;
}

impl HeaderName {
    /// How many names are known.
    pub(super) const COUNT: usize = TABLE.len();

    /// Every known name, in alphabetical order of the variants.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// Finds a name by its full or compact spelling in any case; `None` for a name this crate does not know.
    #[inline(always)] // once per header line
    pub fn find(name: &[u8]) -> Option<Self> {
        if let [letter] = name {
            return COMPACT[(letter.to_ascii_lowercase() & 0x7f) as usize]
                .filter(|_| letter.is_ascii_alphabetic());
        }
        let mut at = slot(name);
        while let Some(id) = SLOTS[at] {
            let text = id.as_str().as_bytes();
            if is_same(text, name) || text.eq_ignore_ascii_case(name) {
                return Some(id);
            }
            at = (at + 1) % SLOT_COUNT;
        }
        None
    }

    /// The canonical spelling, as this crate writes it.
    #[inline]
    pub const fn as_str(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The one-letter compact form, where one is registered (RFC 3261 §7.3.3).
    pub const fn compact(self) -> Option<char> {
        match TABLE[self as usize].2 {
            0 => None,
            letter => Some(letter as char),
        }
    }

    /// Whether the value is a comma list, so that several lines and one line with commas mean the same.
    ///
    /// RFC 3261 §7.3.1: true only where the grammar is `value *(COMMA value)`; the four authentication headers
    /// carry commas but are never joined or split.
    #[inline]
    pub const fn is_list(self) -> bool {
        TABLE[self as usize].3
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether both are the same bytes: names are too short for a call to pay.
#[inline(always)]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    /// Of a length from `N` to `2 * N`: the ends meet or overlap.
    #[inline(always)]
    fn by_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
    }
    a.len() == b.len()
        && match a.len() {
            2..=4 => by_ends::<2>(a, b),
            5..=8 => by_ends::<4>(a, b),
            9..=16 => by_ends::<8>(a, b),
            _ => a == b,
        }
}

const SLOT_COUNT: usize = 512;

/// Open-addressed table of the full spellings, built at compile time.
static SLOTS: [Option<HeaderName>; SLOT_COUNT] = {
    let mut slots = [None; SLOT_COUNT];
    let mut row = 0;
    while row < TABLE.len() {
        let mut at = slot(TABLE[row].1.as_bytes());
        while slots[at].is_some() {
            at = (at + 1) % SLOT_COUNT;
        }
        slots[at] = Some(TABLE[row].0);
        row += 1;
    }
    slots
};

static COMPACT: [Option<HeaderName>; 128] = {
    let mut letters = [None; 128];
    let mut row = 0;
    while row < TABLE.len() {
        if TABLE[row].2 != 0 {
            letters[TABLE[row].2 as usize] = Some(TABLE[row].0);
        }
        row += 1;
    }
    letters
};

/// Spreads names over the table by length, both ends and the middle, with case folded away.
const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    let first = (name[0] | 0x20) as usize;
    let middle = (name[len / 2] | 0x20) as usize;
    let last = (name[len - 1] | 0x20) as usize;
    (len.wrapping_mul(73) ^ first.wrapping_mul(17) ^ middle.wrapping_mul(5) ^ last.wrapping_mul(151))
        % SLOT_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_by_its_compact_form() {
        for (id, name) in HeaderName::all().enumerate() {
            assert_eq!(name as usize, id);
            let text = name.as_str();
            assert_eq!(HeaderName::find(text.as_bytes()), Some(name));
            assert_eq!(HeaderName::find(text.to_ascii_uppercase().as_bytes()), Some(name));
            assert_eq!(HeaderName::find(text.to_ascii_lowercase().as_bytes()), Some(name));
            if let Some(letter) = name.compact() {
                assert_eq!(HeaderName::find(letter.to_string().as_bytes()), Some(name));
                assert_eq!(HeaderName::find(letter.to_ascii_uppercase().to_string().as_bytes()), Some(name));
            }
        }
    }

    #[test]
    fn names_of_every_length_are_compared_to_their_last_byte() {
        for len in 0..40 {
            let name = vec![b'n'; len];
            assert!(is_same(&name, &name.clone()) && !is_same(&name, &vec![b'n'; len + 1]));
            for at in 0..len {
                let mut other = name.clone();
                other[at] = b'o';
                assert!(!is_same(&name, &other), "{at} of {len}");
            }
        }
    }

    #[test]
    fn near_misses_are_unknown() {
        for name in ["", "z", "1", "Vi", "Viaa", "Call_ID", "From ", "X-Custom", "Content\u{d}Length"] {
            assert_eq!(HeaderName::find(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(HeaderName::find(&[0xf6]), None);
        assert_eq!(HeaderName::find(&[b'v' | 0x80]), None);
    }

    /// RFC 3261 §7.3.1: authentication values and dates carry commas that are not list separators.
    #[test]
    fn only_list_grammars_are_split() {
        for name in [HeaderName::Via, HeaderName::Contact, HeaderName::Route, HeaderName::HistoryInfo] {
            assert!(name.is_list());
        }
        for name in [
            HeaderName::Authorization,
            HeaderName::ProxyAuthenticate,
            HeaderName::Date,
            HeaderName::Subject,
            HeaderName::From,
        ] {
            assert!(!name.is_list());
        }
    }

    #[test]
    fn lookup_probes_stay_short() {
        let longest = SLOTS.split(Option::is_none).map(<[_]>::len).max().unwrap();
        assert!(longest <= 4, "longest run of occupied slots is {longest}");
    }
}
