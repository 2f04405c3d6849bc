//! What the gateway says about itself: log lines on standard error and metrics. Never SQL values,
//! parameters or secrets: those belong to the audit log or nowhere.

use std::io;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;
use tracing_subscriber::{fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The form of the log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to standard error. `ROWGATE_LOG` chooses what is logged, in the syntax of
/// `tracing_subscriber::EnvFilter`; the default is `info`.
///
/// # Errors
/// When logging was started before.
pub fn start_logging(format: LogFormat) -> Result<(), TryInitError> {
    let filter = EnvFilter::try_from_env("ROWGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(io::stderr)).try_init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(io::stderr)).try_init(),
    }
}

/// Starts counting. The handle renders the figures for Prometheus.
///
/// # Errors
/// When counting was started before.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    metrics::describe_counter!("rowgate_audit_records_total", "Records in the audit log");
    metrics::describe_counter!("rowgate_audit_bytes_total", "Bytes written to the audit log");
    metrics::describe_counter!("rowgate_audit_syncs_total", "Group commits of the audit log");
    metrics::describe_counter!(
        "rowgate_audit_write_failures_total",
        "Failed writes of the audit log"
    );
    metrics::describe_gauge!("rowgate_audit_healthy", "1 while the audit log can be written");
    Ok(handle)
}
