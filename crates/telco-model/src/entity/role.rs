//! Roles, permissions and programs that act.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Entity, EntityKind, Sink};
use crate::value::{InvalidValue, Name, RoleId, Text, text_form};

/// A set of permissions, granted to users and OAuth clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Identifies the role.
    pub id: RoleId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
}

impl Entity for Role {
    fn references(&self, _: &mut Sink<'_>) {}
}

/// A permission. Text form: `telephony:plugin:all`; the form of the admin pages, `Telephony > Plugin > All`, is read
/// too, with its aliases (`docs/spec/conflicts.md`, K9).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    domain: Box<str>,
    subject: Box<str>,
    action: Box<str>,
}

/// What someone wants to do with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Look at it.
    View,
    /// Make one.
    Add,
    /// Change it.
    Edit,
    /// Remove it.
    Delete,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Action::View => "view",
            Action::Add => "add",
            Action::Edit => "edit",
            Action::Delete => "delete",
        }
    }
}

impl Permission {
    /// Everything in telephony administration, division-scoped extension pools excepted.
    pub fn telephony_all() -> Self {
        Permission::new("telephony", "plugin", "all")
    }

    /// The particular permission an action on an entity needs; [`Permission::allows`] knows what else suffices.
    pub fn needed(kind: EntityKind, action: Action) -> Self {
        let (domain, subject) = subject_of(kind);
        Permission::new(domain, subject, action.word())
    }

    /// Whether having this permission allows what `needed` asks for.
    pub fn allows(&self, needed: &Permission) -> bool {
        if self.domain != needed.domain {
            return false;
        }
        if &*self.subject == "plugin" && &*self.action == "all" {
            return &*needed.subject != "extensionPool";
        }
        (self.subject == needed.subject || &*self.subject == "*")
            && (self.action == needed.action || matches!(&*self.action, "all" | "*"))
    }

    fn new(domain: &str, subject: &str, action: &str) -> Self {
        Permission { domain: domain.into(), subject: subject.into(), action: action.into() }
    }
}

fn subject_of(kind: EntityKind) -> (&'static str, &'static str) {
    match kind {
        EntityKind::Organization => ("telephony", "organization"),
        EntityKind::Division => ("authorization", "division"),
        EntityKind::Role => ("authorization", "role"),
        EntityKind::OAuthClient => ("oauth", "client"),
        EntityKind::User => ("directory", "user"),
        EntityKind::Location => ("directory", "location"),
        EntityKind::Site | EntityKind::OutboundRoute | EntityKind::DialPlan => ("telephony", "sites"),
        EntityKind::Trunk | EntityKind::TrunkGroup => ("telephony", "sipTrunk"),
        EntityKind::CertificateAuthority => ("telephony", "certificateAuthority"),
        EntityKind::Edge | EntityKind::EdgeGroup => ("telephony", "edge"),
        EntityKind::DidRange | EntityKind::DidAssignment => ("telephony", "did"),
        EntityKind::ExtensionPool => ("telephony", "extensionPool"),
        EntityKind::CallFlow | EntityKind::InboundRoute => ("routing", "callRoute"),
        EntityKind::BaseSettings | EntityKind::Phone => ("telephony", "sitesManagedPhones"),
    }
}

impl FromStr for Permission {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const BAD: InvalidValue =
            InvalidValue::new("permission", "must be domain:subject:action, such as telephony:plugin:all");
        let words: Vec<&str> =
            text.split(if text.contains('>') { '>' } else { ':' }).map(str::trim).collect();
        let [domain, subject, action] = words[..] else { return Err(BAD) };
        let word = |text: &str| {
            text == "*" || (1..=48).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !(word(domain) && word(subject) && word(action)) || domain == "*" {
            return Err(BAD);
        }
        let subject = camel(subject);
        let subject = match (domain.to_ascii_lowercase().as_str(), subject.as_str()) {
            ("telephony", "trunk" | "trunks" | "sipTrunks") => "sipTrunk".to_owned(),
            ("telephony", "extensions" | "extensionPools") => "extensionPool".to_owned(),
            ("telephony", "site") => "sites".to_owned(),
            _ => subject,
        };
        Ok(Permission::new(&domain.to_ascii_lowercase(), &subject, &camel(action)))
    }
}

/// `SipTrunk` is `sipTrunk`.
fn camel(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.domain, self.subject, self.action)
    }
}

text_form!(Permission);

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(text: &str) -> Permission {
        text.parse().unwrap()
    }

    #[test]
    fn the_names_of_the_pages_are_the_names_of_the_api() {
        for (page, api) in [
            ("Telephony > Plugin > All", "telephony:plugin:all"),
            ("Telephony > Trunk > Edit", "telephony:sipTrunk:edit"),
            ("Telephony > SipTrunk > View", "telephony:sipTrunk:view"),
            ("Telephony > Extensions > Add", "telephony:extensionPool:add"),
            ("Telephony > SitesManagedPhones > *", "telephony:sitesManagedPhones:*"),
        ] {
            assert_eq!(permission(page).to_string(), api);
        }
        for bad in ["", "telephony", "telephony:plugin", "*:*:*", "a:b:c:d", "a:b c:d"] {
            assert!(bad.parse::<Permission>().is_err(), "{bad}");
        }
    }

    #[test]
    fn telephony_all_covers_everything_but_extension_pools() {
        let all = Permission::telephony_all();
        assert!(all.allows(&Permission::needed(EntityKind::Trunk, Action::Delete)));
        assert!(!all.allows(&Permission::needed(EntityKind::ExtensionPool, Action::View)));
        assert!(!all.allows(&Permission::needed(EntityKind::Role, Action::Edit)));
        let phones = permission("Telephony > SitesManagedPhones > *");
        assert!(phones.allows(&Permission::needed(EntityKind::Phone, Action::Add)));
        assert!(!phones.allows(&Permission::needed(EntityKind::Trunk, Action::View)));
    }
}
