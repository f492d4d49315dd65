//! What the protocol crates are told about trunks and phones: the one place where the model's words become theirs.

use std::net::IpAddr;
use std::time::Duration;

use media_rtp::sdp::offer_answer::{Codec, DynamicPayloadType, SrtpPolicy};
use sip_trunk::auth::Secret;
use sip_trunk::header::{UuiFormat, UuiHeader};
use sip_trunk::registration::{Account, Registrar, RegistrationConfig};
use sip_trunk::transport::{Network, Rate, Transport};
use sip_trunk::trunk::{
    Access, Assertion, Codes, Identity, Inbound, Protocol, RequestUri, Retry, Server, Tgrp, TrunkConfig,
    TrunkId, TrunkLimits,
};
use telco_model::entity;
use telco_model::value;

use super::{Phone, Runtime, Trunk};
use crate::media::{DtmfMethod, LegProfile, MediaSettings};
use crate::route::Origin;

impl Trunk {
    /// The name the trunk has in `sip-trunk`: its id, folded to 64 bits.
    pub fn key(&self) -> TrunkId {
        key(self.settings.id)
    }

    /// Whether its signalling is encrypted, so that SRTP keys may travel in it.
    pub fn is_secure(&self) -> bool {
        self.settings.transport == entity::Transport::Tls
    }

    /// What `sip-trunk` runs it with.
    pub fn config(&self) -> TrunkConfig {
        let settings = &self.settings;
        let identity = &settings.identity;
        TrunkConfig {
            in_service: settings.in_service,
            transport: transport(settings.transport),
            termination: settings.termination.as_ref().map(ToString::to_string),
            servers: settings
                .servers
                .iter()
                .map(|server| Server { host: server.host.to_string(), port: server.port })
                .collect(),
            request_uri: RequestUri {
                host: settings.request_uri.host.as_ref().map(ToString::to_string),
                tgrp: settings
                    .request_uri
                    .tgrp
                    .as_ref()
                    .map(|tgrp| Tgrp { group: tgrp.group.to_string(), context: tgrp.context.to_string() }),
            },
            inbound: Inbound {
                by_number: settings.inbound.by_number,
                header: settings.inbound.header.as_ref().map(|name| name.as_str().to_owned()),
            },
            digest: settings.digest.as_ref().map(|digest| Account {
                username: digest.username.to_string(),
                password: Secret::new(digest.password.expose()),
                realm: digest.realm.as_ref().map(ToString::to_string),
            }),
            registrations: settings.registration.iter().map(registration).collect(),
            access: access(&settings.access),
            // Numbers are written by `numplan` before they get here.
            identity: Identity {
                caller_address: identity.caller_address.map(|number| number.to_string()),
                caller_name: identity.caller_name.as_ref().map(ToString::to_string),
                calling_omit_plus: identity.calling.omit_plus,
                called_omit_plus: identity.called.omit_plus,
                domain: None,
                assertion: Assertion::default(),
            },
            protocol: protocol(&settings.protocol),
            limits: TrunkLimits {
                calls: settings.max_calls,
                call_rate: settings
                    .max_calls_per_second
                    .map(|events| Rate { events: events.into(), per: Duration::from_secs(1) }),
                registration_rate: None,
            },
            numbers: settings
                .numbers
                .iter()
                .filter_map(|range| format!("{}-{}", range.start(), range.end()).parse().ok())
                .collect(),
            ..TrunkConfig::new(self.key(), settings.name.to_string())
        }
    }

    /// What its peers are offered.
    pub fn profile(&self) -> LegProfile {
        let media = &self.settings.media;
        LegProfile {
            codecs: codecs(&media.codecs),
            dtmf: dtmf(media.dtmf, media.dtmf_payload),
            srtp: match media.srtp {
                entity::SrtpPolicy::Off => SrtpPolicy::Off,
                entity::SrtpPolicy::Negotiated => SrtpPolicy::Optional,
                entity::SrtpPolicy::Required => SrtpPolicy::Required,
            },
            pool: self.pool,
            ..LegProfile::default()
        }
    }

    /// User-to-user data as this trunk writes it: header and value. `None` when it passes none on.
    pub fn written_user_data(&self, data: &[u8]) -> Option<(String, String)> {
        let (name, value) = format(&self.settings.protocol.uui?).encode(data).ok()?;
        Some((name.to_string(), value))
    }
}

impl Runtime {
    /// The configuration of every trunk this edge runs.
    pub fn trunk_configs(&self) -> Vec<TrunkConfig> {
        let here =
            self.trunks.values().filter(|trunk| trunk.runs_here() && trunk.settings.kind.is_external());
        here.map(|trunk| trunk.config()).collect()
    }

    /// Where the peers of the trunks are, as far as the configuration says so in addresses, and the networks it lists for phones. A
    /// list that lets everybody in makes nobody a peer.
    pub fn peer_networks(&self) -> Vec<Network> {
        let here = || self.trunks.values().filter(|trunk| trunk.runs_here()).map(|trunk| &trunk.settings);
        let servers = here().flat_map(|trunk| &trunk.servers).map(|server| server.host.to_string());
        let registrars = here().filter_map(|trunk| Some(trunk.registration.as_ref()?.registrar.to_string()));
        let listed = here().flat_map(|trunk| &trunk.access.allow).filter(|block| !block.is_everything());
        let neighbours = self.neighbours.keys().filter_map(|edge| self.neighbour_address(*edge));
        let all = servers
            .chain(registrars)
            .chain(listed.map(ToString::to_string))
            .chain(neighbours.map(|address| address.to_string()));
        // Names are no addresses yet; their servers are known when they have been resolved.
        all.filter_map(|text| text.trim_matches(['[', ']']).parse().ok()).collect()
    }

    /// The networks its trunk lists for phones. A list that lets everybody in names none.
    pub fn phone_networks(&self) -> Vec<Network> {
        let listed = self.phone_trunk().into_iter().flat_map(|trunk| &trunk.settings.access.allow);
        let listed = listed.filter(|block| !block.is_everything());
        listed.filter_map(|block| block.to_string().parse().ok()).collect()
    }

    /// Where another edge of the group is reached: at its first address, else at its public one.
    pub fn neighbour_address(&self, edge: value::EdgeId) -> Option<IpAddr> {
        let interfaces = &self.neighbours.get(&edge)?.interfaces;
        let own = interfaces.iter().find_map(|interface| interface.addresses.first());
        own.or_else(|| interfaces.iter().find_map(|interface| interface.public_address.as_ref())).copied()
    }

    /// The other edge of the group that has an address. A public address counts only for an edge that has no other: whoever is
    /// behind the same translator has it too.
    pub fn neighbour_at(&self, address: IpAddr) -> Option<value::EdgeId> {
        let has = |edge: &entity::Edge| {
            edge.interfaces.iter().any(|interface| {
                interface.addresses.contains(&address)
                    || interface.addresses.is_empty() && interface.public_address == Some(address)
            })
        };
        self.neighbours.values().find(|edge| has(edge)).map(|edge| edge.id)
    }

    /// The trunk `sip-trunk` knows by this key.
    pub fn trunk_of_key(&self, wanted: TrunkId) -> Option<&std::sync::Arc<Trunk>> {
        self.trunks.values().find(|trunk| trunk.key() == wanted)
    }

    /// The key of a trunk this edge runs.
    pub fn trunk_key(&self, id: value::TrunkId) -> Option<TrunkId> {
        self.trunks.get(&id).filter(|trunk| trunk.runs_here()).map(|trunk| trunk.key())
    }

    /// Domains under which termination identifiers are hosts.
    pub fn termination_domains(&self) -> Vec<String> {
        self.organization
            .settings()
            .map(|settings| format!("byoc.{}", settings.region_domain))
            .into_iter()
            .collect()
    }

    /// What a caller is answered with.
    pub fn profile_of(&self, origin: &Origin) -> LegProfile {
        match origin {
            Origin::Phone(phone) => self.profile_of_phone(phone),
            Origin::Trunk(trunk) => trunk.profile(),
        }
    }

    /// What a phone is offered: the codecs and digits of its profile, the encryption of the phone trunk.
    pub fn profile_of_phone(&self, phone: &Phone) -> LegProfile {
        let of_trunk = self.phone_trunk().map(|trunk| trunk.profile()).unwrap_or_default();
        LegProfile {
            codecs: codecs(&phone.settings.codecs),
            dtmf: dtmf(phone.settings.dtmf, phone.settings.dtmf_payload),
            ..of_trunk
        }
    }

    /// What holds for the media of a whole call.
    pub fn media_settings(&self, origin: &Origin) -> MediaSettings {
        let country = origin.site(self).and_then(|site| self.organization.country_of(site.id));
        match country {
            Some(country) => MediaSettings { country: country.to_string(), ..MediaSettings::default() },
            None => MediaSettings::default(),
        }
    }
}

fn key(id: value::TrunkId) -> TrunkId {
    let id = id.as_u128();
    TrunkId((id >> 64) as u64 ^ id as u64)
}

fn transport(transport: entity::Transport) -> Transport {
    match transport {
        entity::Transport::Udp => Transport::Udp,
        entity::Transport::Tcp => Transport::Tcp,
        entity::Transport::Tls => Transport::Tls,
    }
}

fn registration(registration: &entity::Registration) -> RegistrationConfig {
    let registrar = Registrar {
        host: registration.registrar.to_string(),
        port: registration.port,
        transport: transport(registration.transport),
    };
    RegistrationConfig {
        account: Some(Account {
            username: registration.username.to_string(),
            password: Secret::new(registration.password.expose()),
            realm: None,
        }),
        expires: Duration::from_secs(registration.expires.into()),
        ..RegistrationConfig::new(registrar, registration.uri.to_string())
    }
}

fn access(access: &entity::SipAccess) -> Access {
    let networks = |blocks: &[value::IpPrefix]| {
        blocks.iter().filter_map(|block| block.to_string().parse::<Network>().ok()).collect()
    };
    Access { allow: networks(&access.allow), deny: networks(&access.deny), ..Access::default() }
}

fn protocol(protocol: &entity::Protocol) -> Protocol {
    let codes = |ranges: &[entity::CodeRange]| -> Codes {
        ranges.iter().map(|range| (range.first(), range.last())).collect()
    };
    Protocol {
        conversation_headers: protocol.conversation_headers,
        uui: protocol.uui.as_ref().map(format),
        custom_headers: protocol
            .custom_headers
            .iter()
            .map(|header| (header.name.as_str().to_owned(), header.value.to_string()))
            .collect(),
        // The trunk a call comes in by decides: only calls of a PBX have words of their own to pass on.
        pbx_passthrough: true,
        release_link_transfer: protocol.release_link_transfer,
        take_back_and_transfer: protocol.take_back_and_transfer,
        retry: Retry { codes: codes(&protocol.retry.codes), causes: codes(&protocol.retry.causes) },
    }
}

fn format(uui: &entity::UuiSettings) -> UuiFormat {
    UuiFormat {
        header: match uui.header {
            entity::UuiHeader::UserToUser => UuiHeader::UserToUser,
            entity::UuiHeader::UserToUserPd => UuiHeader::UserToUserWithPd,
            entity::UuiHeader::XUserToUser => UuiHeader::XUserToUser,
        },
        ascii: uui.encoding == entity::UuiEncoding::Ascii,
        discriminator: uui.discriminator,
    }
}

/// Codecs this build can pass on; what it does not know is left out, and G.711 stands in for an empty list.
fn codecs(codecs: &[entity::Codec]) -> Vec<Codec> {
    let name = |codec: &entity::Codec| match codec {
        entity::Codec::Opus => "audio/opus",
        entity::Codec::Pcmu => "audio/PCMU",
        entity::Codec::Pcma => "audio/PCMA",
        entity::Codec::G722 => "audio/G722",
        entity::Codec::G729 => "audio/G729",
    };
    let known: Vec<Codec> = codecs.iter().filter_map(|codec| Codec::from_mime(name(codec)).ok()).collect();
    if known.is_empty() { LegProfile::default().codecs } else { known }
}

fn dtmf(method: entity::DtmfMethod, payload_type: u8) -> DtmfMethod {
    match method {
        entity::DtmfMethod::RtpEvents => DynamicPayloadType::try_from(payload_type)
            .map_or_else(|_| DtmfMethod::default(), DtmfMethod::RtpEvents),
        entity::DtmfMethod::InBand | entity::DtmfMethod::None => DtmfMethod::InBand,
    }
}
