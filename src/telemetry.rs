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
    metrics::describe_gauge!("rowgate_audit_queue", "Records that wait to be written");
    metrics::describe_gauge!("rowgate_sessions", "Clients that are logged in");
    metrics::describe_counter!("rowgate_logins_total", "Logins by outcome");
    metrics::describe_counter!(
        "rowgate_statements_total",
        "Statements by kind and decision; a query string counts as its first statement"
    );
    metrics::describe_counter!("rowgate_refusals_total", "Refused statements by SQLSTATE");
    metrics::describe_counter!("rowgate_answer_rows_total", "Rows sent to clients or written");
    metrics::describe_counter!("rowgate_answer_bytes_total", "Bytes of rows sent to clients");
    metrics::describe_counter!("rowgate_plan_cache_hits_total", "Plans found in the cache");
    metrics::describe_counter!("rowgate_plan_cache_misses_total", "Plans made");
    metrics::describe_counter!(
        "rowgate_planning_refusals_total",
        "Statements refused while a plan was made"
    );
    metrics::describe_counter!(
        "rowgate_verifier_refusals_total",
        "Rewritten statements that the verifier refused: each is a defect of rowgate"
    );
    metrics::describe_gauge!("rowgate_plan_cache_plans", "Plans in the cache");
    metrics::describe_gauge!("rowgate_plan_cache_bytes", "Bytes that the plans take, roughly");
    metrics::describe_gauge!("rowgate_pool_connections", "Server connections by state");
    metrics::describe_counter!("rowgate_session_panics_total", "Sessions ended by a defect");
    Ok(handle)
}
