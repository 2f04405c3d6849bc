//! rowgate: a PostgreSQL wire-protocol proxy that gives a database row filters, column masks,
//! write checks and a tamper-evident audit log.
//!
//! The straight line of one statement: frame → lex → plan (cache, or parse → resolve → decide →
//! rewrite → verify) → splice → record intent → backend → relay → record outcome.
//!
//! Modules in reading order. The core decides and does no I/O: sql, [`catalog`], resolve,
//! [`policy`], mask, [`rewrite`]. The shell does I/O and decides nothing.

pub mod admin;
pub mod audit;
pub mod auth;
pub mod backend;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod demo;
pub mod diagnostic;
pub mod directory;
pub mod error;
pub mod export;
pub mod ids;
pub mod mask;
pub mod planner;
pub mod policy;
pub mod protocol;
pub mod relay;
pub mod resolve;
pub mod rewrite;
pub mod selftest;
pub mod server;
pub mod session;
pub mod snapshot;
pub mod sql;
pub mod telemetry;
pub mod yaml;
