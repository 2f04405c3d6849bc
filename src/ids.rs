//! Identities that must not be swapped for one another. Pure.

use std::fmt;
use std::sync::Arc;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

number! {
    /// The OID of a relation in `pg_class`.
    RelationId(u32)
}
number! {
    /// The OID of a type in `pg_type`.
    TypeId(u32)
}
number! {
    /// The OID of a function in `pg_proc`.
    FunctionId(u32)
}
number! {
    /// The OID of a collation in `pg_collation`.
    CollationId(u32)
}
number! {
    /// An OID of whatever table of the catalogue.
    ObjectId(u32)
}
number! {
    /// `pg_attribute.attnum`: 1 and above for the user's columns.
    ColumnNumber(i16)
}
number! {
    /// Counts catalogue snapshots of one gateway process; a changed schema gets a new one.
    CatalogVersion(u64)
}
number! {
    /// Counts accepted directory versions of one gateway process.
    DirectoryVersion(u64)
}
number! {
    /// One client connection of one gateway process.
    SessionId(u64)
}
number! {
    /// The index of an identity parameter in its policy set.
    IdentityIndex(u16)
}

impl CollationId {
    /// No collation (0), or the database's own (`default`, 100).
    pub fn is_default(self) -> bool {
        self.0 == 0 || self.0 == 100
    }
}

name! {
    /// A CRM role, as the policy names it.
    RoleName
}
name! {
    /// The name a client logs in with.
    Login
}
name! {
    /// The content hash of a policy set, in hexadecimal: the same files give the same version.
    PolicyVersion
}
name! {
    /// Names one decision, in an error's HINT and in the audit log.
    DecisionId
}
