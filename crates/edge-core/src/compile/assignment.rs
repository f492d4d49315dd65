//! Which edge a phone registers to first, and which one it falls back to.

use telco_model::Organization;
use telco_model::entity::{Edge, Phone, PhoneCategory};
use telco_model::value::{EdgeId, PhoneId, SiteId};

/// The edges of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The edge it registers to first.
    pub primary: Option<EdgeId>,
    /// The edge it falls back to, and keeps a registration at when it can.
    pub secondary: Option<EdgeId>,
}

/// What an edge is to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The edge it registers to first.
    Primary,
    /// The edge it falls back to.
    Secondary,
}

impl Assignment {
    /// The edges of a phone: those it names, else edges of its site's primary and secondary sites.
    ///
    /// The choice is spread in proportion to the calls each edge can carry and moves only the phones of an edge that comes or goes
    /// (weighted rendezvous hashing), so every edge and the phone's provisioning reach the same answer without asking.
    pub fn of(organization: &Organization, phone: &Phone) -> Self {
        if matches!(phone.category, PhoneCategory::Webrtc(_) | PhoneCategory::Remote(_)) {
            return Self::default();
        }
        let (first, fallback) = organization
            .site(phone.site)
            .map(|site| (site.primary_sites.as_slice(), site.secondary_sites.as_slice()))
            .unwrap_or_default();
        let home = [phone.site];
        let first = if first.is_empty() { &home } else { first };
        let primary = phone.primary_edge.or_else(|| choose(organization, first, phone.id, None));
        let secondary = phone.secondary_edge.or_else(|| {
            // The generic profile of an unmanaged phone knows one registrar; a second one is for an administrator to enter.
            matches!(phone.category, PhoneCategory::Managed(_))
                .then(|| {
                    choose(organization, fallback, phone.id, primary)
                        .or_else(|| choose(organization, first, phone.id, primary))
                })
                .flatten()
        });
        Self { primary, secondary }
    }

    /// What an edge is to the phone; `None` when it is nothing.
    pub fn role(self, edge: EdgeId) -> Option<Role> {
        if self.primary == Some(edge) {
            Some(Role::Primary)
        } else {
            (self.secondary == Some(edge)).then_some(Role::Secondary)
        }
    }
}

fn choose(
    organization: &Organization,
    sites: &[SiteId],
    phone: PhoneId,
    except: Option<EdgeId>,
) -> Option<EdgeId> {
    let edges = organization
        .edges()
        .filter(|edge| edge.in_service && sites.contains(&edge.site) && Some(edge.id) != except);
    edges.max_by(|a, b| score(a, phone).total_cmp(&score(b, phone))).map(|edge| edge.id)
}

/// Weight over minus the logarithm of a uniform hash: the greatest score wins, each edge in proportion to its weight.
fn score(edge: &Edge, phone: PhoneId) -> f64 {
    let hash = mix(edge.id.as_u128() ^ phone.as_u128().rotate_left(64));
    // 53 random bits, never 0 and never 1.
    let uniform = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    f64::from(edge.capacity.calls) / -uniform.ln()
}

/// Both halves through the finaliser of SplitMix64; ids may be labels or counters, so they are no random bits yet.
fn mix(value: u128) -> u64 {
    let step = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    step(step((value >> 64) as u64).wrapping_add(value as u64).wrapping_add(0x9e37_79b9_7f4a_7c15))
}
