//! Where policy comes from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::kind::{Kind, NONE};
use crate::net::InvalidValue;

/// What kind of store there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatastoreType {
    /// An etcd, over its v3 API.
    Etcd,
    /// A folder of policy documents.
    Folder,
}

/// How an etcd is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// By TLS.
    Https,
}

/// Where policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// From an etcd.
    Etcd(Etcd),
    /// From a folder.
    Folder(PathBuf),
}

/// An etcd, and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etcd {
    /// Its members; never none.
    pub endpoints: Vec<EtcdEndpoint>,
    /// Who vouches for it, and for us.
    pub tls: Tls,
    /// What of it is read.
    pub keys: Keys,
    /// A user of etcd's own, with a password.
    pub user: Option<(Box<str>, Secret)>,
}

/// What of an etcd is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Resources of Calico v3, below `/calico/resources/v3`.
    Resources,
    /// The keys of classic Calico, below `/calico/v1`.
    Classic,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificates of those who vouch for the etcd; `None` for those that the system trusts.
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EtcdEndpoint {
    scheme: Scheme,
    authority: Authority,
}

impl EtcdEndpoint {
    /// An etcd by scheme and place.
    pub(super) fn new(scheme: Scheme, authority: Authority) -> Self {
        Self { scheme, authority }
    }

    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl FromStr for EtcdEndpoint {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let parts = text.split_once("://").and_then(|(scheme, place)| {
            let place = place.strip_suffix('/').unwrap_or(place);
            Some((Scheme::read(scheme)?, Authority::read(place)?))
        });
        let allowed = "http://host:port or https://host:port";
        let invalid = || InvalidValue::new("endpoint of an etcd", text, allowed);
        let (scheme, authority) = parts.ok_or_else(invalid)?;
        Ok(Self { scheme, authority })
    }
}

impl fmt::Display for EtcdEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.text(), self.authority.0)
    }
}

/// `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authority(Box<str>);

impl Authority {
    /// Where an etcd is, if nobody says otherwise.
    pub(super) fn of_local_etcd() -> Self {
        Self("127.0.0.1:2379".into())
    }
}

impl Kind for Authority {
    const ALLOWED: &'static str = "host:port";

    fn read(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let legal = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
                !host.is_empty() && host.bytes().all(legal)
            }
        };
        let port = u16::read(port).is_some_and(|port| port > 0);
        (legal && port).then(|| Self(text.into()))
    }

    fn none() -> Option<Self> {
        None
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

impl Kind for Vec<EtcdEndpoint> {
    const ALLOWED: &'static str =
        "http://host:port or https://host:port, with commas between them, all of one scheme";

    fn read(text: &str) -> Option<Self> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let endpoints: Self = items.map(|item| item.parse().ok()).collect::<Option<_>>()?;
        let first = endpoints.first().map(EtcdEndpoint::scheme);
        let alike = endpoints
            .iter()
            .all(|endpoint| Some(endpoint.scheme) == first);
        alike.then_some(endpoints)
    }

    fn none() -> Option<Self> {
        Some(Self::new())
    }

    fn text(&self) -> String {
        let endpoints: Vec<_> = self.iter().map(ToString::to_string).collect();
        match endpoints.is_empty() {
            true => NONE.to_owned(),
            false => endpoints.join(","),
        }
    }
}

/// A text that nobody may read in a log: whoever prints it gets `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

const REDACTED: &str = "[redacted]";

impl Kind for Secret {
    const ALLOWED: &'static str = "any text; it is never shown";

    fn read(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }

    fn none() -> Option<Self> {
        None
    }

    fn text(&self) -> String {
        REDACTED.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Endpoints = Vec<EtcdEndpoint>;

    #[test]
    fn endpoints_are_urls_of_one_scheme() {
        for text in [
            "http://a:2379",
            "https://10.0.0.1:1,https://[fd00::1]:2",
            "HTTP://a:1/",
        ] {
            assert!(Endpoints::read(text).is_some(), "{text}");
        }
        for text in [
            "a:2379",
            "http://a",
            "http://a:0",
            "http://a:70000",
            "http://a:1,https://b:2",
            "http://user:word@a:1",
            "http://a:1/path",
            "http://fd00::1:2379",
            "ftp://a:1",
        ] {
            assert!(Endpoints::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::read("hunter2").unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!(
            format!("{secret:?} {}", secret.text()),
            "[redacted] [redacted]"
        );
    }
}
