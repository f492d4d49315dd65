//! Session timers: agreeing on an interval and a refresher (RFC 4028). Nothing is sent here.

use std::time::{Duration, Instant};

use crate::Deadline;
use crate::header::{MinSe, Refresher, SessionExpires, Supported};
use crate::msg::Message;
use crate::ua::SessionTimer;

/// The smallest Min-SE (RFC 4028 §5).
const SMALLEST: u32 = 90;

/// An agreed timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) interval: u32,
    /// Whether we refresh.
    pub(crate) ours: bool,
    since: Instant,
    /// When a refresh that failed is tried again.
    again: Option<Instant>,
}

/// What the callee of a request says about its Session-Expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// 422 with this Min-SE.
    TooSmall(u32),
    /// No timer.
    None,
    /// This goes into the 2xx; `require` says that Require: timer goes along.
    Agreed { header: SessionExpires, require: bool },
}

impl Expiry {
    /// As agreed by `header`; `caller` says whether we sent the request it belongs to.
    pub(crate) fn agreed(header: SessionExpires, caller: bool, now: Instant) -> Self {
        let ours = match header.refresher {
            Some(Refresher::Uac) => caller,
            Some(Refresher::Uas) => !caller,
            // RFC 4028 §7.2: a 2xx names the refresher; one that does not leaves it to the caller.
            None => caller,
        };
        Self { interval: header.seconds, ours, since: now, again: None }
    }

    /// When to act, and what for: the refresher at half the interval, the other side to end what was not refreshed.
    pub(crate) fn timeout(&self) -> Deadline {
        if self.ours {
            let half = self.since + Duration::from_secs(self.interval.into()) / 2;
            let at = self.again.unwrap_or(half).min(self.end());
            Deadline { at, why: "refresh a session" }
        } else {
            Deadline { at: self.end(), why: "end a session nobody refreshed" }
        }
    }

    /// When a session that is not refreshed is ended.
    // RFC 4028 §10: a third of the interval before its end, but not more than 32 s before.
    pub(crate) fn end(&self) -> Instant {
        let whole = Duration::from_secs(self.interval.into());
        self.since + whole - (whole / 3).min(Duration::from_secs(32))
    }

    /// A refresh did not come about: tries again after half the time that is left, at least a second.
    pub(crate) fn postpone(&mut self, now: Instant) {
        let left = self.end().saturating_duration_since(now);
        self.again = Some(now + (left / 2).max(Duration::from_secs(1)));
    }

    /// The header of our next refresh, which keeps the roles (RFC 4028 §7.4).
    pub(crate) fn header(&self) -> SessionExpires {
        let refresher = Some(if self.ours { Refresher::Uac } else { Refresher::Uas });
        SessionExpires { seconds: self.interval, refresher }
    }
}

/// The interval and minimum of an initial request of ours, after a 422 asked for at least `floor`.
pub(crate) fn offered(timer: SessionTimer, floor: Option<u32>) -> Option<(u32, u32)> {
    let SessionTimer::On { interval, min } = timer else { return None };
    let min = seconds(min).max(SMALLEST).max(floor.unwrap_or(0));
    Some((seconds(interval).max(min), min))
}

/// What we, the callee of `request`, say about session timers (RFC 4028 §9). `current` is the timer in force.
pub(crate) fn judge(timer: SessionTimer, request: &Message, current: Option<Expiry>) -> Judgement {
    let supported = request.all::<Supported<'_>>().filter_map(Result::ok).any(|tag| tag.is("timer"));
    let asked = request.typed::<SessionExpires>().and_then(Result::ok);
    let (interval, min) = match timer {
        SessionTimer::Off => (None, SMALLEST),
        SessionTimer::On { interval, min } => (Some(seconds(interval)), seconds(min).max(SMALLEST)),
    };
    match asked {
        // RFC 4028 §9: only a caller that knows timers can do something with a 422.
        Some(asked) if asked.seconds < min && supported => Judgement::TooSmall(min),
        Some(asked) => {
            // RFC 4028 §9: a refresher in the request stands. A caller without timers leaves the work to us.
            let refresher = match asked.refresher {
                Some(refresher) if supported => refresher,
                Some(_) | None if supported => kept_refresher(current).unwrap_or(Refresher::Uac),
                Some(_) | None => Refresher::Uas,
            };
            agreed(asked.seconds.max(SMALLEST), refresher)
        }
        None => match interval {
            Some(interval) => {
                let floor = request.typed::<MinSe>().and_then(Result::ok).map_or(0, |min| min.0);
                let refresher = if supported {
                    kept_refresher(current).unwrap_or(Refresher::Uac)
                } else {
                    Refresher::Uas
                };
                agreed(current.map_or(interval, |current| current.interval).max(min).max(floor), refresher)
            }
            None => Judgement::None,
        },
    }
}

/// Who refreshes now, in the words of a transaction in which we are the callee.
fn kept_refresher(current: Option<Expiry>) -> Option<Refresher> {
    current.map(|current| if current.ours { Refresher::Uas } else { Refresher::Uac })
}

fn agreed(seconds: u32, refresher: Refresher) -> Judgement {
    let header = SessionExpires { seconds, refresher: Some(refresher) };
    // RFC 4028 §9: the caller must understand timers if it is to refresh.
    Judgement::Agreed { header, require: refresher == Refresher::Uac }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: SessionTimer =
        SessionTimer::On { interval: Duration::from_secs(1800), min: Duration::from_secs(120) };

    fn check(timer: SessionTimer, headers: &str, expected: &str) {
        let text = format!("INVITE sip:a SIP/2.0\r\n{headers}Content-Length: 0\r\n\r\n");
        let said = match judge(timer, &Message::from_datagram(text.into_bytes()).unwrap(), None) {
            Judgement::TooSmall(min) => format!("422 {min}"),
            Judgement::None => "none".into(),
            Judgement::Agreed { header, require } => format!("{header} {require}"),
        };
        assert_eq!(said, expected, "{headers:?}");
    }

    /// RFC 4028 §9.
    #[test]
    fn the_callee_agrees_by_the_table() {
        check(ON, "Supported: timer\r\nSession-Expires: 100\r\n", "422 120");
        check(ON, "Session-Expires: 100\r\n", "100;refresher=uas false");
        check(ON, "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", "600;refresher=uas false");
        check(ON, "Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uac true");
        check(ON, "Supported: timer\r\n", "1800;refresher=uac true");
        check(ON, "", "1800;refresher=uas false");
        check(ON, "Min-SE: 3600\r\nSupported: timer\r\n", "3600;refresher=uac true");
        check(SessionTimer::Off, "Supported: timer\r\n", "none");
        check(SessionTimer::Off, "Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uac true");
    }

    /// RFC 4028 §7.2 and §10.
    #[test]
    fn the_refresher_acts_at_half_time_and_the_other_before_the_end() {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let at = |seconds, refresher, caller| {
            let header = SessionExpires { seconds, refresher: Some(refresher) };
            (Expiry::agreed(header, caller, now).timeout().at - now).as_secs()
        };
        assert_eq!(at(1800, Refresher::Uac, true), 900);
        assert_eq!(at(1800, Refresher::Uac, false), 1768);
        assert_eq!(at(90, Refresher::Uas, true), 60);
        assert_eq!(at(90, Refresher::Uas, false), 45);
    }

    /// RFC 4028 §7.3: a 422 raises both numbers.
    #[test]
    fn a_422_raises_what_is_offered() {
        assert_eq!(offered(ON, None), Some((1800, 120)));
        assert_eq!(offered(ON, Some(3600)), Some((3600, 3600)));
        assert_eq!(offered(SessionTimer::Off, Some(1)), None);
    }
}
