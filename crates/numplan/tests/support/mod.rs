//! Reads number plans written as text and makes an organization of them. The format is explained in `tests/data/README.md`.

#![allow(clippy::unwrap_used, dead_code, reason = "a panic is how a test fails; each test uses a part")]

use jiff::Timestamp;
use serde_json::{Value, json};
use telco_model::Organization;
use telco_model::entity::{AnyEntity, NumberPlan, Problem};
use telco_model::value::{CountryCode, SiteId};

/// A site written as text, and what should happen when its people dial.
pub(crate) struct Sheet {
    pub(crate) organization: Organization,
    pub(crate) site: SiteId,
    pub(crate) cases: Vec<Case>,
}

/// One `dial` line.
pub(crate) struct Case {
    pub(crate) line: usize,
    pub(crate) dialled: String,
    pub(crate) classification: String,
    pub(crate) address: String,
    pub(crate) route: String,
    /// Words the explanation must contain.
    pub(crate) because: Option<String>,
}

impl Sheet {
    pub(crate) fn read(text: &str) -> Self {
        Self::try_read(text).unwrap()
    }

    /// The sheet, or what the model says against it.
    pub(crate) fn try_read(text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap().trim();
            if !line.is_empty() && !line.starts_with('#') {
                reader.line(line, number + 1);
            }
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    country: String,
    plans: Vec<Value>,
    routes: Vec<Value>,
    trunks: Vec<String>,
    settings: Vec<(String, Vec<String>)>,
    groups: Vec<Value>,
    patterns: Vec<Value>,
    engine: &'static str,
    cases: Vec<Case>,
}

impl Reader {
    fn line(&mut self, line: &str, number: usize) {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "country" => self.country = rest.to_owned(),
            "defaults" => {
                let country: CountryCode = self.country.parse().unwrap();
                self.plans.extend(
                    NumberPlan::defaults(site(), country)
                        .iter()
                        .map(|plan| serde_json::to_value(plan).unwrap()),
                );
            }
            "plan" => self.plan(rest),
            "route" => self.route(rest),
            "trunk" => {
                let mut words = rest.split_whitespace().map(str::to_owned);
                let name = words.next().unwrap();
                self.settings.push((name, words.collect()));
            }
            "group" => {
                let (name, members) = rest.split_once('=').unwrap();
                let members: Vec<Value> = list(members)
                    .zip(1..)
                    .map(|(trunk, priority)| json!({ "trunk": self.trunk(trunk), "priority": priority }))
                    .collect();
                self.groups.push(json!({ "id": id(name), "name": name.trim(), "members": members }));
            }
            "pattern" => {
                let words: Vec<_> = rest.split_whitespace().collect();
                let [pattern, group, priority] = words[..] else {
                    panic!("line {number}: pattern, group, priority")
                };
                self.patterns.push(json!({
                    "pattern": pattern, "trunk_group": id(group), "priority": priority.parse::<u16>().unwrap()
                }));
                self.engine = "dial_plan";
            }
            "dial" => self.dial(rest, number),
            other => panic!("line {number}: unknown word {other}"),
        }
    }

    /// `Name  kind parameters -> Classification`
    fn plan(&mut self, text: &str) {
        let (left, classification) = text.rsplit_once(" -> ").unwrap();
        let (name, matcher) = left.split_once("  ").unwrap();
        let matcher = matcher.trim();
        let (kind, rest) = matcher.split_once(' ').unwrap_or((matcher, ""));
        let matches = match kind {
            "list" => json!({ "number_list": list(rest).collect::<Vec<_>>() }),
            "e164" => json!({ "e164_number_list": list(rest).collect::<Vec<_>>() }),
            "length" => {
                let (from, to) = rest.split_once('-').unwrap_or((rest, rest));
                json!({ "digit_length": { "from": from.parse::<u8>().unwrap(), "to": to.parse::<u8>().unwrap() } })
            }
            "inter" => {
                let codes: Vec<u16> =
                    list(rest).filter(|code| *code != "any").map(|code| code[1..].parse().unwrap()).collect();
                json!({ "inter_country_code": codes })
            }
            "intra" => {
                let (code, length) = rest.split_once(" length ").unwrap();
                json!({ "intra_country_code": {
                    "country": code[1..].parse::<u16>().unwrap(), "national_length": length.parse::<u8>().unwrap()
                } })
            }
            "regex" => {
                let (pattern, normalized) = rest.split_once(" => ").unwrap_or((rest, ""));
                json!({ "regex": { "pattern": pattern, "normalized": normalized } })
            }
            other => panic!("unknown plan kind {other}"),
        };
        self.plans.push(json!({
            "id": id(name), "name": name, "match": matches, "classification": classification.trim()
        }));
    }

    /// `Name [off] [random] [acknowledged]  Class, Class -> Trunk, Trunk`, or `-> group Name`
    fn route(&mut self, text: &str) {
        let (left, target) = text.split_once(" -> ").unwrap();
        let (name, classifications) = left.split_once("  ").unwrap();
        let mut words: Vec<_> = name.split_whitespace().collect();
        let off = words.contains(&"off");
        let random = words.contains(&"random");
        let acknowledged = words.contains(&"acknowledged");
        words.retain(|word| !["off", "random", "acknowledged"].contains(word));
        let name = words.join(" ");
        let target = match target.trim().strip_prefix("group ") {
            Some(group) => json!({ "trunk_group": id(group) }),
            None => {
                let trunks: Vec<_> = list(target).map(|trunk| self.trunk(trunk)).collect();
                json!({ "trunks": { "trunks": trunks, "distribution": if random { "random" } else { "sequential" } } })
            }
        };
        self.routes.push(json!({
            "id": id(&name), "name": name, "site": site(), "enabled": !off, "target": target,
            "classifications": list(classifications).collect::<Vec<_>>(),
            "emergency_acknowledgement": acknowledged.then_some("accepted for the test line"),
        }));
    }

    /// `dialled | classification | address | route: trunks | because`
    fn dial(&mut self, text: &str, line: usize) {
        let mut parts = text.split('|').map(|part| part.trim().to_owned());
        let mut next = || parts.next().unwrap_or_default();
        let case = Case {
            line,
            dialled: next().replace("\\u{202e}", "\u{202e}").replace("\\t", "\t"),
            classification: next(),
            address: next(),
            route: next(),
            because: Some(next()).filter(|words| !words.is_empty()),
        };
        self.cases.push(case);
    }

    fn trunk(&mut self, name: &str) -> String {
        if !self.trunks.iter().any(|known| known == name) {
            self.trunks.push(name.to_owned());
        }
        id(name)
    }

    fn finish(mut self) -> Result<Sheet, Vec<Problem>> {
        let settings = std::mem::take(&mut self.settings);
        for (name, _) in &settings {
            self.trunk(name);
        }
        let has = |name: &str, word: &str| {
            settings.iter().any(|(n, words)| n == name && words.iter().any(|w| w == word))
        };
        let mut entities: Vec<AnyEntity> = vec![
            entity::<telco_model::entity::Location>(json!({
                "id": "@home", "name": "Home", "available_for_sites": true,
                "address": { "country": self.country, "city": "Springfield", "street": "Main Street" },
            })),
            entity::<telco_model::entity::Site>(json!({
                "id": site(), "name": "Home", "location": "@home", "time_zone": "America/Chicago", "media_model": "cloud",
                "number_plans": self.plans,
                "routing": if self.engine == "dial_plan" { "dial_plan" } else { "outbound_routes" },
            })),
        ];
        for name in &self.trunks {
            let mut trunk = json!({
                "id": id(name), "name": name, "kind": "byoc_carrier", "in_service": !has(name, "off"),
                "servers": ["sip.carrier.example.com:5060"],
                "termination": name.to_lowercase(),
            });
            if has(name, "verified") {
                trunk["emergency"] =
                    json!({ "confirmed_by": "Carrier desk", "confirmed": "2026-01-01T00:00:00Z" });
            }
            if !self.patterns.is_empty() && !has(name, "unlinked") {
                trunk["dial_plan"] = json!("@plan");
            }
            entities.push(entity::<telco_model::entity::Trunk>(trunk));
        }
        entities.extend(self.groups.into_iter().map(entity::<telco_model::entity::TrunkGroup>));
        entities.extend(self.routes.into_iter().map(entity::<telco_model::entity::OutboundRoute>));
        if !self.patterns.is_empty() {
            entities.push(entity::<telco_model::entity::DialPlan>(json!({
                "id": "@plan", "name": "Global", "patterns": self.patterns,
            })));
        }
        let organization = Organization::from_entities(entities, Timestamp::UNIX_EPOCH)?;
        Ok(Sheet { organization, site: site(), cases: self.cases })
    }
}

/// Reads an entity in its document form.
pub(crate) fn entity<T: serde::de::DeserializeOwned + Into<AnyEntity>>(value: Value) -> AnyEntity {
    match serde_json::from_value::<T>(value.clone()) {
        Ok(entity) => entity.into(),
        Err(error) => panic!("{error} in {value:#}"),
    }
}

pub(crate) fn site() -> SiteId {
    SiteId::labelled("home")
}

fn id(name: &str) -> String {
    format!("@{}", name.trim().replace([' ', '/', '+', '*'], "-"))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
