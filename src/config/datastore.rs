//! What the datastore says of the agent, and what the agent says of policy.

use super::DatastoreType;
use super::origin::Origin;
use super::resolve::{ConfigError, Resolved, Taking};
use super::setting::Reach;
use super::source::Entry;
use super::store::{Etcd, EtcdEndpoint, Keys, Store, Tls};
use super::table::Config;
use crate::model::{Configuration, MetadataAddress, Overrides, Settings, State};

impl Config {
    /// What the host itself says of policy: it counts before all that the datastore says. For
    /// `State::forced`.
    pub fn forced(&self) -> Overrides {
        let deny_action = self.deny_action.local();
        Overrides {
            interface_prefixes: self.interface_prefixes.local(),
            endpoint_to_host: self.endpoint_to_host.local(),
            metadata_address: self.metadata_address.local(),
            metadata_port: self.metadata_port.local(),
            deny_action: deny_action.or_else(|| self.iptables_deny_action.local()),
            invalid_check: self.invalid_check.local(),
            source_spoofing: self.source_spoofing.local(),
            log_prefix: self.log_prefix.local(),
            log_rate: self.log_rate.local().flatten(),
            log_burst: self.log_burst.local(),
            policy_counters: self.policy_counters.local(),
        }
    }

    /// With what the datastore says of a host in the place of defaults. It changes nothing that the
    /// environment or the file say.
    ///
    /// # Errors
    /// A value that cannot be done without is none.
    pub fn with_datastore(&self, state: &State, host: &str) -> Result<Resolved, ConfigError> {
        let mut taking = Taking {
            config: self.clone(),
            warnings: Vec::new(),
        };
        for said in state.configurations_of(host) {
            let origin = Origin::Resource(said.name.as_str().into());
            taking.process(said, &origin)?;
            taking.config.offer(&said.overrides, &origin);
        }
        let (base, usual) = (&state.settings, Settings::default());
        taking
            .config
            .offer(&differing(base, &usual), &Origin::Document);
        taking.finish()
    }

    /// Takes what is said of policy, where no stronger source said anything.
    fn offer(&mut self, said: &Overrides, origin: &Origin) {
        let said = said.clone();
        self.interface_prefixes
            .offer(said.interface_prefixes, origin);
        self.endpoint_to_host.offer(said.endpoint_to_host, origin);
        self.metadata_address.offer(said.metadata_address, origin);
        self.metadata_port.offer(said.metadata_port, origin);
        if !self.iptables_deny_action.origin.is_local() {
            self.deny_action.offer(said.deny_action, origin);
        }
        self.invalid_check.offer(said.invalid_check, origin);
        self.source_spoofing.offer(said.source_spoofing, origin);
        self.log_prefix.offer(said.log_prefix, origin);
        self.log_rate.offer(said.log_rate.map(Some), origin);
        self.log_burst.offer(said.log_burst, origin);
        self.policy_counters.offer(said.policy_counters, origin);
    }

    /// Where policy comes from.
    pub fn store(&self) -> Store {
        match self.datastore_type.value {
            DatastoreType::Folder => Store::Folder(self.datastore_folder.value.clone()),
            DatastoreType::Etcd => Store::Etcd(self.etcd()),
        }
    }

    fn etcd(&self) -> Etcd {
        let mut endpoints = self.etcd_endpoints.value.clone();
        if endpoints.is_empty() {
            let place = self.etcd_addr.value.clone();
            endpoints.push(EtcdEndpoint::new(self.etcd_scheme.value, place));
        }
        let (certificate, key) = (&self.etcd_cert_file.value, &self.etcd_key_file.value);
        let (user, password) = (&self.etcd_username.value, &self.etcd_password.value);
        Etcd {
            endpoints,
            keys: match self.etcd_classic_keys.value {
                true => Keys::Classic,
                false => Keys::Resources,
            },
            tls: Tls {
                authorities: self.etcd_ca_file.value.clone(),
                identity: certificate.clone().zip(key.clone()),
            },
            user: user.clone().zip(password.clone()),
        }
    }
}

impl Taking {
    /// What a resource says of the agent itself.
    fn process(&mut self, said: &Configuration, origin: &Origin) -> Result<(), ConfigError> {
        for (name, text) in &said.process {
            let entry = Entry {
                name: name.clone(),
                text: text.clone(),
                origin: origin.clone(),
            };
            self.take(&entry, |setting| match setting.reach {
                Reach::Anywhere(_) => true,
                Reach::Local | Reach::Policy => false,
            })?;
        }
        Ok(())
    }
}

/// What of some settings is not as it usually is.
fn differing(settings: &Settings, usual: &Settings) -> Overrides {
    fn unless<T: PartialEq + Clone>(value: &T, usual: &T) -> Option<T> {
        (value != usual).then(|| value.clone())
    }
    let address = settings.metadata.map(|m| MetadataAddress::At(m.address));
    Overrides {
        interface_prefixes: unless(&settings.interface_prefixes, &usual.interface_prefixes),
        endpoint_to_host: unless(&settings.endpoint_to_host, &usual.endpoint_to_host),
        metadata_address: address,
        metadata_port: settings.metadata.map(|metadata| metadata.port),
        deny_action: unless(&settings.deny_action, &usual.deny_action),
        invalid_check: unless(&settings.invalid_check, &usual.invalid_check),
        source_spoofing: unless(&settings.source_spoofing, &usual.source_spoofing),
        log_prefix: unless(&settings.log.prefix, &usual.log.prefix),
        log_rate: settings.log.rate,
        log_burst: unless(&settings.log.burst, &usual.log.burst),
        policy_counters: unless(&settings.policy_counters, &usual.policy_counters),
    }
}
