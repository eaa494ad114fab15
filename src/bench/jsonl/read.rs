//! Lines become a run again.

use std::collections::BTreeMap;

use super::fields::{Fault, Fields};
use super::{SCALE, SCHEMA};
use crate::bench::measurement::{Claim, Limit, Measurement, Run, Skip, Unit};
use crate::bench::statistics::Interval;

/// A line that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {fault}")]
pub struct LineError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Reads what `write` wrote, in any order of lines but that of the rounds of one measurement. Empty lines
/// mean nothing. `file` is for errors.
pub fn read(file: &str, text: &str) -> Result<Run, LineError> {
    let mut reader = Reader::default();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        reader.line(line).map_err(|fault| LineError {
            file: file.to_owned(),
            line: at + 1,
            fault,
        })?;
    }
    Ok(reader.run)
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Fact,
    Sample,
    Skip,
    Claim,
}

const KINDS: [(&str, Kind); 4] = [
    ("fact", Kind::Fact),
    ("sample", Kind::Sample),
    ("skip", Kind::Skip),
    ("claim", Kind::Claim),
];

/// What makes a measurement another one than its neighbour.
type Key = (String, BTreeMap<String, u64>, String, String, String, Unit);

#[derive(Debug, Default)]
struct Reader {
    run: Run,
    /// The place of the last measurement of each key.
    places: BTreeMap<Key, usize>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        let mut fields = Fields::of(line)?;
        fields.exactly("schema", &SCHEMA.into())?;
        match fields.word("kind", &KINDS)? {
            Kind::Fact => self.fact(fields),
            Kind::Sample => self.sample(fields),
            Kind::Skip => self.skip(fields),
            Kind::Claim => self.claim(fields),
        }
    }

    fn fact(&mut self, mut fields: Fields) -> Result<(), Fault> {
        let fact = (fields.text("name")?, fields.text("value")?);
        fields.end("schema, kind, name, value")?;
        self.run.facts.push(fact);
        Ok(())
    }

    fn sample(&mut self, mut fields: Fields) -> Result<(), Fault> {
        let units = Unit::ALL.map(|unit| (unit.word(), unit));
        let key = (
            fields.text("scenario")?,
            fields.sizes(SCALE)?,
            fields.text("phase")?,
            fields.text("peer")?,
            fields.text("metric")?,
            fields.word("unit", &units)?,
        );
        let rounds = self.rounds(&key);
        let iter = match rounds {
            0 => fields.whole("iter", &[0])?,
            _ => fields.whole("iter", &[rounds, 0])?,
        };
        let value = fields.number("value")?;
        fields.exactly("ok", &value.is_finite().into())?;
        fields.end(
            "schema, kind, scenario, phase, peer, metric, unit, iter, value, ok, scale_<axis>",
        )?;
        self.add(key, iter, value);
        Ok(())
    }

    /// How many rounds the last measurement of a key has.
    fn rounds(&self, key: &Key) -> u64 {
        let place = self.places.get(key);
        let last = place.and_then(|place| self.run.measurements.get(*place));
        last.map_or(0, |last| last.values.len() as u64)
    }

    /// Round 0 begins a measurement, even where there is one of the same key.
    fn add(&mut self, key: Key, iter: u64, value: f64) {
        let place = self.places.get(&key).filter(|_| iter > 0);
        if let Some(last) = place.and_then(|place| self.run.measurements.get_mut(*place)) {
            last.values.push(value);
            return;
        }
        self.places.insert(key.clone(), self.run.measurements.len());
        let (scenario, scale, phase, peer, metric, unit) = key;
        self.run.measurements.push(Measurement {
            scenario,
            scale,
            phase,
            peer,
            metric,
            unit,
            values: vec![value],
        });
    }

    fn skip(&mut self, mut fields: Fields) -> Result<(), Fault> {
        let skip = Skip {
            scenario: fields.text("scenario")?,
            peer: fields.text("peer")?,
            reason: fields.text("reason")?,
        };
        fields.end("schema, kind, scenario, peer, reason")?;
        self.run.skips.push(skip);
        Ok(())
    }

    fn claim(&mut self, mut fields: Fields) -> Result<(), Fault> {
        type Bounded = fn(f64) -> Limit;
        let limits: [Bounded; 2] = [Limit::AtMost, Limit::AtLeast];
        let limits = limits.map(|limit| (limit(0.0).word(), limit));
        let claim = Claim {
            scenario: fields.text("scenario")?,
            what: fields.text("what")?,
            value: fields.number("value")?,
            interval: interval(
                fields.optional_number("low")?,
                fields.optional_number("high")?,
            ),
            limit: fields.word("limit", &limits)?(fields.number("bound")?),
            floor: fields.optional_text("floor")?,
        };
        fields.exactly("holds", &claim.holds().into())?;
        fields.end("schema, kind, scenario, what, value, low, high, limit, bound, holds, floor")?;
        self.run.claims.push(claim);
        Ok(())
    }
}

fn interval(low: Option<f64>, high: Option<f64>) -> Option<Interval> {
    let (low, high) = low.zip(high)?;
    Some(Interval { low, high })
}
