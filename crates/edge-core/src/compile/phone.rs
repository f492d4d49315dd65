//! Phones, the accounts they register with, and the people who use them.

use std::collections::BTreeMap;
use std::sync::Arc;

use sip_trunk::auth::Secret;
use telco_model::Organization;
use telco_model::entity::{
    BaseSettings, DidTarget, LineIdentity, LineKeyFunction, Phone as Entity, PhoneCategory, RemoteAddress,
    State, User as UserEntity,
};
use telco_model::value::{E164, EdgeId, Extension, Name, PhoneId, SiteId, UserId};

use super::assignment::{Assignment, Role};
use super::issue::Issues;
use super::site::Place;

/// A phone, compiled.
#[derive(Debug)]
pub struct Phone {
    /// The phone in the model.
    pub id: PhoneId,
    /// Its name.
    pub name: Name,
    /// The site whose number plans rule what it dials.
    pub site: SiteId,
    /// Who uses it.
    pub user: Option<UserId>,
    /// How it is reached.
    pub reach: Reach,
    /// The edges it registers to.
    pub assignment: Assignment,
    /// What this edge is to it.
    pub role: Option<Role>,
    /// Codecs, DTMF and markings of its profile.
    pub settings: Arc<BaseSettings>,
    /// Where it stands: its own location, that of its user when it is remote, else that of its site.
    pub place: Option<Arc<Place>>,
    /// The numbers assigned to the phone itself, lowest first.
    pub numbers: Vec<E164>,
}

/// How a phone is reached.
#[derive(Debug, Clone)]
pub enum Reach {
    /// At the contacts it registers with this account.
    Registered(Arc<Account>),
    /// By a call to a number or a SIP address.
    Remote(RemoteAddress),
    /// Over its WebRTC session.
    Webrtc,
    /// Not at all: it has no account, or is inactive.
    Nowhere,
}

/// What a phone proves itself with, and the addresses of record it may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The phone it belongs to.
    pub phone: PhoneId,
    /// The user name of the digest, and the user part of the phone's own address of record.
    pub username: Box<str>,
    /// The password.
    pub password: Secret,
    /// The user parts it may register: the user name, and the numbers and extensions of its line keys.
    pub lines: Vec<Box<str>>,
    /// Whether a second edge belongs to it.
    pub has_secondary: bool,
}

/// A person, compiled.
#[derive(Debug)]
pub struct User {
    /// The person in the model.
    pub id: UserId,
    /// The name.
    pub name: Name,
    /// Extensions that can be dialled.
    pub extensions: Vec<Extension>,
    /// Numbers assigned to the person, lowest first.
    pub numbers: Vec<E164>,
    /// The person's phones, by id.
    pub phones: Vec<PhoneId>,
}

impl User {
    pub(super) fn compile(organization: &Organization, user: &UserEntity) -> Self {
        Self {
            id: user.id,
            name: user.name.clone(),
            extensions: user.extensions().map(|(extension, _)| extension).collect(),
            numbers: organization.dids_of(DidTarget::User(user.id)),
            phones: organization.phones_of_user(user.id).map(|phone| phone.id).collect(),
        }
    }
}

/// The phones of an organization and the accounts that prove them.
#[derive(Debug, Default)]
pub(super) struct Phones {
    pub(super) phones: BTreeMap<PhoneId, Arc<Phone>>,
    pub(super) accounts: BTreeMap<Box<str>, Arc<Account>>,
}

impl Phones {
    pub(super) fn compile(
        organization: &Organization,
        edge: EdgeId,
        realm: &str,
        issues: &mut Issues<'_>,
    ) -> Self {
        let mut all = Self::default();
        for entity in organization.phones() {
            let assignment = Assignment::of(organization, entity);
            let role = assignment.role(edge);
            let active = organization.meta(entity.id).is_some_and(|meta| meta.state == State::Active);
            let reach = if active {
                all.reach(organization, entity, assignment, realm, issues)
            } else {
                Reach::Nowhere
            };
            if active && matches!(reach, Reach::Nowhere) && role.is_some() {
                issues.error(
                    entity.id,
                    "digest",
                    "phone.no_account",
                    "it has no user name and password, so it cannot register; give it some",
                );
            }
            let Some(settings) = organization.base_settings(entity.base_settings) else { continue };
            let phone = Phone {
                id: entity.id,
                name: entity.name.clone(),
                site: entity.site,
                user: entity.user(),
                reach,
                assignment,
                role,
                settings: Arc::new(settings.clone()),
                place: place(organization, entity).map(Arc::new),
                numbers: organization.dids_of(DidTarget::Phone(entity.id)),
            };
            all.phones.insert(entity.id, Arc::new(phone));
        }
        all
    }

    fn reach(
        &mut self,
        organization: &Organization,
        phone: &Entity,
        assignment: Assignment,
        realm: &str,
        issues: &mut Issues<'_>,
    ) -> Reach {
        match &phone.category {
            PhoneCategory::Remote(remote) => Reach::Remote(remote.address.clone()),
            PhoneCategory::Webrtc(_) => Reach::Webrtc,
            PhoneCategory::Managed(_) | PhoneCategory::Unmanaged(_) => self
                .account(organization, phone, assignment, realm, issues)
                .map_or(Reach::Nowhere, Reach::Registered),
        }
    }

    fn account(
        &mut self,
        organization: &Organization,
        phone: &Entity,
        assignment: Assignment,
        realm: &str,
        issues: &mut Issues<'_>,
    ) -> Option<Arc<Account>> {
        let digest = phone.digest.as_ref()?;
        if digest.realm.as_ref().is_some_and(|wanted| wanted.as_str() != realm) {
            let why = format!("this edge challenges with realm {realm:?}; leave the realm out");
            issues.warn(phone.id, "digest.realm", "phone.realm", why);
        }
        let username: Box<str> = digest.username.as_str().into();
        if let Some(other) = self.accounts.get(&username) {
            let name = organization.phone(other.phone).map_or("another phone", |other| other.name.as_str());
            let why = format!("{name:?} has this user name already; give every phone its own");
            issues.error(phone.id, "digest.username", "phone.username_taken", why);
            return None;
        }
        let mut lines = vec![username.clone()];
        for key in &phone.line_keys {
            let line: Box<str> = match key.function {
                LineKeyFunction::Line(LineIdentity::Did(number)) => number.to_string().into(),
                LineKeyFunction::Line(LineIdentity::Extension(extension)) => extension.to_string().into(),
                LineKeyFunction::Line(LineIdentity::Own)
                | LineKeyFunction::SpeedDial(_)
                | LineKeyFunction::Blf(_) => continue,
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let account = Arc::new(Account {
            phone: phone.id,
            username: username.clone(),
            password: Secret::new(digest.password.expose().as_str()),
            lines,
            has_secondary: assignment.secondary.is_some(),
        });
        self.accounts.insert(username, account.clone());
        Some(account)
    }
}

fn place(organization: &Organization, phone: &Entity) -> Option<Place> {
    let of_user = || {
        // A remote phone is where its user is, not where the site is.
        let user = phone
            .user()
            .filter(|_| matches!(phone.category, PhoneCategory::Remote(_) | PhoneCategory::Webrtc(_)));
        organization.user(user?)?.location
    };
    let of_site = || organization.site(phone.site).map(|site| site.location);
    let location = phone.location.or_else(of_user).or_else(of_site)?;
    Place::resolve(organization, location)
}
