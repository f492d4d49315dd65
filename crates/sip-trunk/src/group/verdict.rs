//! What the end of an attempt means for the call: the next trunk, or the end.

use crate::endpoint::Failure;
use crate::header::Reason;
use crate::msg::{Message, reason_phrase};
use crate::trunk::Retry;

/// How an attempt on one trunk ended without an answer.
#[derive(Debug, Clone, Copy)]
pub enum Attempt<'a> {
    /// With this final response.
    Response(&'a Message),
    /// Without one, because of this.
    Failure(&'a Failure),
    /// The server said nothing at all in the time it had.
    Silent,
    /// It rang, or was on its way, until the dial timeout.
    TimedOut {
        /// Whether it had got as far as the called party: 180 or another 18x.
        rang: bool,
    },
}

/// What to do with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Try the next candidate; the text says why.
    MoveOn(String),
    /// Give the caller this status: it is the called party's answer, or no other trunk would do better.
    Stop(u16),
}

/// Answers that speak for the called party or the number, not for the trunk: another trunk would only ring again.
const FINAL: [u16; 7] = [404, 484, 486, 600, 603, 604, 607];

/// Judges the end of an attempt (`docs/spec/conflicts.md`, K3). Quality is no criterion (ST-011).
///
/// Always on to the next: silence, a failed transport, 408, 503, and no room. Never: 404, 486, 603 and their kin, whatever is
/// configured. In between: the trunk's retryable reason and cause codes.
pub fn verdict(attempt: Attempt<'_>, retry: &Retry) -> Verdict {
    match attempt {
        Attempt::Response(message) => of_response(message, retry),
        Attempt::Failure(failure) => match failure {
            Failure::Withdrawn => Verdict::Stop(487),
            Failure::Timeout
            | Failure::Transport(_)
            | Failure::Tls(_)
            | Failure::Unresolvable { .. }
            | Failure::NoRoute => Verdict::MoveOn(failure.to_string()),
        },
        Attempt::Silent => Verdict::MoveOn("no answer from the server".to_owned()),
        Attempt::TimedOut { rang: true } => Verdict::Stop(408),
        Attempt::TimedOut { rang: false } => Verdict::MoveOn("no progress until the dial timeout".to_owned()),
    }
}

fn of_response(message: &Message, retry: &Retry) -> Verdict {
    let status = message.status().unwrap_or(500);
    if FINAL.contains(&status) {
        return Verdict::Stop(status);
    }
    let named = || format!("SIP {status} {}", reason_phrase(status));
    if matches!(status, 408 | 503) || retry.codes.contains(status) {
        return Verdict::MoveOn(named());
    }
    let causes = message.all::<Reason<'_>>().filter_map(Result::ok).filter_map(|reason| reason.q850());
    match causes.into_iter().find(|cause| retry.causes.contains(*cause)) {
        Some(cause) => Verdict::MoveOn(format!("{}, Q.850 cause {cause}", named())),
        None => Verdict::Stop(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, headers: &str, retry: &Retry) -> bool {
        let text = format!("SIP/2.0 {status} X\r\n{headers}Content-Length: 0\r\n\r\n");
        let message = Message::from_datagram(text).unwrap();
        matches!(verdict(Attempt::Response(&message), retry), Verdict::MoveOn(_))
    }

    /// ST-011, K3: silence, transport failure, 408, 503 and 500 to 599 move on; what the called party says does not.
    #[test]
    fn failures_of_the_trunk_move_on_and_answers_of_the_called_party_do_not() {
        let retry = Retry::default();
        for status in [408, 500, 502, 503, 504, 580] {
            assert!(judge(status, "", &retry), "{status}");
        }
        for status in [400, 403, 404, 480, 484, 486, 487, 488, 600, 603, 604] {
            assert!(!judge(status, "", &retry), "{status}");
        }
        assert!(matches!(verdict(Attempt::Failure(&Failure::Timeout), &retry), Verdict::MoveOn(_)));
        assert!(matches!(verdict(Attempt::Silent, &retry), Verdict::MoveOn(_)));
        assert_eq!(verdict(Attempt::TimedOut { rang: true }, &retry), Verdict::Stop(408));
    }

    #[test]
    fn configured_codes_and_causes_move_on_but_never_a_busy_party() {
        let retry = Retry { codes: "400-699".parse().unwrap(), ..Retry::default() };
        assert!(judge(403, "", &retry) && judge(480, "", &retry));
        assert!(!judge(486, "", &retry) && !judge(404, "", &retry) && !judge(603, "", &retry));
        let none = Retry { codes: "".parse().unwrap(), ..Retry::default() };
        assert!(judge(503, "", &none), "503 always moves on");
        assert!(judge(480, "Reason: SIP;cause=480, Q.850;cause=38;text=\"network out of order\"\r\n", &none));
        assert!(!judge(480, "Reason: Q.850;cause=17\r\n", &none));
        assert!(!judge(404, "Reason: Q.850;cause=1\r\n", &none));
    }
}
