//! Typed views of header values, read lazily from the received bytes and without allocating.
//!
//! A view is one element of a header: a message splits comma lists with [`split_list`] and reads each element through
//! [`Header::parse`]. Names, tokens and URIs come out as `&str` into the message; human text ([`Text`]) is decoded when asked.
//! Every view a stack writes prints itself with `Display`, and no value that is printed can contain a line end.
//!
//! [`From`], [`To`], [`Route`] and the like are a [`NameAddr`] each and lend its fields: `from.display`, `from.uri`, `from.tag()`.
//! Importing [`From`] hides the trait of that name; where both are needed write `message.typed::<header::From>()`.
//!
//! ```
//! use sip_trunk::header::{split_list, Header, Via};
//!
//! let value = b"SIP/2.0/TLS a.example;branch=z9hG4bK1, SIP / 2.0 / UDP [2001:db8::1]:5070;branch=z9hG4bK2;rport";
//! let vias = split_list(value).map(Via::parse).collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(vias[0].branch(), Some("z9hG4bK1"));
//! assert_eq!(vias[1].port, Some(5070));
//! # Ok::<(), sip_trunk::header::HeaderFault>(())
//! ```
//!
//! | RFC | views |
//! |---|---|
//! | 3261 | [`Via`], [`From`], [`To`], [`Contact`], [`Route`], [`RecordRoute`], [`ReplyTo`], [`CSeq`], [`CallId`], [`MaxForwards`], [`Expires`], [`MinExpires`], [`Allow`], [`Supported`], [`Require`], [`Unsupported`], [`ProxyRequire`], [`RetryAfter`], [`Warning`], [`Date`], [`CallInfo`], [`AlertInfo`], [`ErrorInfo`], [`ContentType`], [`ContentLength`], [`ContentDisposition`] |
//! | 3262, 4028 | [`RSeq`], [`RAck`], [`SessionExpires`], [`MinSe`] |
//! | 3323, 3325, 7315 | [`Privacy`], [`PAssertedIdentity`], [`PPreferredIdentity`], [`PAssociatedUri`], and the older [`RemotePartyId`] |
//! | 3326 | [`Reason`] |
//! | 3327, 3608 | [`Path`], [`ServiceRoute`] |
//! | 3420, 2046, 8262 | [`SipFrag`], [`split_multipart`], [`MultipartBuilder`], [`ContentId`] |
//! | 3515, 3891, 3892, 3911, 4538 | [`ReferTo`], [`ReferredBy`], [`Replaces`], [`Join`], [`TargetDialog`] |
//! | 5806, 7044 | [`Diversion`], [`HistoryInfo`] |
//! | 6442 | [`Geolocation`], [`GeolocationRouting`], [`GeolocationError`] |
//! | 6665 | [`Event`], [`SubscriptionState`], [`AllowEvents`] |
//! | 7433 | [`UserToUser`], [`XUserToUser`], [`UuiFormat`], [`received_user_data`] |
//! | 7616, 8760 | [`WwwAuthenticate`], [`ProxyAuthenticate`], [`Authorization`], [`ProxyAuthorization`], [`AuthenticationInfo`] |
//! | 8224 | [`Identity`] |

mod address;
mod auth_params;
mod call_id;
mod call_info;
mod challenge;
mod contact;
mod content;
mod credentials;
mod date;
mod delta;
mod dialog_id;
mod diversion;
mod event;
mod fault;
mod identity;
mod lex;
mod list;
mod location;
mod multipart;
mod name_addr;
mod option_tag;
mod params;
mod privacy;
mod reason;
mod refer;
mod sequence;
mod session_timer;
mod sipfrag;
mod text;
mod uui;
mod via;

pub use address::{
    From, PAssertedIdentity, PAssociatedUri, PPreferredIdentity, Path, RecordRoute, ReplyTo, Route,
    ServiceRoute, To,
};
pub use call_id::CallId;
pub use call_info::{AlertInfo, CallInfo, ErrorInfo};
pub use challenge::{Challenge, ProxyAuthenticate, QopOffer, WwwAuthenticate};
pub use contact::Contact;
pub use content::{ContentDisposition, ContentId, ContentType};
pub use credentials::{
    AuthenticationInfo, Authorization, Credentials, ProxyAuthenticationInfo, ProxyAuthorization,
};
pub use date::Date;
pub use delta::{ContentLength, Expires, MaxForwards, MinExpires};
pub use dialog_id::{Join, Replaces, TargetDialog};
pub use diversion::{Diversion, HistoryInfo, HistoryTarget};
pub use event::{Event, SubscriptionPhase, SubscriptionState};
pub use fault::{FaultKind, HeaderFault};
pub use identity::Identity;
pub use list::{Elements, split_list};
pub use location::{Geolocation, GeolocationError, GeolocationRouting};
pub use multipart::{BodyPart, BoundaryTaken, MAX_PARTS, MultipartBuilder, split_multipart};
pub use name_addr::NameAddr;
pub use option_tag::{Allow, AllowEvents, ProxyRequire, Require, Supported, Unsupported};
pub use params::{ParamIter, Params, Value};
pub use privacy::{Party, Privacy, RemotePartyId};
pub use reason::{Reason, RetryAfter, Warning};
pub use refer::{ReferTo, ReferredBy};
pub use sequence::{CSeq, RAck, RSeq};
pub use session_timer::{MinSe, Refresher, SessionExpires};
pub use sipfrag::{FragStatus, SipFrag};
pub use text::Text;
pub use uui::{
    RECOMMENDED_UUI_LENGTH, UserData, UserToUser, UuiDiscard, UuiEncodeError, UuiEncoding, UuiFormat,
    UuiHeader, XUserToUser, received_user_data,
};
pub use via::Via;

use crate::msg::HeaderName;

/// One element of a header, read from the bytes between two commas (or of the whole value, where the header is no list).
pub trait Header<'a>: Sized {
    /// The header this is an element of.
    const NAME: HeaderName;

    /// Reads `value`, which may have white space around it.
    ///
    /// # Errors
    /// Says what is wrong and at which byte of `value`.
    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault>;
}
