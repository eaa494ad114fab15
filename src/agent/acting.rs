//! The configuration that the daemon acts by: what the host says, and what the store says of it.

use crate::config::{Config, ConfigError, needs_restart};
use crate::model::State;

/// The configuration that the daemon acts by.
#[derive(Debug)]
pub struct Acting {
    /// What the environment and the file say.
    local: Config,
    config: Config,
    said: Said,
}

/// Whether the store said everything at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Everything,
}

/// What becomes of what the store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It is acted by now.
    InPlace {
        /// What to know about it, a line each.
        warnings: Vec<String>,
    },
    /// It changes settings that are only read at the start: their names.
    Restart(Vec<&'static str>),
}

impl Acting {
    /// Acts by what the host says, until the store is known.
    pub fn new(local: Config) -> Self {
        Self {
            config: local.clone(),
            local,
            said: Said::Nothing,
        }
    }

    /// What is acted by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes what the store says. The first time everything is taken in place: what reads a setting only
    /// at its start was not started for good before.
    ///
    /// # Errors
    /// A value that cannot be done without is none: what was acted by goes on.
    pub fn take(&mut self, state: &State, host: &str) -> Result<Heard, ConfigError> {
        let resolved = self.local.with_datastore(state, host)?;
        if self.said == Said::Everything
            && let Some(names) = needs_restart(&self.config, &resolved.config)
        {
            return Ok(Heard::Restart(names));
        }
        self.said = Said::Everything;
        self.config = resolved.config;
        let warnings = resolved.warnings;
        Ok(Heard::InPlace { warnings })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Configuration, Event, Origin, Overrides, Scope};

    fn state(fields: &[(&str, &str)]) -> State {
        let mut state = State::default();
        let process = fields
            .iter()
            .map(|&(name, text)| (name.into(), text.into()));
        state.apply(Event::Configuration(Box::new(Configuration {
            name: "default".parse().expect("a name"),
            scope: Scope::All,
            overrides: Overrides::default(),
            process: process.collect(),
            origin: Origin::default(),
        })));
        state
    }

    #[test]
    fn what_the_store_says_first_takes_no_restart_and_what_it_says_later_may() {
        let mut acting = Acting::new(Config::default());
        let ports = |port| state(&[("healthPort", port), ("nftablesRefreshInterval", "7s")]);
        let heard = acting.take(&ports("9"), "h").expect("good values");
        assert_eq!(heard, Heard::InPlace { warnings: vec![] });
        assert_eq!(acting.config().health_port.value, 9);
        let refresh = acting.config().refresh_interval.value;
        assert_eq!(refresh, Duration::from_secs(7));
        // The same again asks for nothing: a daemon that restarts for it would do so for ever.
        let heard = acting.take(&ports("9"), "h").expect("good values");
        assert_eq!(heard, Heard::InPlace { warnings: vec![] });
        let heard = acting.take(&ports("10"), "h").expect("good values");
        assert_eq!(heard, Heard::Restart(vec!["HealthPort"]));
        assert_eq!(acting.config().health_port.value, 9);
    }

    #[test]
    fn what_is_no_value_changes_nothing() {
        let mut acting = Acting::new(Config::default());
        let bad = state(&[("openstackRegion", "A B"), ("healthPort", "9")]);
        let error = acting.take(&bad, "h").expect_err("no region");
        assert!(error.to_string().contains("OpenstackRegion"), "{error}");
        assert_eq!(acting.config(), &Config::default());
    }
}
