//! How an etcd and we know each other, and what nobody gets to see.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use margay::agent::store::Update;
use margay::agent::store::etcd::Tls;
use margay::config::{EtcdEndpoint, Secret};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tempfile::TempDir;

use super::etcd::{followed, store};
use super::heard::Heard;
use crate::support::etcd::Etcd;

const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";
const PASSWORD: &str = "corr3ct-h0rse";

/// An authority with files of its own.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    home: PathBuf,
}

impl Authority {
    pub(super) fn new(home: &Path, name: &str) -> Self {
        let home = home.join(name);
        fs::create_dir(&home).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        fs::write(home.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, home }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.home.join("ca.pem")
    }

    /// The files of a certificate and its key.
    fn issue(&self, name: &str, addresses: &[&str]) -> (PathBuf, PathBuf) {
        self.issue_to(name, addresses, Some(name))
    }

    /// The same for a common name, or for none: etcd takes one for a user's.
    pub(super) fn issue_to(
        &self,
        name: &str,
        addresses: &[&str],
        common: Option<&str>,
    ) -> (PathBuf, PathBuf) {
        let names: Vec<_> = addresses.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let at = |ending: &str| self.home.join(format!("{name}.{ending}"));
        fs::write(at("pem"), certificate.pem()).unwrap();
        fs::write(at("key"), key.serialize_pem()).unwrap();
        (at("pem"), at("key"))
    }
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An etcd that shows a certificate and asks for one, and what it takes to reach it.
fn private(home: &Path) -> (Etcd, Tls) {
    let authority = Authority::new(home, "ours");
    let (server, server_key) = authority.issue("server", &["127.0.0.1", "etcd.test"]);
    let (client, client_key) = authority.issue("client", &["agent"]);
    let file = authority.file();
    let etcd = Etcd::start_with(
        "https",
        &[
            "--cert-file",
            text(&server),
            "--key-file",
            text(&server_key),
            "--client-cert-auth",
            "--trusted-ca-file",
            text(&file),
        ],
        &[
            "--cert",
            text(&client),
            "--key",
            text(&client_key),
            "--cacert",
            text(&file),
        ],
    );
    etcd.put(&format!("{PREFIX}tiers/a"), "1");
    let tls = Tls {
        authority: Some(file),
        identity: Some((client, client_key)),
    };
    (etcd, tls)
}

fn reached(etcd: &Etcd, tls: &Tls) -> Heard {
    let mut store = store(&[etcd.endpoint()]);
    store.tls = Some(tls.clone());
    followed(store)
}

#[tokio::test]
async fn both_sides_show_certificates() {
    let home = TempDir::new().unwrap();
    let (etcd, good) = private(home.path());
    let mut heard = reached(&etcd, &good);
    heard.until_in_sync().await;
    assert_eq!(heard.value("a"), Some("1"));
}

#[tokio::test]
async fn a_certificate_that_is_not_right_is_refused() {
    let home = TempDir::new().unwrap();
    let (etcd, good) = private(home.path());
    let stranger = Authority::new(home.path(), "others");
    let other = stranger.issue("client", &["agent"]);
    let wrong = |change: &dyn Fn(&mut Tls)| {
        let mut tls = good.clone();
        change(&mut tls);
        tls
    };
    for (tls, why) in [
        (
            wrong(&|tls| tls.authority = Some(stranger.file())),
            "invalid peer certificate",
        ),
        (
            wrong(&|tls| tls.authority = None),
            "invalid peer certificate",
        ),
        (
            wrong(&|tls| tls.authority = Some("/none".into())),
            "/none: No such file",
        ),
        (wrong(&|tls| tls.identity = None), ""),
        (wrong(&|tls| tls.identity = Some(other.clone())), ""),
    ] {
        let mut heard = reached(&etcd, &tls);
        let told = heard.until_lost().await;
        assert!(told.contains(why), "{told}");
        assert!(heard.keys.is_empty());
    }
}

/// An etcd that knows users, of whom one may read our keys.
fn guarded(flags: &[&str]) -> Etcd {
    let root = ["--user", "root:r00t"];
    let etcd = Etcd::start_with("http", flags, &root);
    etcd.ctl(&["user", "add", "root:r00t"]);
    etcd.ctl(&["user", "grant-role", "root", "root"]);
    etcd.ctl(&["user", "add", &format!("agent:{PASSWORD}")]);
    etcd.ctl(&["role", "add", "reader"]);
    etcd.ctl(&[
        "role",
        "grant-permission",
        "reader",
        "--prefix=true",
        "read",
        PREFIX,
    ]);
    etcd.ctl(&["user", "grant-role", "agent", "reader"]);
    etcd.ctl(&["auth", "enable"]);
    etcd.put(&format!("{PREFIX}tiers/a"), "1");
    etcd.put("/calico/v1/Ready", "true");
    etcd
}

fn as_user(etcd: &Etcd, password: &str, prefix: &str) -> Heard {
    let mut store = store(&[etcd.endpoint()]);
    store.prefix = prefix.to_owned();
    store.user = Some(("agent".to_owned(), Secret::new(password)));
    assert!(!format!("{store:?}").contains(password), "{store:?}");
    followed(store)
}

#[tokio::test]
async fn a_user_who_asks_seldom_is_still_known() {
    let etcd = guarded(&["--auth-token-ttl", "1"]);
    let mut store = store(&[etcd.endpoint()]);
    store.user = Some(("agent".to_owned(), Secret::new(PASSWORD)));
    store.pace.compare_interval = Duration::from_secs(4);
    let mut heard = followed(store);
    heard.until_in_sync().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    etcd.put(&format!("{PREFIX}tiers/b"), "2");
    heard.until(|heard| heard.value("b") == Some("2")).await;
    let is_lost = |update: &Update| matches!(update, Update::Lost { .. });
    assert!(!heard.log.iter().any(is_lost), "{:#?}", heard.log);
}

#[tokio::test]
async fn a_user_reads_what_is_granted_alone() {
    let etcd = guarded(&[]);
    let mut heard = as_user(&etcd, PASSWORD, PREFIX);
    heard.until_in_sync().await;
    etcd.put(&format!("{PREFIX}tiers/b"), "2");
    heard.until(|heard| heard.value("b") == Some("2")).await;

    let why = as_user(&etcd, PASSWORD, "/calico/v1/").until_lost().await;
    assert!(why.contains("permission denied"), "{why}");
    let why = as_user(&etcd, "wr0ng", PREFIX).until_lost().await;
    assert!(why.contains("authentication failed"), "{why}");
    assert!(!why.contains("wr0ng"), "{why}");
    let mut stranger = store(&[etcd.endpoint()]);
    stranger.user = None;
    let why = followed(stranger).until_lost().await;
    assert!(why.contains("user name is empty"), "{why}");
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_noticed() {
    let etcd = guarded(&[]);
    let mut heard = as_user(&etcd, PASSWORD, PREFIX);
    heard.until_in_sync().await;
    etcd.ctl(&["user", "revoke-role", "agent", "reader"]);
    let why = heard.until_lost().await;
    assert!(why.contains("permission denied"), "{why}");
    assert_eq!(heard.value("a"), Some("1"), "what was said holds");
    etcd.ctl(&["user", "grant-role", "agent", "reader"]);
    etcd.put(&format!("{PREFIX}tiers/b"), "2");
    heard.until(|heard| heard.value("b") == Some("2")).await;
}

#[test]
fn endpoints_are_urls_without_passwords() {
    for good in [
        "http://127.0.0.1:2379",
        "https://etcd.example:2379/",
        "http://[::1]:2379",
    ] {
        assert!(good.parse::<EtcdEndpoint>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "127.0.0.1:2379",
        "ftp://a:1",
        "http://a",
        "http://a:0",
        "http://u:p@a:1",
        "http://a:1/b",
    ] {
        assert!(bad.parse::<EtcdEndpoint>().is_err(), "{bad}");
    }
}
