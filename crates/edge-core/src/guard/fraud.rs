//! Toll fraud: budgets for calls that cost money, and destinations that are not called at all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use sip_trunk::Deadline;
use sip_trunk::transport::{Rate, TokenBucket};

use super::event::Code;

/// How calls to the outside are limited. The default limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FraudLimits {
    /// For all calls together.
    pub organization: Budget,
    /// For the calls of each account: a phone, a trunk that calls through, a flow.
    pub account: Budget,
    /// Looked at in order; the first that fits decides. What fits none is allowed.
    pub destinations: Vec<DestinationRule>,
}

/// How much may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Calls at once.
    pub calls: Option<u32>,
    /// New calls in a time.
    pub new_calls: Option<Rate>,
    /// Connected minutes in a day of 24 hours that begins with the first call.
    pub minutes: Option<u32>,
}

/// What holds for some destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRule {
    /// Which ones.
    pub destination: Destination,
    /// When they may be called.
    pub allowed: Allowed,
}

/// Some destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Normalised numbers that begin so, such as `+882` or `+1900`; empty for all.
    Prefix(String),
    /// What a number plan gave this classification, in any letter case.
    Class(String),
}

/// When destinations may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// At any time.
    Always,
    /// Never.
    Never,
    /// From Monday to Friday between two minutes of the day at the caller's site, the first included.
    WorkingHours {
        /// Minutes after midnight.
        from: u16,
        /// Minutes after midnight.
        until: u16,
    },
}

/// A call that wants to leave.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Whose account pays: the id of a phone, a trunk or a flow.
    pub account: u128,
    /// The normalised destination, such as `+13175550123`.
    pub destination: &'a str,
    /// What a number plan called it.
    pub classification: Option<&'a str>,
    /// Emergency calls are never held back, and count for nothing.
    pub emergency: bool,
    /// What a clock at the caller's site shows.
    pub local: DateTime,
}

/// A call that was let go. Give it back with [`Fraud::connected`] and [`Fraud::ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Why a call was not let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FraudRefusal {
    /// Too many at once.
    #[error("there are as many calls as the budget allows")]
    Calls,
    /// Too many in a short time.
    #[error("new calls come faster than the budget allows")]
    Rate,
    /// The minutes are used up.
    #[error("the minutes of the day are used up")]
    Minutes,
    /// Such destinations are not called.
    #[error("the destination is not allowed")]
    Destination,
    /// Such destinations are not called now.
    #[error("the destination is not allowed at this hour")]
    Hours,
}

impl FraudRefusal {
    /// The event it makes.
    pub const fn code(self) -> Code {
        match self {
            FraudRefusal::Calls => Code::FraudCalls,
            FraudRefusal::Rate => Code::FraudRate,
            FraudRefusal::Minutes => Code::FraudMinutes,
            FraudRefusal::Destination => Code::FraudDestination,
            FraudRefusal::Hours => Code::FraudHours,
        }
    }

    /// The status the caller gets.
    pub const fn status(self) -> u16 {
        match self {
            FraudRefusal::Calls | FraudRefusal::Rate => 503,
            FraudRefusal::Minutes | FraudRefusal::Destination | FraudRefusal::Hours => 403,
        }
    }
}

/// What was used of one budget.
#[derive(Debug, Clone, Copy)]
struct Used {
    calls: u32,
    connected: u32,
    bucket: TokenBucket,
    day: Instant,
    /// Connected time of the day up to `counted`.
    time: Duration,
    counted: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    account: u128,
    connected: bool,
}

/// Counts calls against budgets.
#[derive(Debug)]
pub struct Fraud {
    limits: FraudLimits,
    organization: Used,
    accounts: BTreeMap<u128, Used>,
    running: BTreeMap<u64, Running>,
    next: u64,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Fraud {
    /// Nothing used yet.
    pub fn new(limits: FraudLimits, now: Instant) -> Self {
        Self {
            limits,
            organization: Used::new(now),
            accounts: BTreeMap::new(),
            running: BTreeMap::new(),
            next: 0,
        }
    }

    /// Takes new limits; what was used stays used.
    pub fn apply(&mut self, limits: FraudLimits) {
        self.limits = limits;
    }

    /// A call wants to leave. An emergency call always may.
    ///
    /// # Errors
    /// [`FraudRefusal`]; nothing was counted.
    pub fn admit(&mut self, attempt: &Attempt<'_>, now: Instant) -> Result<Option<Ticket>, FraudRefusal> {
        if attempt.emergency {
            return Ok(None);
        }
        self.permits(attempt)?;
        self.forget(now);
        let (of_all, of_account) = (self.limits.organization, self.limits.account);
        let used = self.accounts.entry(attempt.account).or_insert_with(|| Used::new(now));
        let (mut all, mut account) = (self.organization, *used);
        all.take(&of_all, now)?;
        account.take(&of_account, now)?;
        self.organization = all;
        *used = account;
        let ticket = self.next;
        self.next += 1;
        self.running.insert(ticket, Running { account: attempt.account, connected: false });
        Ok(Some(Ticket(ticket)))
    }

    /// Whether such a destination may be called at this hour, by somebody whose call is counted already.
    ///
    /// # Errors
    /// [`FraudRefusal::Destination`], [`FraudRefusal::Hours`].
    pub fn permits(&self, attempt: &Attempt<'_>) -> Result<(), FraudRefusal> {
        if attempt.emergency {
            return Ok(());
        }
        let fits = |rule: &&DestinationRule| match &rule.destination {
            Destination::Prefix(prefix) => attempt.destination.starts_with(prefix.as_str()),
            Destination::Class(class) => {
                attempt.classification.is_some_and(|own| own.eq_ignore_ascii_case(class))
            }
        };
        match self.limits.destinations.iter().find(fits).map(|rule| rule.allowed) {
            None | Some(Allowed::Always) => Ok(()),
            Some(Allowed::Never) => Err(FraudRefusal::Destination),
            Some(Allowed::WorkingHours { from, until }) => {
                let time = attempt.local.time();
                let minute =
                    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
                let workday = attempt.local.weekday().to_monday_zero_offset() < 5;
                if workday && (from..until).contains(&minute) { Ok(()) } else { Err(FraudRefusal::Hours) }
            }
        }
    }

    /// The call was answered: its minutes count from now.
    pub fn connected(&mut self, ticket: Ticket, now: Instant) {
        let Some(call) = self.running.get_mut(&ticket.0).filter(|call| !call.connected) else { return };
        call.connected = true;
        let account = call.account;
        self.each(account, now, |used| used.connected += 1);
    }

    /// The call is over.
    pub fn ended(&mut self, ticket: Ticket, now: Instant) {
        let Some(call) = self.running.remove(&ticket.0) else { return };
        self.each(call.account, now, |used| {
            used.calls = used.calls.saturating_sub(1);
            used.connected = used.connected.saturating_sub(u32::from(call.connected));
        });
    }

    /// The calls to cut now: those of budgets whose minutes are used up. Each is told once; end them, and say so with
    /// [`ended`](Self::ended).
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Ticket> {
        let all = self.organization.left(&self.limits.organization, now).is_some_and(|left| left.is_zero());
        let spent = |account: &u128| {
            let used = self.accounts.get(account);
            used.and_then(|used| used.left(&self.limits.account, now)).is_some_and(|left| left.is_zero())
        };
        let connected = self.running.iter().filter(|(_, call)| call.connected);
        let cut: Vec<_> =
            connected.filter(|(_, call)| all || spent(&call.account)).map(|(id, _)| *id).collect();
        for id in &cut {
            self.ended(Ticket(*id), now);
        }
        cut.into_iter().map(Ticket).collect()
    }

    /// When the first budget runs out, if calls go on as they do.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let all = self.organization.runs_out(&self.limits.organization);
        let accounts = self.accounts.values().filter_map(|used| used.runs_out(&self.limits.account));
        let at = all.into_iter().chain(accounts).min()?;
        Some(Deadline { at, why: "fraud guard: a budget of minutes runs out" })
    }

    /// Calls that are counted now.
    pub fn calls(&self) -> u32 {
        self.organization.calls
    }

    fn each(&mut self, account: u128, now: Instant, change: impl Fn(&mut Used)) {
        let used = self.accounts.get_mut(&account);
        for used in [Some(&mut self.organization), used].into_iter().flatten() {
            used.count(now);
            change(used);
        }
    }

    /// Accounts with no call and a new day have used nothing.
    fn forget(&mut self, now: Instant) {
        // Once in a while is enough; the table is no larger than the accounts of the organization.
        if self.next.is_multiple_of(1024) {
            self.accounts.retain(|_, used| used.calls > 0 || now < used.day + DAY);
        }
    }
}

impl Used {
    fn new(now: Instant) -> Self {
        Self {
            calls: 0,
            connected: 0,
            bucket: TokenBucket::new(now),
            day: now,
            time: Duration::ZERO,
            counted: now,
        }
    }

    /// Brings the connected time up to now; a new day begins with nothing used.
    fn count(&mut self, now: Instant) {
        if self.day + DAY <= now {
            (self.day, self.time, self.counted) = (now, Duration::ZERO, now);
        }
        self.time += now.saturating_duration_since(self.counted) * self.connected;
        self.counted = self.counted.max(now);
    }

    fn take(&mut self, budget: &Budget, now: Instant) -> Result<(), FraudRefusal> {
        self.count(now);
        if budget.calls.is_some_and(|most| self.calls >= most) {
            return Err(FraudRefusal::Calls);
        }
        if self.left(budget, now).is_some_and(|left| left.is_zero()) {
            return Err(FraudRefusal::Minutes);
        }
        if budget.new_calls.is_some_and(|rate| !self.bucket.take(rate, now)) {
            return Err(FraudRefusal::Rate);
        }
        self.calls += 1;
        Ok(())
    }

    /// What is left of the minutes; `None` without a bound.
    fn left(&self, budget: &Budget, now: Instant) -> Option<Duration> {
        let mut used = *self;
        used.count(now);
        budget.minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)).saturating_sub(used.time))
    }

    fn runs_out(&self, budget: &Budget) -> Option<Instant> {
        let left = self.left(budget, self.counted)?;
        Some(self.counted + left.checked_div(self.connected)?)
    }
}
