//! Advice: what is allowed, but should be known.

mod facts;
mod issues;
mod naming;

pub use facts::{
    Coexistence, DEPRECATIONS, Deprecation, OptionFacts, QUICK_REFERENCE, QuickFact, Scenario, coexistence,
    recommend,
};
pub use issues::{Issue, Severity};
pub use naming::{NamePattern, Unconventional};
