//! `rowgate demo`: a throw-away server with the sample CRM, and a gateway in front of it.

pub mod cluster;
