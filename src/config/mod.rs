//! `rowgate.toml` → [`Settings`]. Reports everything that is wrong with the file at once; never
//! opens a connection.

mod load;
mod reader;
mod settings;
mod source;
mod units;

pub use load::{Loaded, load, load_text};
pub use settings::{
    Admin, Audit, Auth, AuthMethod, Backend, BackendTls, DatabaseMapping, DirectorySource,
    DirectorySql, Durability, Limits, Listen, ListenTls, Lockout, OnFailure, ParameterRecording,
    PolicySource, Pool, PoolMode, Secret, Settings, TlsFiles,
};
pub use source::{SourceText, about_file, io_reason};

#[cfg(test)]
mod tests;
