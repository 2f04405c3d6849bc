//! PostgreSQL's wire protocol, version 3: frames, messages and what comes before a session. Knows
//! nothing of policy and nothing of the server behind.

pub mod cancel;
pub mod frame;
pub mod message;
pub mod settings;
pub mod socket;
pub mod startup;
pub mod stream;
pub mod tls;
