//! Who is at the other end of a client connection.

pub mod scram;
