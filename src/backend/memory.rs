//! What is on a server connection that goes from session to session without a reset: its settings,
//! its prepared statements, and whose sequence values it still knows.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

/// Settings by name, as `set_config` takes them. Shared by the connections that have them.
pub type SettingValues = Arc<[(String, String)]>;

/// Prepared statements kept on one connection; the least recently used goes first.
pub const STATEMENTS: usize = 500;

/// The longest RowDescription that is remembered, in bytes: some 300 columns.
pub const COLUMNS: usize = 8 * 1024;

/// What a connection remembers.
#[derive(Debug, Default)]
pub struct Memory {
    /// What was set on it since it was connected or reset.
    pub settings: SettingValues,
    /// The prepared statements on it.
    pub statements: Statements,
    /// The session that may have left values of sequences on it.
    pub sequences: Option<u64>,
}

/// Names of prepared statements in the order of their use, and what is known of them.
#[derive(Debug, Default)]
pub struct Statements {
    known: HashMap<Arc<str>, Known>,
    clock: u64,
}

#[derive(Debug)]
struct Known {
    /// When it was used last.
    used: u64,
    /// The RowDescription of its rows as text. It holds for as long as the statement: PostgreSQL lets
    /// it fail rather than return other columns.
    columns: Option<Bytes>,
}

impl Statements {
    /// Whether that statement is there; it has been used now.
    pub fn find(&mut self, name: &str) -> bool {
        self.clock = self.clock.wrapping_add(1);
        match self.known.get_mut(name) {
            Some(known) => {
                known.used = self.clock;
                true
            }
            None => false,
        }
    }

    /// The RowDescription of that statement, when it has been heard.
    pub fn columns(&self, name: &str) -> Option<Bytes> {
        self.known.get(name)?.columns.clone()
    }

    /// Notes the RowDescription of a statement that is there, unless it is too long to keep.
    pub fn describe(&mut self, name: &str, columns: Bytes) {
        if columns.len() <= COLUMNS
            && let Some(known) = self.known.get_mut(name)
        {
            known.columns = Some(columns);
        }
    }

    /// Notes a new one. Returns one that has to go for it.
    pub fn insert(&mut self, name: &str) -> Option<Arc<str>> {
        let mut oldest = None;
        if self.known.len() >= STATEMENTS {
            let eldest = self.known.iter().min_by_key(|(_, known)| known.used);
            oldest = eldest.map(|(name, _)| Arc::clone(name));
            if let Some(name) = &oldest {
                self.known.remove(name);
            }
        }
        self.clock = self.clock.wrapping_add(1);
        self.known.insert(Arc::from(name), Known { used: self.clock, columns: None });
        oldest
    }

    /// It is not there after all.
    pub fn remove(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// None is there any more.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_collects_statements_without_end_or_loses_one_in_use() {
        let mut statements = Statements::default();
        let name = |number: usize| format!("s{number}");
        for number in 0..STATEMENTS {
            assert_eq!(statements.insert(&name(number)), None);
        }
        assert!(statements.find("s0"));
        assert_eq!(statements.insert("new").as_deref(), Some("s1"));
        assert!(statements.find("s0") && statements.find("new") && !statements.find("s1"));
    }

    #[test]
    fn descriptions_take_memory_without_end_or_outlive_their_statement() {
        let mut statements = Statements::default();
        statements.insert("s");
        let [short, long] = [COLUMNS, COLUMNS + 1].map(|length| Bytes::from(vec![0; length]));
        statements.describe("s", long);
        assert_eq!(statements.columns("s"), None);
        statements.describe("s", short.clone());
        assert_eq!(statements.columns("s"), Some(short));
        statements.insert("s");
        assert_eq!(statements.columns("s"), None);
    }
}
