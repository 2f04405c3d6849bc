//! What is on a server connection that goes from session to session without a reset: its settings,
//! its prepared statements, and whose sequence values it still knows.

use std::collections::HashMap;
use std::sync::Arc;

/// Settings by name, as `set_config` takes them. Shared by the connections that have them.
pub type SettingValues = Arc<[(String, String)]>;

/// Prepared statements kept on one connection; the least recently used goes first.
pub const STATEMENTS: usize = 500;

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

/// Names of prepared statements in the order of their use.
#[derive(Debug, Default)]
pub struct Statements {
    used: HashMap<Arc<str>, u64>,
    clock: u64,
}

impl Statements {
    /// Whether that statement is there; it has been used now.
    pub fn find(&mut self, name: &str) -> bool {
        self.clock = self.clock.wrapping_add(1);
        match self.used.get_mut(name) {
            Some(used) => {
                *used = self.clock;
                true
            }
            None => false,
        }
    }

    /// Notes a new one. Returns one that has to go for it.
    pub fn insert(&mut self, name: &str) -> Option<Arc<str>> {
        let mut oldest = None;
        if self.used.len() >= STATEMENTS {
            oldest =
                self.used.iter().min_by_key(|(_, used)| **used).map(|(name, _)| Arc::clone(name));
            if let Some(name) = &oldest {
                self.used.remove(name);
            }
        }
        self.clock = self.clock.wrapping_add(1);
        self.used.insert(Arc::from(name), self.clock);
        oldest
    }

    /// It is not there after all.
    pub fn remove(&mut self, name: &str) {
        self.used.remove(name);
    }

    /// None is there any more.
    pub fn clear(&mut self) {
        self.used.clear();
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
}
