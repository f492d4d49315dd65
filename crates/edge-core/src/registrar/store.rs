//! Contacts by name, by address of record, by phone and by time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use sip_trunk::transport::Path;
use telco_model::value::PhoneId;

use super::contact::{Contact, ContactId};

/// All contacts. The five indexes say the same thing; only this module writes them.
#[derive(Debug, Default)]
pub(super) struct Store {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_aor: BTreeMap<Arc<str>, Vec<ContactId>>,
    by_phone: BTreeSet<(PhoneId, ContactId)>,
    by_time: BTreeSet<(Instant, ContactId)>,
    /// Connections only: a datagram path cannot be lost.
    by_flow: BTreeSet<(Path, ContactId)>,
    len: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    contact: Option<Box<Contact>>,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, id: ContactId) -> Option<&Contact> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.contact.as_deref()
    }

    /// The shared text of an address of record.
    pub(super) fn aor(&self, aor: &str) -> Arc<str> {
        self.by_aor.get_key_value(aor).map_or_else(|| aor.into(), |(known, _)| known.clone())
    }

    /// The contacts of an address of record, oldest first.
    pub(super) fn of_aor(&self, aor: &str) -> impl Iterator<Item = &Contact> + '_ {
        self.by_aor.get(aor).into_iter().flatten().filter_map(|id| self.get(*id))
    }

    /// The contacts of a phone.
    pub(super) fn of_phone(&self, phone: PhoneId) -> impl Iterator<Item = &Contact> + '_ {
        let first = ContactId { slot: 0, generation: 0 };
        let range = self.by_phone.range((phone, first)..);
        range.take_while(move |(of, _)| *of == phone).filter_map(|(_, id)| self.get(*id))
    }

    /// The contacts on a connection.
    pub(super) fn on_flow(&self, flow: Path) -> impl Iterator<Item = &Contact> + '_ {
        let first = ContactId { slot: 0, generation: 0 };
        let range = self.by_flow.range((flow, first)..);
        range.take_while(move |(path, _)| *path == flow).filter_map(|(_, id)| self.get(*id))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Contact> + '_ {
        self.by_aor.values().flatten().filter_map(|id| self.get(*id))
    }

    /// Stores a contact under a name of its own, which replaces the one in it.
    pub(super) fn insert(&mut self, mut contact: Contact) -> ContactId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, contact: None });
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        let id = ContactId { slot, generation: entry.generation };
        contact.id = id;
        self.by_phone.insert((contact.phone(), id));
        self.by_time.insert((contact.expires, id));
        if let Some(flow) = connection(&contact) {
            self.by_flow.insert((flow, id));
        }
        let known = self.by_aor.entry(contact.aor.clone()).or_insert_with(|| Vec::with_capacity(1));
        known.push(id);
        entry.contact = Some(Box::new(contact));
        self.len += 1;
        id
    }

    /// Changes a contact in place; its time and its account are looked at again.
    pub(super) fn change(&mut self, id: ContactId, change: impl FnOnce(&mut Contact)) {
        let Some(slot) = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)
        else {
            return;
        };
        let Some(contact) = slot.contact.as_deref_mut() else { return };
        let (before, phone, flow) = (contact.expires, contact.phone(), connection(contact));
        change(contact);
        contact.id = id;
        if connection(contact) != flow {
            flow.map(|flow| self.by_flow.remove(&(flow, id)));
            connection(contact).map(|flow| self.by_flow.insert((flow, id)));
        }
        if contact.expires != before {
            self.by_time.remove(&(before, id));
            self.by_time.insert((contact.expires, id));
        }
        if contact.phone() != phone {
            self.by_phone.remove(&(phone, id));
            self.by_phone.insert((contact.phone(), id));
        }
    }

    pub(super) fn remove(&mut self, id: ContactId) -> Option<Contact> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        let contact = *slot.contact.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        self.by_phone.remove(&(contact.phone(), id));
        self.by_time.remove(&(contact.expires, id));
        if let Some(flow) = connection(&contact) {
            self.by_flow.remove(&(flow, id));
        }
        if let Some(ids) = self.by_aor.get_mut(&contact.aor) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_aor.remove(&contact.aor);
            }
        }
        self.len -= 1;
        Some(contact)
    }

    /// A contact whose time has come.
    pub(super) fn due(&self, now: Instant) -> Option<ContactId> {
        self.by_time.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// When the next contact ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

fn connection(contact: &Contact) -> Option<Path> {
    contact.flow.filter(Path::is_reliable)
}
