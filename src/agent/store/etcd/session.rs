//! One connection to one member of an etcd.

use std::fs;
use std::path::Path;
use std::time::Duration;

use etcd_client::{
    Certificate, Client, ConnectOptions, Error, GetOptions, GetResponse, Identity, KvClient,
    ResponseHeader, TlsOptions, WatchClient, WatchOptions, WatchStream,
};
use tokio::time::timeout;

use super::ended::{Ended, is_about_compaction, is_about_length};
use super::known::{Head, Lineage, Witness};
use super::{Etcd, Pace, Tls};
use crate::config::EtcdEndpoint;

/// Longest answer, in bytes: many times what an etcd takes in one request as it comes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// One connection to one member.
pub(super) struct Session {
    kv: KvClient,
    watch: WatchClient,
    pace: Pace,
    prefix: Vec<u8>,
}

impl Session {
    /// Connects, and says who we are.
    pub(super) async fn open(etcd: &Etcd, endpoint: &EtcdEndpoint) -> Result<Self, Ended> {
        let options = options(etcd)?;
        let connecting = Client::connect([endpoint.to_string()], Some(options));
        let client = answered(etcd.pace.request_timeout, connecting).await??;
        Ok(Self {
            kv: client
                .kv_client()
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            watch: client
                .watch_client()
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            pace: etcd.pace,
            prefix: etcd.prefix.clone().into_bytes(),
        })
    }

    /// Where the store is now, as its members agree.
    pub(super) async fn head(&mut self) -> Result<Head, Ended> {
        let options = GetOptions::new().with_prefix().with_count_only();
        let answer = self.get(self.prefix.clone(), options).await??;
        head_of(answer.header())
    }

    /// Whether the history of the store has a value that was said, as far as it still tells.
    pub(super) async fn has(&mut self, witness: &Witness) -> Result<bool, Ended> {
        for revision in [0, witness.revision] {
            let options = GetOptions::new().with_revision(revision);
            let answer = match self.get(witness.key.to_vec(), options).await? {
                Ok(answer) => answer,
                Err(error) if is_about_compaction(&error) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let mut pairs = answer.kvs().iter();
            if pairs.any(|pair| witness.saw(pair.mod_revision(), pair.value())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The keys from one on, as they were at a revision; at most so many, and an error if they are too
    /// long together.
    pub(super) async fn page(
        &mut self,
        from: Vec<u8>,
        revision: i64,
        limit: i64,
    ) -> Result<Result<GetResponse, TooLong>, Ended> {
        let options = GetOptions::new()
            .with_range(end_of(&self.prefix))
            .with_revision(revision)
            .with_limit(limit);
        match self.get(from, options).await? {
            Ok(answer) => Ok(Ok(answer)),
            Err(error) if is_about_length(&error) => Ok(Err(TooLong)),
            Err(error) => Err(error.into()),
        }
    }

    /// The first key from one on, as it was at a revision, without its value.
    pub(super) async fn key(&mut self, from: Vec<u8>, revision: i64) -> Result<GetResponse, Ended> {
        let options = GetOptions::new()
            .with_range(end_of(&self.prefix))
            .with_revision(revision)
            .with_limit(1)
            .with_keys_only();
        Ok(self.get(from, options).await??)
    }

    /// The keys that changed after a revision, without their values, and how many keys there are.
    pub(super) async fn changed_since(&mut self, revision: i64) -> Result<GetResponse, Ended> {
        let options = GetOptions::new()
            .with_prefix()
            .with_keys_only()
            .with_min_mod_revision(revision + 1);
        Ok(self.get(self.prefix.clone(), options).await??)
    }

    /// All changes after a revision.
    pub(super) async fn watch(&mut self, revision: i64) -> Result<WatchStream, Ended> {
        let options = WatchOptions::new()
            .with_prefix()
            .with_start_revision(revision + 1);
        let opening = self.watch.watch(self.prefix.clone(), Some(options));
        Ok(answered(self.pace.request_timeout, opening).await??)
    }

    /// Where the keys begin.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    async fn get(
        &mut self,
        from: Vec<u8>,
        options: GetOptions,
    ) -> Result<Result<GetResponse, Error>, Ended> {
        answered(self.pace.request_timeout, self.kv.get(from, Some(options))).await
    }
}

/// An answer was longer than it may be.
pub(super) struct TooLong;

/// Where an answer comes from.
pub(super) fn head_of(header: Option<&ResponseHeader>) -> Result<Head, Ended> {
    let header = header.ok_or_else(|| Ended::Lost("an answer without a header".to_owned()))?;
    Ok(Head {
        lineage: Lineage {
            cluster: header.cluster_id(),
            term: header.raft_term(),
        },
        revision: header.revision(),
    })
}

/// What comes in time.
async fn answered<T>(time: Duration, asked: impl Future<Output = T>) -> Result<T, Ended> {
    let late = |_| Ended::Lost(format!("no answer within {time:?}"));
    timeout(time, asked).await.map_err(late)
}

/// The first key after all that begin so.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

pub(super) fn options(etcd: &Etcd) -> Result<ConnectOptions, Ended> {
    let pace = &etcd.pace;
    let mut options = ConnectOptions::new()
        .with_connect_timeout(pace.dial_timeout)
        .with_keep_alive(pace.keepalive_interval, pace.keepalive_timeout)
        .with_keep_alive_while_idle(true)
        .with_require_leader(true);
    if let Some(tls) = &etcd.tls {
        options = options.with_tls(tls_options(tls)?);
    }
    if let Some((name, password)) = &etcd.user {
        // An etcd forgets who we are five minutes after we last asked for something; a watch does not ask.
        options = options
            .with_user(name.clone(), password.reveal())
            .with_auto_token_refresh(true);
    }
    Ok(options)
}

/// Reads the files at each attempt: certificates are renewed under the same names.
fn tls_options(tls: &Tls) -> Result<TlsOptions, Ended> {
    let mut options = TlsOptions::new();
    options = match &tls.authority {
        Some(file) => options.ca_certificate(Certificate::from_pem(read(file)?)),
        None => options.with_native_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        let identity = Identity::from_pem(read(certificate)?, read(key)?);
        options = options.identity(identity);
    }
    Ok(options)
}

fn read(file: &Path) -> Result<Vec<u8>, Ended> {
    let read = fs::read(file);
    read.map_err(|error| Ended::Lost(format!("{}: {error}", file.display())))
}
