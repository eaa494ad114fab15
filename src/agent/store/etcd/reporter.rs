//! Writes to an etcd how the host and its endpoints are, for Neutron.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, GetOptions, PutOptions, Txn, TxnOp};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::backoff::Backoff;
use super::ended::Ended;
use super::{Etcd, session};
use crate::agent::moment::Moment;
use crate::agent::reporting::{Heartbeat, Lease, Reporting, Write, Written};
use crate::agent::status::{Endpoints, Status};
use crate::config::EtcdEndpoint;

/// Most changes in one transaction: what an etcd takes as it comes (`--max-txn-ops`).
const CHANGES_MAX: usize = 128;

/// Who writes how the host is.
#[derive(Debug)]
pub struct Reporter {
    /// Where.
    pub etcd: Etcd,
    /// What, and under which keys.
    pub reporting: Reporting,
    /// `ReportingIntervalSecs`: how often that the host lives; `None` is never.
    pub interval: Option<Duration>,
    /// `EndpointReportingDelaySecs`: how long changes of endpoints are gathered.
    pub delay: Duration,
}

impl Reporter {
    /// Writes for as long as somebody says how the host is.
    pub async fn run(self, mut said: Receiver<Arc<Status>>) {
        let mut backoff = Backoff::new(self.etcd.pace.backoff_max);
        let mut turn = 0_usize;
        let mut heartbeat = Heartbeat::First;
        while said.has_changed().is_ok() {
            let endpoint = self
                .etcd
                .endpoints
                .get(turn % self.etcd.endpoints.len().max(1));
            let Some(endpoint) = endpoint else {
                return;
            };
            let begun = Instant::now();
            match self.session(endpoint, &mut said, &mut heartbeat).await {
                Ok(()) => return,
                Err(Ended::Lost(why)) => warn!(%endpoint, %why, "cannot report to the etcd"),
                Err(Ended::Doubtful | Ended::Unheard) => {}
            }
            turn = turn.wrapping_add(1);
            if begun.elapsed() > self.etcd.pace.backoff_max {
                backoff.reset();
            }
            sleep(backoff.wait()).await;
        }
    }

    /// One connection, for as long as it lasts; ends well when nobody says anything any more. That the host
    /// lives is said first, and never waits for what is said of endpoints.
    async fn session(
        &self,
        endpoint: &EtcdEndpoint,
        said: &mut Receiver<Arc<Status>>,
        heartbeat: &mut Heartbeat,
    ) -> Result<(), Ended> {
        let options = session::options(&self.etcd)?;
        let connecting = Client::connect([endpoint.to_string()], Some(options));
        let mut client = self.answered(connecting).await?;
        let Some(interval) = self.interval else {
            return self.endpoints(client, said).await;
        };
        self.beat(&mut client, said, heartbeat).await?;
        let (mut beating, statuses) = (client.clone(), said.clone());
        let beats = async {
            loop {
                sleep(interval).await;
                self.beat(&mut beating, &statuses, heartbeat).await?;
            }
        };
        tokio::select! {
            ended = beats => ended,
            ended = self.endpoints(client, said) => ended,
        }
    }

    /// Says that the host lives.
    async fn beat(
        &self,
        client: &mut Client,
        said: &Receiver<Arc<Status>>,
        heartbeat: &mut Heartbeat,
    ) -> Result<(), Ended> {
        let status = said.borrow().clone();
        let writes = self.reporting.heartbeat(&status, Moment::now(), *heartbeat);
        self.perform(client, &writes).await?;
        *heartbeat = Heartbeat::Later;
        Ok(())
    }

    /// Says how endpoints are, and each change.
    async fn endpoints(
        &self,
        mut client: Client,
        said: &mut Receiver<Arc<Status>>,
    ) -> Result<(), Ended> {
        let mut written = self.found(&mut client).await?;
        let mut last: Option<Endpoints> = None;
        loop {
            let status = said.borrow_and_update().clone();
            // Before everything is known, what is reported of endpoints is not compared with nothing.
            let untouched = |last: &Endpoints| last.is_untouched(&status.endpoints);
            if status.in_force.is_some() && !last.as_ref().is_some_and(untouched) {
                let writes = self.reporting.endpoints(&status, &written);
                for writes in writes.chunks(CHANGES_MAX) {
                    self.perform(&mut client, writes).await?;
                    writes.iter().for_each(|write| written.done(write));
                }
                last = Some(status.endpoints.clone());
            }
            sleep(self.delay).await;
            if said.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// What was written before, by us or by whoever was here before us.
    async fn found(&self, client: &mut Client) -> Result<Written, Ended> {
        let prefix = self.reporting.endpoints_prefix();
        let options = GetOptions::new().with_prefix();
        let found = self.answered(client.get(prefix, Some(options))).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = found.kvs().iter();
        let listing = pairs.map(|pair| (text(pair.key()), text(pair.value())));
        Ok(Written::of_listing(listing))
    }

    /// Makes changes, all or none.
    async fn perform(&self, client: &mut Client, writes: &[Write]) -> Result<(), Ended> {
        debug!(?writes, "reported");
        let mut changes = Vec::new();
        for write in writes {
            changes.push(match write {
                Write::Delete { key } => TxnOp::delete(key.as_str(), None),
                Write::Put { key, value, lease } => {
                    let options = match lease {
                        Lease::Kept => None,
                        Lease::Leased(ttl) => {
                            let seconds = i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX);
                            let granted = client.lease_grant(seconds, None);
                            let granted = self.answered(granted).await?;
                            Some(PutOptions::new().with_lease(granted.id()))
                        }
                    };
                    TxnOp::put(key.as_str(), value.as_str(), options)
                }
            });
        }
        let changing = client.txn(Txn::new().and_then(changes));
        self.answered(changing).await?;
        Ok(())
    }

    async fn answered<T>(
        &self,
        asking: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, Ended> {
        match timeout(self.etcd.pace.request_timeout, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Ended::Lost("no answer in time".to_owned())),
        }
    }
}
