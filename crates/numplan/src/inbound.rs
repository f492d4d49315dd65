//! Calls that come in: who owns the called number, and who has an extension.

use jiff::Timestamp;
use telco_model::Organization;
use telco_model::entity::{DidTarget, ExtensionAssignment, Propagation};
use telco_model::value::{CallFlowId, E164, Extension, InboundRouteId, Name, NumberKind, UserId};

/// Where a call to a number of the organization goes, with what was considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundDecision {
    /// The called number.
    pub number: E164,
    /// Geographic or toll-free; the workflow is the same.
    pub kind: NumberKind,
    /// Enabled inbound rules of the number, first priority first. The first one decides.
    pub rules: Vec<InboundRule>,
    /// Who the number is assigned to.
    pub owner: Option<DidTarget>,
    /// Where the call goes: by the first rule, else to the owner.
    pub target: Result<DidTarget, InboundMiss>,
}

/// An inbound rule that names the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundRule {
    /// The rule.
    pub id: InboundRouteId,
    /// Its name.
    pub name: Name,
    /// 1 is first.
    pub priority: u16,
    /// Where it leads.
    pub call_flow: CallFlowId,
}

/// Why a called number leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InboundMiss {
    /// The number is in no range of the organization.
    #[error("the number is in no DID range, create or import the range first")]
    NotInInventory,
    /// The number is in a range and belongs to nobody.
    #[error("the number is assigned to nobody, assign it to a person, a phone or a call flow")]
    Unassigned,
}

/// Resolves a called number: the inbound rule with the lowest priority value, whichever trunk the call came by (BYOC guide, edge
/// case 4), else the owner of the number.
pub fn resolve_inbound(organization: &Organization, number: E164) -> InboundDecision {
    let rules: Vec<InboundRule> = organization
        .inbound_routes_for(number)
        .map(|rule| InboundRule {
            id: rule.id,
            name: rule.name.clone(),
            priority: rule.priority,
            call_flow: rule.call_flow,
        })
        .collect();
    let owner = organization.did_owner(number);
    let by_rule = rules.first().map(|rule| DidTarget::CallFlow(rule.call_flow));
    let target = by_rule.or(owner).ok_or_else(|| {
        let known = organization.did_ranges().any(|range| range.numbers.contains(number));
        if known { InboundMiss::Unassigned } else { InboundMiss::NotInInventory }
    });
    InboundDecision { number, kind: number.kind(), rules, owner, target }
}

/// What an extension leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionDecision {
    /// A user who can be dialled.
    Active(UserId),
    /// A user whose extension Dial By Extension may not know yet; it does at the given time.
    Pending {
        /// The user.
        user: UserId,
        /// When the extension is certainly known.
        active_at: Timestamp,
    },
    /// The extension is in a pool and belongs to nobody.
    Unassigned,
    /// No pool has the extension.
    NotInPool,
}

/// Looks an extension up in the directory. `None` when the digits cannot be an extension.
pub fn resolve_extension(
    organization: &Organization,
    digits: &str,
    now: Timestamp,
) -> Option<ExtensionDecision> {
    let extension: Extension = digits.parse().ok()?;
    let Some(user) = organization.extension_owner(extension) else {
        let pooled = organization.extension_pools().any(|pool| pool.contains(extension));
        return Some(if pooled { ExtensionDecision::Unassigned } else { ExtensionDecision::NotInPool });
    };
    let assigned = user.extensions().find(|(own, _)| *own == extension).and_then(|(_, entry)| entry.assigned);
    let propagation =
        assigned.map(|assigned| ExtensionAssignment { extension, user: user.id, assigned }.propagation(now));
    Some(match propagation {
        Some(Propagation::Pending(active_at)) => ExtensionDecision::Pending { user: user.id, active_at },
        Some(Propagation::Active) | None => ExtensionDecision::Active(user.id),
    })
}
