//! Event notification (RFC 6665 §8.2).

use std::fmt;

use super::{Header, HeaderFault, Params, lex::Cursor, text::Token};
use crate::msg::HeaderName;

/// Which events a subscription is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event package with its templates, such as `refer` or `presence.winfo`.
    pub package: &'a str,
    /// `id` and further ones.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Tells apart subscriptions to the same package in one dialog.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.params.token("id")
    }
}

impl<'a> Header<'a> for Event<'a> {
    const NAME: HeaderName = HeaderName::Event;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (package, params) = token_and_params(value)?;
        Ok(Self { package, params })
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Token(self.package), self.params)
    }
}

/// How a subscription stands; an open set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionPhase<'a> {
    /// Accepted.
    Active,
    /// Not decided yet.
    Pending,
    /// Over.
    Terminated,
    /// Any other token.
    Other(&'a str),
}

/// The state of a subscription, in every NOTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// How it stands.
    pub phase: SubscriptionPhase<'a>,
    /// `reason`, `expires`, `retry-after` and further ones.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Why it ended, such as `noresource`.
    #[must_use]
    pub fn reason(&self) -> Option<&'a str> {
        self.params.token("reason")
    }

    /// How long it still lasts, in seconds.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.params.number("expires")
    }

    /// How long to wait before subscribing again, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.params.number("retry-after")
    }
}

impl<'a> Header<'a> for SubscriptionState<'a> {
    const NAME: HeaderName = HeaderName::SubscriptionState;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (token, params) = token_and_params(value)?;
        let phase = match token {
            t if t.eq_ignore_ascii_case("active") => SubscriptionPhase::Active,
            t if t.eq_ignore_ascii_case("pending") => SubscriptionPhase::Pending,
            t if t.eq_ignore_ascii_case("terminated") => SubscriptionPhase::Terminated,
            t => SubscriptionPhase::Other(t),
        };
        Ok(Self { phase, params })
    }
}

impl fmt::Display for SubscriptionState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = match self.phase {
            SubscriptionPhase::Active => "active",
            SubscriptionPhase::Pending => "pending",
            SubscriptionPhase::Terminated => "terminated",
            SubscriptionPhase::Other(token) => token,
        };
        write!(f, "{}{}", Token(token), self.params)
    }
}

/// `token *(";" param)`, the shape of many headers.
pub(super) fn token_and_params(value: &[u8]) -> Result<(&str, Params<'_>), HeaderFault> {
    let mut cursor = Cursor::begin(value)?;
    let token = cursor.token()?;
    Ok((token, Params::read(&mut cursor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6665 §8.2.1 and §8.2.3.
    #[test]
    fn events_and_states_are_read_and_printed() {
        let event = Event::parse(b"refer;id=93809824").unwrap();
        assert_eq!((event.package, event.id()), ("refer", Some("93809824")));
        let state = SubscriptionState::parse(b"Terminated ; reason=noresource;retry-after=30").unwrap();
        assert_eq!((state.phase, state.reason()), (SubscriptionPhase::Terminated, Some("noresource")));
        assert_eq!((state.retry_after(), state.expires()), (Some(30), None));
        assert_eq!(state.to_string(), "terminated;reason=noresource;retry-after=30");
        let new = SubscriptionState {
            phase: SubscriptionPhase::Active,
            params: Params::from_pairs(&[("expires", Some("60"))]),
        };
        assert_eq!(SubscriptionState::parse(new.to_string().as_bytes()), Ok(new));
        assert_eq!(SubscriptionState::parse(b"waiting").unwrap().phase, SubscriptionPhase::Other("waiting"));
    }

    #[test]
    fn malformed_events_are_refused() {
        for bad in ["", ";id=1", "a b", "a;", "a,b"] {
            assert!(Event::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
