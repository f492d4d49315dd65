//! The registrar: where phones are (RFC 3261 §10, RFC 5626, RFC 3327, RFC 5627).
//!
//! ```text
//!  REGISTER ──► authenticate ──► register ──► 200 with every binding        contacts(aor), contacts_of(phone)
//!                   │               │                                       resolve(gruu)
//!                   ▼               ├──► Bound, Unbound, Online, Offline            │
//!              401, the same        └──► 400 403 404 420 423 439 500 503            ▼
//!              for every fault                                            Target { uri, route, flow }
//! ```
//!
//! One value without sockets. A request changes everything it asks for or nothing. What it answers to somebody who proved nothing
//! depends neither on whether the account exists nor on the password.

mod authentication;
mod config;
mod contact;
mod event;
mod gruu;
mod reply;
mod request;
mod snapshot;
mod store;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};
use sip_trunk::endpoint::Source;
use sip_trunk::msg::{Draft, Message};
use sip_trunk::transport::Path;
use sip_trunk::uri::{SipUri, UriRef};
use sip_trunk::{Deadline, Seed};
use telco_model::value::PhoneId;

use crate::compile::Account;
use authentication::Authentication;
use request::{Asked, Changes, Refused, Wanted};
use store::Store;

pub use authentication::{AuthFault, Proved, Unproved};
pub use config::{Config, Limits};
pub use contact::{Contact, ContactId, Target};
pub use event::{Cause, Change, Event};
pub use snapshot::Snapshot;

/// Who may register, by user name of the digest, as [`Runtime::accounts`](crate::compile::Runtime::accounts) has it.
pub type Accounts = Arc<BTreeMap<Box<str>, Arc<Account>>>;

/// Whether a phone can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It has a contact.
    Online,
    /// It has none.
    Offline,
}

/// Keeps the bindings of addresses of record.
#[derive(Debug)]
pub struct Registrar {
    config: Config,
    authentication: Authentication,
    gruus: gruu::Mint,
    store: Store,
    random: ChaCha12Rng,
    events: VecDeque<Event>,
}

impl Registrar {
    /// A registrar without bindings.
    pub fn new(config: Config, accounts: Accounts, seed: Seed, now: Instant) -> Self {
        let digest = config.digest.clone();
        Self {
            authentication: Authentication::new(digest, accounts, seed.derive("digest"), now),
            gruus: gruu::Mint::new(seed.derive("gruu")),
            store: Store::default(),
            random: ChaCha12Rng::from_seed(seed.derive("tags").0),
            events: VecDeque::new(),
            config,
        }
    }

    /// Takes a new configuration. Bindings of accounts that are gone, changed their password or lost the address go; the others stay.
    pub fn apply(&mut self, config: Config, accounts: Accounts) {
        self.authentication.apply(config.digest.clone(), accounts);
        self.config = config;
        let accounts = self.authentication.accounts();
        let fate = |contact: &Contact| {
            let account = accounts.get(&contact.account.username)?;
            let same = account.password == contact.account.password && account.phone == contact.account.phone;
            (same && account.lines.iter().any(|line| **line == *contact.aor)).then(|| account.clone())
        };
        let fates: Vec<_> = self.store.iter().map(|contact| (contact.id, fate(contact))).collect();
        for (id, account) in fates {
            match account {
                Some(account) => self.store.change(id, |contact| contact.account = account),
                None => self.unbind(id, Cause::Revoked),
            }
        }
    }

    /// Asks who sent a request: REGISTER, or any other that a phone must prove itself for. ACK and CANCEL cannot be asked
    /// (RFC 3261 §22.1).
    ///
    /// # Errors
    /// [`Unproved`] answers with a challenge. Its fault is for the log and the guard.
    pub fn authenticate(
        &mut self,
        request: &Message,
        source: &Source,
        now: Instant,
    ) -> Result<Proved, Unproved> {
        self.authentication.verify(request, source, now)
    }

    /// A challenge for somebody whose request is not looked at, such as one who guessed too often.
    pub fn challenge(&mut self, source: &Source, now: Instant) -> Unproved {
        self.authentication.challenge(source, now)
    }

    /// Carries out a REGISTER of somebody who proved to be an account, and answers it.
    pub fn register(&mut self, request: &Message, source: &Source, proved: &Proved, now: Instant) -> Draft {
        match self.try_register(request, source, &proved.account, now) {
            Ok((aor, asked)) => self.ok(request, proved, &aor, &asked, now),
            Err(refused) => {
                let (status, why) = refused.told();
                self.events.push_back(Event::Refused { phone: proved.account.phone, status, why });
                self.refusal(request, &refused)
            }
        }
    }

    /// The contacts of an address of record, by its user part: the best first, and of equal ones the newest.
    pub fn contacts(&self, aor: &str) -> Vec<&Contact> {
        ranked(self.store.of_aor(aor))
    }

    /// The contacts of a phone under all its addresses, the best first. Where it registered several addresses over one flow, one of
    /// them.
    pub fn contacts_of(&self, phone: PhoneId) -> Vec<&Contact> {
        let mut contacts = ranked(self.store.of_phone(phone));
        let mut seen = Vec::new();
        contacts.retain(|contact| {
            let way = (contact.remote, contact.transport, contact.reg_id);
            let new = !seen.contains(&way);
            seen.push(way);
            new
        });
        contacts
    }

    /// A contact by its name.
    pub fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.store.get(id)
    }

    /// The contacts of the instance a GRUU of ours names, newest first (RFC 5627 §6.1): one flow of the instance after the other.
    pub fn resolve(&self, uri: &SipUri<'_>) -> Vec<&Contact> {
        let Some(user) = uri.user_decoded().filter(|_| uri.param("gr").is_some()) else { return Vec::new() };
        if let Some((id, refresh)) = self.gruus.read(&user) {
            let contact = self.store.get(id).filter(|contact| contact.valid_from <= refresh);
            return contact.into_iter().collect();
        }
        let Some(instance) = gruu::instance_of(uri) else { return Vec::new() };
        ranked(self.store.of_aor(&user).filter(|contact| gruu::is_instance(contact, &instance)))
    }

    /// The contact a request came from: the one on this connection, or from this address. Says which phone speaks, not that it is
    /// who it says.
    pub fn contact_at(&self, aor: &str, source: &Source) -> Option<&Contact> {
        let same =
            |contact: &&Contact| contact.remote == source.remote && contact.transport == source.transport;
        self.store.of_aor(aor).find(same)
    }

    /// Whether a phone can be reached.
    pub fn status(&self, phone: PhoneId) -> Status {
        if self.store.of_phone(phone).next().is_some() { Status::Online } else { Status::Offline }
    }

    /// How many contacts there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// A connection was lost. Bindings that were made for it go with it (RFC 5626 §5.3); a phone that listens where its contact
    /// says can still be reached there.
    pub fn flow_lost(&mut self, path: Path) {
        let lost: Vec<_> = self
            .store
            .on_flow(path)
            .map(|contact| (contact.id, snapshot::is_lost_with_its_flow(contact)))
            .collect();
        for (id, gone) in lost {
            if gone {
                self.unbind(id, Cause::FlowLost);
            } else {
                self.store.change(id, |contact| contact.flow = None);
            }
        }
    }

    /// Takes away every contact of a phone.
    pub fn log_out(&mut self, phone: PhoneId) {
        let ids: Vec<_> = self.store.of_phone(phone).map(|contact| contact.id).collect();
        ids.into_iter().for_each(|id| self.unbind(id, Cause::LoggedOut));
    }

    /// Lets go of what has ended.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.store.due(now) {
            self.unbind(id, Cause::Expired);
        }
    }

    /// When the next binding ends.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.store.next().map(|at| Deadline { at, why: "registrar: a binding ends" })
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn try_register<'m>(
        &mut self,
        request: &'m Message,
        source: &Source,
        account: &Arc<Account>,
        now: Instant,
    ) -> Result<(String, Asked<'m>), Refused> {
        let asked = Asked::read(request, &self.config.limits)?;
        let ours =
            |host: &str| self.config.domains.is_empty() || self.config.domains.iter().any(|own| own == host);
        // RFC 3261 §10.3 steps 1, 4 and 5: our domain, an address the account may change. The sender is known by now, so that saying
        // what is wrong tells strangers nothing.
        let (aor, host) = request::aor(request).ok_or(Refused::Malformed("To"))?;
        let registrar = request::registrar_host(request).ok_or(Refused::Malformed("Request-URI"))?;
        if !ours(&host) || !ours(&registrar) {
            return Err(Refused::NotFound);
        }
        if !account.lines.iter().any(|line| **line == *aor) {
            return Err(Refused::Forbidden("the account may not register this address"));
        }
        match &asked.changes {
            Changes::Fetch => {}
            Changes::RemoveAll => self.remove_all(&aor, &asked)?,
            Changes::Contacts(wanted) => self.change(&aor, &asked, wanted, request, source, account, now)?,
        }
        Ok((aor, asked))
    }

    fn remove_all(&mut self, aor: &str, asked: &Asked<'_>) -> Result<(), Refused> {
        let known: Vec<_> = self.store.of_aor(aor).collect();
        if known.iter().any(|contact| is_older(asked, contact)) {
            return Err(Refused::OutOfOrder);
        }
        let ids: Vec<_> = known.iter().map(|contact| contact.id).collect();
        ids.into_iter().for_each(|id| self.unbind(id, Cause::Unregistered));
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one step of one request")]
    fn change(
        &mut self,
        aor: &str,
        asked: &Asked<'_>,
        wanted: &[Wanted<'_>],
        request: &Message,
        source: &Source,
        account: &Arc<Account>,
        now: Instant,
    ) -> Result<(), Refused> {
        let plan = self.plan(aor, asked, wanted, account)?;
        plan.displaced.into_iter().for_each(|id| self.unbind(id, Cause::Displaced));
        for (wanted, known) in wanted.iter().zip(plan.known) {
            match (known, wanted.expires) {
                (Some(id), 0) => self.unbind(id, Cause::Unregistered),
                (None, 0) => {}
                (Some(id), _) => {
                    self.refresh(id, self.binding(aor, asked, wanted, request, source, account, now))
                }
                (None, _) => {
                    let contact = self.binding(aor, asked, wanted, request, source, account, now);
                    self.bind(contact, Change::Added);
                }
            }
        }
        Ok(())
    }

    /// RFC 3261 §10.3 step 7: everything is looked at before anything is changed.
    fn plan(
        &self,
        aor: &str,
        asked: &Asked<'_>,
        wanted: &[Wanted<'_>],
        account: &Account,
    ) -> Result<Plan, Refused> {
        let contacts: Vec<_> = self.store.of_aor(aor).collect();
        let mut plan = Plan { known: Vec::with_capacity(wanted.len()), displaced: Vec::new() };
        let mut added = 0;
        for wanted in wanted {
            if self.is_ourselves(&wanted.uri) {
                return Err(Refused::Forbidden("the contact leads back here"));
            }
            let known = contacts.iter().find(|contact| is_binding_of(contact, wanted));
            if known.is_some_and(|contact| is_older(asked, contact)) {
                return Err(Refused::OutOfOrder);
            }
            added += usize::from(known.is_none() && wanted.expires > 0);
            plan.known.push(known.map(|contact| contact.id));
        }
        let gone =
            plan.known.iter().zip(wanted).filter(|(known, wanted)| known.is_some() && wanted.expires == 0);
        let after = contacts.len() + added - gone.count().min(contacts.len());
        let excess = after.saturating_sub(self.config.limits.contacts_per_aor);
        // A phone that comes back under new addresses pushes out its own oldest contacts, and nobody else's.
        let mut own: Vec<_> = contacts
            .iter()
            .filter(|contact| {
                contact.account.username == account.username && !plan.known.contains(&Some(contact.id))
            })
            .collect();
        own.sort_by_key(|contact| contact.expires);
        plan.displaced.extend(own.iter().take(excess).map(|contact| contact.id));
        if plan.displaced.len() < excess {
            return Err(Refused::Forbidden("the address has as many contacts as it may have"));
        }
        if self.store.len() + added > self.config.limits.contacts {
            return Err(Refused::Full);
        }
        Ok(plan)
    }

    #[expect(clippy::too_many_arguments, reason = "everything a binding is made of")]
    fn binding(
        &self,
        aor: &str,
        asked: &Asked<'_>,
        wanted: &Wanted<'_>,
        request: &Message,
        source: &Source,
        account: &Arc<Account>,
        now: Instant,
    ) -> Contact {
        let mut contact = Contact {
            id: ContactId { slot: 0, generation: 0 },
            aor: self.store.aor(aor),
            account: account.clone(),
            uri: wanted.uri.as_str().into(),
            call_id: asked.call_id.into(),
            cseq: asked.cseq,
            expires: now + Duration::from_secs(wanted.expires.into()),
            q: wanted.q,
            transport: source.transport,
            remote: source.remote,
            flow: None,
            trusted: self.config.trusts(source.remote.ip()),
            route: asked.path.iter().map(|hop| Box::from(*hop)).collect(),
            instance: wanted.instance.as_deref().map(Into::into),
            reg_id: wanted.reg_id,
            user_agent: request::user_agent(request),
            refreshes: 0,
            valid_from: 0,
        };
        // Behind NAT the URI leads nowhere, and where it leads to somebody else it was not theirs to give. A client that is symmetric
        // hears where it speaks.
        let host = wanted.uri.as_sip().and_then(|sip| sip.host().ip());
        let by_flow = asked.direct && (asked.symmetric || host != Some(source.remote.ip()));
        contact.flow = (by_flow || contact.otherwise().is_none()).then_some(source.path);
        contact
    }

    fn refresh(&mut self, id: ContactId, new: Contact) {
        let Some(old) = self.store.get(id) else { return };
        let change = if old.flow == new.flow { Change::Refreshed } else { Change::Moved };
        let (phone, aor) = (new.phone(), new.aor.to_string());
        self.store.change(id, |contact| {
            let refreshes = contact.refreshes.wrapping_add(1);
            // RFC 5627 §5.4: a new Call-ID ends the temporary GRUUs of the one before.
            let valid_from = if contact.call_id == new.call_id { contact.valid_from } else { refreshes };
            *contact = Contact { refreshes, valid_from, ..new };
        });
        self.events.push_back(Event::Bound { phone, aor, contact: id, change });
    }

    fn unbind(&mut self, id: ContactId, cause: Cause) {
        let Some(contact) = self.store.remove(id) else { return };
        let phone = contact.phone();
        let (aor, uri) = (contact.aor.to_string(), contact.uri.into());
        self.events.push_back(Event::Unbound { phone, aor, uri, cause });
        if self.store.of_phone(phone).next().is_none() {
            self.events.push_back(Event::Offline { phone, cause });
        }
    }

    /// ES-28: a binding to ourselves would send every call round and round.
    fn is_ourselves(&self, uri: &UriRef<'_>) -> bool {
        let Some(sip) = uri.as_sip() else { return false };
        let port = sip.port().unwrap_or(if sip.is_secure() { 5061 } else { 5060 });
        let named = |own: &String| sip.port().is_none() && own.eq_ignore_ascii_case(sip.host_str());
        let at = |ip| self.config.own.iter().any(|own| own.ip() == ip && own.port() == port);
        sip.host().ip().map_or_else(|| self.config.domains.iter().any(named), at)
    }

    /// A To tag nobody can guess, for answers outside dialogs.
    pub fn tag(&mut self) -> String {
        format!("{:016x}", self.random.next_u64())
    }
}

/// What a request will change.
struct Plan {
    /// The binding of each contact of the request, in its order.
    known: Vec<Option<ContactId>>,
    displaced: Vec<ContactId>,
}

/// Whether a contact of a request is this binding. RFC 5626 §6: flows are told apart by instance and reg-id, everything else by
/// the URI (RFC 3261 §10.3 step 7).
fn is_binding_of(contact: &Contact, wanted: &Wanted<'_>) -> bool {
    if wanted.reg_id.is_some() {
        return contact.reg_id == wanted.reg_id && contact.instance.as_deref() == wanted.instance.as_deref();
    }
    let uri = UriRef::parse(contact.uri.as_bytes());
    contact.reg_id.is_none() && uri.is_ok_and(|uri| uri.equivalent(&wanted.uri))
}

/// RFC 3261 §10.3 step 7: under one Call-ID only a higher CSeq changes a binding.
fn is_older(asked: &Asked<'_>, contact: &Contact) -> bool {
    *contact.call_id == *asked.call_id && asked.cseq <= contact.cseq
}

/// Whether a phone listens where its contact URI says, as far as that can be told from outside: the URI does not name the client's
/// end of the connection the registration came by.
fn listens(contact: &Contact) -> bool {
    if contact.otherwise().is_none() {
        return false;
    }
    let uri = UriRef::parse(contact.uri.as_bytes()).ok();
    uri.and_then(|uri| uri.as_sip()).is_some_and(|sip| {
        sip.host().ip() == Some(contact.remote.ip()) && sip.port().unwrap_or(5060) != contact.remote.port()
    })
}

/// Best first: by preference, then the one registered last.
fn ranked<'c>(contacts: impl Iterator<Item = &'c Contact>) -> Vec<&'c Contact> {
    let mut contacts: Vec<_> = contacts.collect();
    contacts.sort_by(|a, b| b.q.cmp(&a.q).then(b.expires.cmp(&a.expires)).then(b.id.cmp(&a.id)));
    contacts
}
