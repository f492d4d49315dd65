//! Putting legs where they belong: with the leg they are bridged with, or alone.

use std::time::Instant;

use media_rtp::relay::{Leg, LegId, Relay, RtcpMode, Unjoinable};
use media_rtp::wav;
use rand_chacha::rand_core::RngCore as _;

use super::call::{CallMedia, Place};
use super::command::MediaLeg;
use super::event::Notice;
use super::play::Voice;
use super::record::{Channel, Channels};
use super::room::{Room, Side, voice_for};

impl CallMedia {
    /// The room and the side a leg is on.
    pub(super) fn seat(&self, key: usize) -> Option<(usize, LegId)> {
        match self.members.get(key)?.as_ref()?.place {
            Place::In(room, side) => Some((room, side)),
            Place::Waiting | Place::Apart(_) => None,
        }
    }

    /// The seat of a leg that shares its room with nobody.
    pub(super) fn alone_in(&self, key: usize) -> Option<(usize, LegId)> {
        self.seat(key).filter(|(room, side)| self.rooms[*room].side(side.other()) == Side::Voice)
    }

    /// Moves a leg to where it belongs, if it is elsewhere.
    pub(super) fn settle(&mut self, key: usize, now: Instant) {
        let partner = self.partner(key);
        let wanted = partner.map_or(Side::Voice, Side::Leg);
        if self.seat(key).is_some_and(|(room, side)| self.rooms[room].side(side.other()) == wanted) {
            return;
        }
        let Some(leg) = self.unseat(key, now) else { return };
        match partner.and_then(|partner| Some((partner, self.unseat(partner, now)?))) {
            Some((partner, other)) => self.join([(key, leg), (partner, other)], now),
            None => self.leave_alone(key, leg, now),
        }
    }

    /// Whom a leg is to hear now: the leg it is bridged with, when both are connected and nothing plays to either.
    fn partner(&self, key: usize) -> Option<usize> {
        let free = |key: usize| {
            let member = self.members[key].as_ref()?;
            let connected = !matches!(member.place, Place::Waiting);
            (connected && member.playing.is_none()).then_some(member.peer)?
        };
        let partner = free(key)?;
        (free(partner)? == key).then_some(partner)
    }

    /// Takes a connected leg out of its room; whoever shared it is alone then.
    pub(super) fn unseat(&mut self, key: usize, now: Instant) -> Option<Leg> {
        if let Some((room, _)) = self.seat(key) {
            self.follow(room, now);
        }
        let member = self.members.get_mut(key)?.as_mut()?;
        match std::mem::replace(&mut member.place, Place::Waiting) {
            Place::Waiting => None,
            Place::Apart(leg) => Some(leg),
            Place::In(room, side) => {
                let room = self.rooms.remove(room);
                let other = room.side(side.other());
                let (a, b) = room.relay.part();
                let (mut mine, mut theirs) = match side {
                    LegId::A => (a, b),
                    LegId::B => (b, a),
                };
                mine.set_tap(None);
                if let Side::Leg(other) = other {
                    theirs.set_tap(None);
                    self.leave_alone(other, theirs, now);
                }
                Some(mine)
            }
        }
    }

    fn join(&mut self, [(a, leg_a), (b, leg_b)]: [(usize, Leg); 2], now: Instant) {
        match Relay::join(leg_a, leg_b, self.rtcp(), now) {
            Ok(relay) => self.open_room(relay, [Side::Leg(a), Side::Leg(b)]),
            Err(apart) => {
                let Unjoinable { error, a: leg_a, b: leg_b } = *apart;
                // Nobody tries again before the legs are negotiated or bridged anew.
                for key in [a, b] {
                    if let Some(member) = &mut self.members[key] {
                        member.peer = None;
                    }
                }
                self.leave_alone(a, leg_a, now);
                self.leave_alone(b, leg_b, now);
                self.tell(Notice::Failed { leg: Some(MediaLeg(a as u8)), cause: error.to_string() });
            }
        }
    }

    fn leave_alone(&mut self, key: usize, leg: Leg, now: Instant) {
        let session = &leg.config().session;
        let (ssrc, config) = (self.rng.next_u32(), voice_for(session));
        if let Some(member) = &mut self.members[key] {
            match member.voice.as_mut().filter(|voice| voice.suits(session)) {
                Some(voice) => voice.next = voice.next.max(now),
                None => member.voice = Some(Voice::new(session, ssrc, now)),
            }
        }
        let seed = self.seed();
        let voice = match Leg::new(config, None, seed, now) {
            Ok(voice) => voice,
            Err(error) => return self.strand(key, leg, &error.to_string()),
        };
        match Relay::join(leg, voice, self.rtcp(), now) {
            Ok(relay) => self.open_room(relay, [Side::Leg(key), Side::Voice]),
            Err(apart) => self.strand(key, apart.a, &apart.error.to_string()),
        }
    }

    /// Keeps a leg that not even silence can be sent to.
    fn strand(&mut self, key: usize, leg: Leg, cause: &str) {
        if let Some(member) = &mut self.members[key] {
            member.place = Place::Apart(leg);
        }
        self.tell(Notice::Failed { leg: Some(MediaLeg(key as u8)), cause: cause.to_owned() });
    }

    fn open_room(&mut self, relay: Relay, sides: [Side; 2]) {
        let room = self.rooms.insert(Room { relay, sides });
        for (id, side) in [LegId::A, LegId::B].into_iter().zip(sides) {
            if let Side::Leg(key) = side
                && let Some(member) = &mut self.members[key]
            {
                member.place = Place::In(room, id);
            }
        }
        self.place_taps(room);
    }

    /// Lets the recordings of both sides hear both sides.
    pub(super) fn place_taps(&mut self, room: usize) {
        let Some(Room { relay, sides }) = self.rooms.get_mut(room) else { return };
        for id in [LegId::A, LegId::B] {
            let formats = &relay.config(id).session.receive;
            let channel = |of: Side, side: wav::Leg| -> Option<Channel> {
                let Side::Leg(key) = of else { return None };
                Some(self.members[key].as_ref()?.recording.as_ref()?.channel(side, formats))
            };
            let own = channel(sides[id as usize], wav::Leg::Caller);
            let others = channel(sides[id.other() as usize], wav::Leg::Called);
            let channels: Vec<Channel> = own.into_iter().chain(others).collect();
            let tap = (!channels.is_empty()).then(|| Box::new(Channels(channels)) as Box<_>);
            relay.set_tap(id, tap);
        }
    }

    fn rtcp(&self) -> RtcpMode {
        RtcpMode::Terminate { interval: self.settings.reports }
    }
}
