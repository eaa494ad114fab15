//! Sources in, one configuration out.

use std::time::Duration;

use super::names::Hostname;
use super::origin::Origin;
use super::setting::{Change, Fault, Setting};
use super::source::{Entry, Source};
use super::store::DatastoreType;
use super::table::{Config, SETTINGS};
use super::{file, inert, kind};

/// A configuration, and what to know about it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The configuration.
    pub config: Config,
    /// What is wrong or without effect in the sources, a line each; no secrets.
    pub warnings: Vec<String>,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A line of the file cannot be read.
    #[error("{path}:{line}: neither a section, a comment nor `name = value`")]
    Line {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// A value that cannot be done without is none.
    #[error("{name} in {origin}: {text:?} is not allowed: {allowed}")]
    Value {
        /// The setting.
        name: &'static str,
        /// Where it stands.
        origin: Origin,
        /// What stands there.
        text: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// One setting asks for another.
    #[error("{given} is given in {origin} and {missing} is not: give both or neither")]
    Half {
        /// The setting that is given.
        given: &'static str,
        /// Where.
        origin: Origin,
        /// The one that is not.
        missing: &'static str,
    },
    /// Nobody knows what this host is called.
    #[error("the kernel's host name {0:?} cannot be used: give FelixHostname")]
    Hostname(String),
}

impl Config {
    /// What the environment and the file say. The file is its path and its text, if there is one; the
    /// host is what the kernel calls it.
    ///
    /// # Errors
    /// A line of the file cannot be read, a value that cannot be done without is none, or one that
    /// another needs is missing.
    pub fn resolve(
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<(&str, &str)>,
        host: &str,
    ) -> Result<Resolved, ConfigError> {
        let environment = Source::of_environment(environment);
        let file = file
            .map(|(path, text)| file::entries(path, text))
            .transpose()?;
        let mut taking = Taking::default();
        for source in [environment, file.unwrap_or_default()] {
            taking.warnings.extend(source.warnings.iter().cloned());
            for entry in source.entries() {
                taking.take(entry, |_| true)?;
            }
        }
        taking.name_host(host)?;
        taking.config.choose_store();
        taking.finish()
    }

    /// Where no store is named, it is the etcd that an endpoint is given of.
    fn choose_store(&mut self) {
        let endpoints = [&self.etcd_endpoints.origin, &self.etcd_addr.origin];
        let given = endpoints
            .into_iter()
            .find(|origin| **origin != Origin::Default);
        if let Some(origin) = given.cloned() {
            self.datastore_type
                .offer(Some(DatastoreType::Etcd), &origin);
        }
    }
}

/// A configuration in the making. Sources come strongest first.
#[derive(Debug, Default)]
pub(super) struct Taking {
    pub(super) config: Config,
    pub(super) warnings: Vec<String>,
}

impl Taking {
    /// Takes an entry of a source that settings of some reach are taken from.
    pub(super) fn take(
        &mut self,
        entry: &Entry,
        reaches: impl Fn(&Setting<Config>) -> bool,
    ) -> Result<(), ConfigError> {
        let Entry { name, text, origin } = entry;
        let Some(setting) = SETTINGS.iter().find(|setting| setting.is_called(name)) else {
            self.warnings.push(match inert::reason(name) {
                Some(why) => format!("{name} in {origin} changes nothing: {why}"),
                None => format!("{name} in {origin} is not known"),
            });
            return Ok(());
        };
        if text.is_empty() {
            let hint = "say none to turn it off";
            self.warnings
                .push(format!("{name} in {origin} is empty and ignored: {hint}"));
            return Ok(());
        }
        if !reaches(setting) {
            let ours = (setting.text)(&self.config);
            if !text.eq_ignore_ascii_case(&ours) {
                self.warnings.push(format!(
                    "{name} in {origin} is ignored: it is taken from the environment and the file alone, \
                     by which it is {ours}"
                ));
            }
            return Ok(());
        }
        self.value(setting, text, origin)
    }

    /// Takes a text for a setting. One that is no value is looked at even where a stronger source
    /// said something.
    fn value(
        &mut self,
        setting: &Setting<Config>,
        text: &str,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        let (is_value, fault) = match text.eq_ignore_ascii_case(kind::NONE) {
            // As for Felix, what cannot be turned off is always an error.
            true => (
                (setting.take_none)(&mut self.config, origin.clone()),
                Fault::Fatal,
            ),
            false => {
                let take = setting.take;
                (
                    take(&mut self.config, Some(text), origin.clone()),
                    setting.fault,
                )
            }
        };
        match (is_value, fault) {
            (true, _) => Ok(()),
            (false, Fault::Fatal) => Err(ConfigError::Value {
                name: setting.name,
                origin: origin.clone(),
                text: shown(text).to_owned(),
                allowed: setting.allowed,
            }),
            (false, Fault::Default) => {
                (setting.take)(&mut self.config, None, origin.clone());
                self.warnings.push(format!(
                    "{} in {origin}: {:?} is not allowed, and the default counts: {}",
                    setting.name,
                    shown(text),
                    setting.allowed
                ));
                Ok(())
            }
        }
    }

    fn name_host(&mut self, host: &str) -> Result<(), ConfigError> {
        if !self.config.felix_hostname.is_given() {
            let name = Hostname::of_kernel(host);
            self.config.felix_hostname.value =
                name.ok_or_else(|| ConfigError::Hostname(host.to_owned()))?;
        }
        Ok(())
    }

    /// What no setting says alone.
    pub(super) fn finish(mut self) -> Result<Resolved, ConfigError> {
        let config = &mut self.config;
        let (key, certificate) = (&config.etcd_key_file, &config.etcd_cert_file);
        pair(
            ("EtcdKeyFile", key.value.is_some(), &key.origin),
            (
                "EtcdCertFile",
                certificate.value.is_some(),
                &certificate.origin,
            ),
        )?;
        let (user, password) = (&config.etcd_username, &config.etcd_password);
        pair(
            ("EtcdUsername", user.value.is_some(), &user.origin),
            ("EtcdPassword", password.value.is_some(), &password.origin),
        )?;
        let interval = config.reporting_interval.value;
        let ttl = &mut config.reporting_ttl;
        if interval > Duration::ZERO && ttl.value <= interval {
            ttl.value = interval.saturating_mul(5) / 2;
            self.warnings.push(format!(
                "ReportingTTLSecs is not more than ReportingIntervalSecs, and {}s is taken",
                ttl.value.as_secs_f64()
            ));
        }
        Ok(Resolved {
            config: self.config,
            warnings: self.warnings,
        })
    }
}

impl Setting<Config> {
    /// Whether a name in any case is that of this setting, or that which the datastore has for it.
    fn is_called(&self, name: &str) -> bool {
        let field = match self.reach {
            super::Reach::Anywhere(field) => field,
            super::Reach::Local | super::Reach::Policy => None,
        };
        let own = self.name.eq_ignore_ascii_case(name);
        own || field.is_some_and(|field| field.eq_ignore_ascii_case(name))
    }
}

/// Two settings, with whether they are given and where: both or neither.
fn pair(
    one: (&'static str, bool, &Origin),
    other: (&'static str, bool, &Origin),
) -> Result<(), ConfigError> {
    let half = |given: (&'static str, bool, &Origin), missing: &'static str| ConfigError::Half {
        given: given.0,
        origin: given.2.clone(),
        missing,
    };
    match (one.1, other.1) {
        (true, false) => Err(half(one, other.0)),
        (false, true) => Err(half(other, one.0)),
        (true, true) | (false, false) => Ok(()),
    }
}

/// A text that may be shown: somebody may have written a password into an address.
fn shown(text: &str) -> &str {
    if text.contains('@') {
        "[redacted]"
    } else {
        text
    }
}

/// The settings whose change takes a restart of the agent; `None`, if all changes can be taken in place.
///
/// Old is what the agent acts by. An agent that acts by what the datastore says has to compare with
/// that, and not with what the host says alone: after a restart it would find the same change again.
pub fn needs_restart(old: &Config, new: &Config) -> Option<Vec<&'static str>> {
    let changed = SETTINGS.iter().filter(|setting| match setting.change {
        Change::Restart => !(setting.same)(old, new),
        Change::InPlace => false,
    });
    let names: Vec<_> = changed.map(|setting| setting.name).collect();
    (!names.is_empty()).then_some(names)
}
