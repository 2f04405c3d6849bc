//! The HTTP port for operators: `/healthz`, `/readyz`, `/metrics`. Changes nothing and tells no
//! secret, no SQL and no name of a user; still it belongs on the loopback address.

use std::fmt::{self, Write as _};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::audit::Audit;

/// What the gateway needs before it can serve; set by the parts that know.
#[derive(Debug, Default)]
pub struct Readiness {
    /// The server behind the gateway answered last time.
    pub backend_reachable: AtomicBool,
    /// Directory, policy and catalogue are loaded.
    pub snapshot_loaded: AtomicBool,
}

/// Figures that are looked up when somebody asks for them.
pub trait Figures: fmt::Debug + Send + Sync {
    /// Hands them to the metrics recorder.
    fn publish(&self);
}

/// What the pages show.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The log whose health counts.
    pub audit: Audit,
    /// The rest of it.
    pub readiness: Arc<Readiness>,
    /// Renders the figures that were recorded.
    pub metrics: PrometheusHandle,
    /// Further ones.
    pub figures: Arc<dyn Figures>,
}

/// Serves the pages until `stop` is done.
pub async fn serve(
    listener: TcpListener,
    admin: Admin,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, routes(admin)).with_graceful_shutdown(stop).await
}

fn routes(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    let parts = [
        ("audit", admin.audit.healthy()),
        ("backend", admin.readiness.backend_reachable.load(Ordering::Relaxed)),
        ("snapshot", admin.readiness.snapshot_loaded.load(Ordering::Relaxed)),
    ];
    let ready = parts.iter().all(|(_, good)| *good);
    let mut text = String::new();
    for (part, good) in parts {
        // Writing to a string does not fail.
        let _infallible = writeln!(text, "{part}: {}", if good { "ok" } else { "not ready" });
    }
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    admin.figures.publish();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], admin.metrics.render())
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::audit::AuditSettings;

    #[derive(Debug)]
    struct NoFigures;

    impl Figures for NoFigures {
        fn publish(&self) {}
    }

    async fn page(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_gateway_that_cannot_reach_its_server_is_not_ready() {
        let directory = tempfile::tempdir().unwrap();
        let audit = Audit::open(AuditSettings::new(directory.path().join("audit"))).unwrap();
        let readiness = Arc::new(Readiness::default());
        let admin = Admin {
            audit: audit.clone(),
            readiness: Arc::clone(&readiness),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            figures: Arc::new(NoFigures),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, admin, std::future::pending()));
        assert!(page(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(page(address, "/metrics").await.starts_with("HTTP/1.1 200"));
        readiness.snapshot_loaded.store(true, Ordering::Relaxed);
        let answer = page(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("backend: not ready"));
        readiness.backend_reachable.store(true, Ordering::Relaxed);
        assert!(page(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        audit.close().await.unwrap();
        assert!(page(address, "/readyz").await.contains("audit: not ready"));
        server.abort();
    }
}
