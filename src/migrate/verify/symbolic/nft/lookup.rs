//! Sets and maps as conditions.

use std::time::Duration;

use super::super::{Condition, Step, labels};
use super::Ground;
use super::expression::{guards, named};
use super::reading::Reading;
use crate::migrate::nft::{Data, Element, Expression, Item, MapSource, Set, Statement, Verdict};

impl Ground<'_> {
    /// What must hold to look up, and whether the key is in the set.
    pub(super) fn member(&self, key: &[Expression], set: &Set) -> Option<(Condition, Condition)> {
        // A limit or a quota of each element would be asked, which is not modelled.
        let counts = |statement: &Statement| matches!(statement, Statement::Counter(_));
        if !set.statements.iter().all(counts) {
            return None;
        }
        let (key, masks) = unmasked(key);
        let readings = self.readings(&key)?;
        let each = set
            .elements
            .iter()
            .map(|e| self.element(&readings, e, set.timeout));
        let mut each = each.collect::<Option<Vec<_>>>()?;
        if set.dynamic && self.is_written(set) {
            let variables: Option<Vec<_>> = readings.iter().map(named).collect();
            let masked = variables?.into_iter().zip(masks);
            let parts: Vec<_> = masked
                .map(|(v, mask)| {
                    let all = v.largest();
                    (v, mask.unwrap_or(all))
                })
                .collect();
            let learned = labels::learned(&self.called(&set.name), &labels::key(&parts));
            each.push(learned.is(1));
        }
        Some((guards(&readings), Condition::Any(each)))
    }

    /// The key is in this element, which may be gone.
    pub(super) fn element(
        &self,
        readings: &[Reading],
        element: &Element,
        timeout: Option<Duration>,
    ) -> Option<Condition> {
        let mut parts = self.key(readings, &element.key)?;
        let left = element.expires.or(element.timeout).or(timeout);
        let left = left.filter(|left| !left.is_zero());
        parts.extend(left.map(|left| Condition::atom(labels::alive(left.as_secs()))));
        Some(Condition::All(parts))
    }

    fn key(&self, readings: &[Reading], items: &[Item]) -> Option<Vec<Condition>> {
        if readings.len() != items.len() {
            return None;
        }
        let each = readings.iter().zip(items);
        each.map(|(reading, item)| reading.within(item)).collect()
    }

    /// Whether rules put packets into the set.
    fn is_written(&self, set: &Set) -> bool {
        let rules = self.table.chains.iter().flat_map(|chain| &chain.rules);
        let mut statements = rules.flat_map(|rule| &rule.statements);
        statements.any(|statement| match statement {
            Statement::Dynamic {
                set: name,
                operation,
                ..
            } => *name == set.name && operation != "delete",
            _ => false,
        })
    }

    /// One branch for each element of a map.
    pub(super) fn branches(
        &self,
        key: &[Expression],
        map: &MapSource,
        steps: impl Fn(&Data) -> Option<Vec<Step>>,
    ) -> Option<Vec<Step>> {
        let readings = self.readings(key)?;
        let guard = guards(&readings);
        let mut branches = Vec::new();
        match map {
            MapSource::Anonymous(pairs) => {
                for (key, data) in pairs {
                    let condition = Condition::All(self.key(&readings, key)?);
                    branches.push((condition, steps(data)?));
                }
            }
            MapSource::Named(name) => {
                let map = self.find_set(name.as_str())?;
                for element in &map.elements {
                    let condition = self.element(&readings, element, map.timeout)?;
                    branches.push((condition, steps(element.data.as_ref()?)?));
                }
            }
        }
        Some(vec![Step::Test(guard), Step::Branch(branches)])
    }

    pub(super) fn verdict(&self, verdict: &Verdict) -> Vec<Step> {
        let end = |what: &str| vec![Step::End(what.to_owned())];
        match verdict {
            Verdict::Accept => end(super::super::program::ACCEPT),
            Verdict::Drop => end(super::super::program::DROP),
            Verdict::Continue => Vec::new(),
            Verdict::Return => vec![Step::Return],
            Verdict::Jump(chain) => vec![Step::Jump(self.chain(chain.as_str()))],
            Verdict::Goto(chain) => vec![Step::Goto(self.chain(chain.as_str()))],
        }
    }
}

/// The key without masks, and the masks.
pub(super) fn unmasked(key: &[Expression]) -> (Vec<Expression>, Vec<Option<u128>>) {
    let parts = key.iter().map(|part| match part {
        Expression::And(inner, mask) => {
            let mask = match mask {
                crate::migrate::nft::Value::Address(std::net::IpAddr::V4(mask)) => {
                    Some(u32::from(*mask).into())
                }
                crate::migrate::nft::Value::Address(std::net::IpAddr::V6(mask)) => {
                    Some((*mask).into())
                }
                other => other.number().map(u128::from),
            };
            ((**inner).clone(), mask)
        }
        other => (other.clone(), None),
    });
    parts.unzip()
}
