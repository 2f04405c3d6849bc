//! PostgreSQL's wire protocol as the gateway speaks it to clients.

pub mod stream;
pub mod tls;
