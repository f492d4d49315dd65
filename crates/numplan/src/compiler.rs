//! Compiling the sites of an organization.

use std::collections::BTreeMap;
use std::sync::Arc;

use telco_model::Organization;
use telco_model::entity::{Match, Site};
use telco_model::value::{CallingCode, Name, SiteId};
use thiserror::Error;

use crate::expression::RegexFault;
use crate::plans::{Plan, Plans};
use crate::program::Program;
use crate::site::SitePlan;

/// Compiles sites one after another. Sites of one country whose number plans match alike share what these compile to, so a
/// thousand branches cost the time and memory of one.
///
/// ```
/// # use {numplan::Compiler, telco_model::Organization};
/// # let organization = Organization::default();
/// let mut compiler = Compiler::new(&organization);
/// let plans = organization.sites().map(|site| compiler.site(site.id)).collect::<Result<Vec<_>, _>>()?;
/// # Ok::<(), numplan::CompileError>(())
/// ```
#[derive(Debug)]
pub struct Compiler<'o> {
    organization: &'o Organization,
    /// By the country of the site, and what its plans match.
    programs: BTreeMap<(Option<CallingCode>, Vec<&'o Match>), Arc<Program>>,
}

/// Why a site cannot be compiled. Every plan at fault is named.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The organization has no such site.
    #[error("there is no site {0}")]
    UnknownSite(SiteId),
    /// Regular expressions that cannot run.
    #[error("{}", list(.0))]
    Expressions(Vec<(Name, RegexFault)>),
}

fn list(faults: &[(Name, RegexFault)]) -> String {
    faults.iter().map(|(plan, fault)| format!("number plan {plan}: {fault}")).collect::<Vec<_>>().join("; ")
}

impl<'o> Compiler<'o> {
    /// A compiler for the sites of an organization.
    pub fn new(organization: &'o Organization) -> Self {
        Self { organization, programs: BTreeMap::new() }
    }

    /// Compiles the number plans, routes and dial plan of a site.
    ///
    /// # Errors
    /// [`CompileError`] when the site is not there, or with every regular expression that cannot run.
    pub fn site(&mut self, site: SiteId) -> Result<SitePlan, CompileError> {
        let site = self.organization.site(site).ok_or(CompileError::UnknownSite(site))?;
        let plans = self.plans(site)?;
        Ok(SitePlan::new(self.organization, site, plans))
    }

    fn plans(&mut self, site: &'o Site) -> Result<Plans, CompileError> {
        let home = self.organization.country_of(site.id).and_then(|country| country.calling_code());
        let matches: Vec<&Match> = site.number_plans.iter().map(|plan| &plan.matches).collect();
        let key = (home, matches);
        let program = match self.programs.get(&key) {
            Some(program) => Arc::clone(program),
            None => {
                let name =
                    |(place, fault): (usize, RegexFault)| (site.number_plans[place].name.clone(), fault);
                let compiled = Program::compile(&key.1, home)
                    .map_err(|faults| CompileError::Expressions(faults.into_iter().map(name).collect()))?;
                Arc::clone(self.programs.entry(key).or_insert(Arc::new(compiled)))
            }
        };
        let plans = site.number_plans.iter().map(|plan| Plan {
            id: plan.id,
            name: plan.name.clone(),
            classification: plan.classification.clone(),
        });
        Ok(Plans::new(plans.collect(), program))
    }
}
