//! What a planner remembers besides plans: parts of statements that come again in statements that
//! were never seen. All of it follows from what its keys hold.

use std::sync::Arc;

use moka::sync::Cache;

use crate::error::Refusal;
use crate::policy::{Access, Permit, PolicySet, Scope, Verb, describe};
use crate::rewrite::{Piece, Printed, Told};
use crate::sql::KnownTables;

/// What the syntax trees of a permit take, roughly and rather more.
const PERMIT_BYTES: usize = 16 * 1024;
/// What an entry takes besides its key and its texts.
const ENTRY_BYTES: usize = 128;
/// Longer derived tables hold long lists of one person's.
const LONGEST_TABLE: usize = 16 * 1024;

fn weight(key: usize, value: usize) -> u32 {
    u32::try_from(key + value + ENTRY_BYTES).unwrap_or(u32::MAX)
}

/// Parts of statements, bounded by bytes.
#[derive(Debug)]
pub(super) struct Memory {
    /// Rules in force and accesses → permit: new statements mostly touch the same relations.
    permits: Cache<Box<[u8]>, Permit>,
    /// Rules in force and what is to be printed → policy SQL.
    printed: Cache<Box<[u8]>, Arc<[Piece]>>,
    /// Rules in force and an access → what the audit log tells of it.
    told: Cache<Box<[u8]>, Told>,
    /// A derived table of a finished text that the verifier has read → where it ends.
    tables: Cache<Box<str>, usize>,
}

impl Memory {
    /// Of about so many bytes at most.
    #[expect(
        clippy::borrowed_box,
        reason = "the weighers are called with the keys as they are kept"
    )]
    pub(super) fn new(bytes: u64) -> Self {
        let texts = |pieces: &[Piece]| -> usize { pieces.iter().map(Piece::weight).sum() };
        Self {
            permits: Cache::builder()
                .max_capacity(bytes / 2)
                .weigher(|key: &Box<[u8]>, _: &Permit| weight(key.len(), PERMIT_BYTES))
                .build(),
            printed: Cache::builder()
                .max_capacity(bytes / 4)
                .weigher(move |key: &Box<[u8]>, pieces: &Arc<[Piece]>| {
                    weight(key.len(), texts(pieces))
                })
                .build(),
            told: Cache::builder()
                .max_capacity(bytes / 8)
                .weigher(|key: &Box<[u8]>, told: &Told| {
                    let lines: usize = told.lines.iter().map(|line| line.len() + 16).sum();
                    weight(key.len(), told.filter.len() + lines)
                })
                .build(),
            tables: Cache::builder()
                .max_capacity(bytes / 8)
                .weigher(|table: &Box<str>, _: &usize| weight(table.len(), 0))
                .build(),
        }
    }

    /// Lets go of everything.
    pub(super) fn forget(&self) {
        self.permits.invalidate_all();
        self.printed.invalidate_all();
        self.told.invalidate_all();
        self.tables.invalidate_all();
    }

    pub(super) fn permit(&self, key: &[u8]) -> Option<Permit> {
        self.permits.get(key)
    }

    pub(super) fn keep_permit(&self, key: Vec<u8>, permit: &Permit) {
        self.permits.insert(key.into_boxed_slice(), permit.clone());
    }
}

impl KnownTables for Memory {
    fn end(&self, table: &str) -> Option<usize> {
        self.tables.get(table)
    }

    fn know(&self, table: &str, end: usize) {
        if table.len() <= LONGEST_TABLE {
            self.tables.insert(table.into(), end);
        }
    }
}

/// What was printed under one set of rules.
pub(super) struct UnderRules<'m> {
    pub(super) memory: &'m Memory,
    pub(super) policy: &'m PolicySet,
    /// The rules, as a key begins.
    pub(super) rules: Vec<u8>,
}

impl Printed for UnderRules<'_> {
    fn pieces(
        &self,
        of: &[u8],
        print: &mut dyn FnMut() -> Result<Vec<Piece>, Refusal>,
    ) -> Result<Vec<Piece>, Refusal> {
        let key = [self.rules.as_slice(), of].concat();
        if let Some(pieces) = self.memory.printed.get(key.as_slice()) {
            return Ok(pieces.to_vec());
        }
        let pieces = print()?;
        self.memory.printed.insert(key.into_boxed_slice(), pieces.as_slice().into());
        Ok(pieces)
    }

    fn told(&self, access: Access, scope: &Scope) -> Told {
        let relation = access.relation.0.to_le_bytes();
        let key = [&self.rules, &relation[..], access.verb.as_str().as_bytes()].concat();
        if let Some(told) = self.memory.told.get(key.as_slice()) {
            return told;
        }
        let filter = match access.verb {
            Verb::Create | Verb::Assign => &scope.check,
            Verb::Read | Verb::Update | Verb::Delete | Verb::Export | Verb::Manage => &scope.filter,
        };
        let lines = scope.lines.iter();
        let told = Told {
            filter: describe(filter, self.policy).into(),
            lines: lines
                .map(|line| format!("{}:{} {}", line.file, line.line, line.name).into())
                .collect(),
        };
        self.memory.told.insert(key.into_boxed_slice(), told.clone());
        told
    }
}
