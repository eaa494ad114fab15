//! The pages over HTTP: health and metrics, as a probe asks for them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use margay::agent::health::{Health, Report, Reporter};
use margay::agent::http::{Pages, serve, serve_at};
use margay::agent::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::{in_force, runtime};

/// Serves pages on a free port, while something is done with them.
fn served(pages: Arc<impl Pages>, body: impl FnOnce(SocketAddr) + Send) {
    let runtime = runtime();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ends_with_the_body = ended;
            body(address);
        });
        runtime.block_on(async {
            tokio::select! {
                () = serve(listener, pages) => {}
                _ = end => {}
            }
        });
    });
}

/// The status, the head and the body of an answer.
fn asked(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[test]
fn probes_see_the_agent_become_ready_and_cease_to_be() {
    let health = Health::new(Arc::new(Instant::now));
    let told = health.clone();
    served(Arc::new(health), |address| {
        let status = |path| asked(address, "GET", path).0;
        assert_eq!([status("/liveness"), status("/readiness")], [204, 204]);
        let main = Reporter::InternalDataplaneMainLoop;
        told.expect(main, main.timeout());
        assert_eq!([status("/liveness"), status("/readiness")], [200, 503]);
        told.report(main, Report::ready());
        assert_eq!([status("/liveness"), status("/readiness")], [200, 200]);
        told.report(
            main,
            Report::not_ready("the store says that it is not ready"),
        );
        let (code, head, body) = asked(address, "GET", "/readiness");
        assert_eq!(code, 503);
        assert!(head.contains("content-type: text/plain"), "{head}");
        let row = "| InternalDataplaneMainLoop | 1m 30s  | reporting live | reporting non-ready | \
                   the store says that it is not ready |";
        assert!(body.lines().any(|line| line == row), "{body}");
    });
}

#[test]
fn other_paths_and_methods_are_refused() {
    let health = Health::new(Arc::new(Instant::now));
    health.report(Reporter::FelixStartup, Report::ready());
    served(Arc::new(health), |address| {
        assert_eq!(asked(address, "GET", "/").0, 404);
        assert_eq!(asked(address, "GET", "/metrics").0, 404);
        let (code, head, _) = asked(address, "POST", "/liveness");
        assert_eq!(code, 405);
        assert!(head.contains("allow: get, head"), "{head}");
        let (code, _, body) = asked(address, "HEAD", "/liveness?x=y");
        assert_eq!((code, &*body), (200, ""));
    });
}

#[test]
fn many_who_ask_nothing_do_not_shut_out_who_does() {
    let health = Health::new(Arc::new(Instant::now));
    served(Arc::new(health), |address| {
        let silent: Vec<_> = (0..64)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        assert_eq!(asked(address, "GET", "/liveness").0, 204);
        drop(silent);
    });
}

#[test]
fn metrics_are_served_as_prometheus_reads_them() {
    let metrics = Metrics::new("node1").unwrap();
    metrics.published(&in_force());
    served(Arc::new(metrics), |address| {
        let (code, head, body) = asked(address, "GET", "/metrics");
        assert_eq!(code, 200);
        assert!(
            head.contains("content-type: text/plain; version=0.0.4"),
            "{head}"
        );
        assert!(body.contains("\nfelix_resync_state 3\n"), "{body}");
    });
}

#[test]
fn a_port_that_is_taken_is_served_when_it_is_free() {
    let runtime = runtime();
    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let health = Arc::new(Health::new(Arc::new(Instant::now)));
    runtime.block_on(async {
        let serving = tokio::spawn(serve_at(None, port, health));
        sleep(Duration::from_millis(200)).await;
        assert!(!serving.is_finished());
        drop(taken);
        let answered = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_err()
            {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(20), answered).await.unwrap();
        serving.abort();
    });
}
