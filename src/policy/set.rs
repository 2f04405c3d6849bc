//! The compiled policy: everything checked against one catalogue. Pure data.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use sqlparser::ast::Expr;

use crate::catalog::{Catalog, Function};
use crate::ids::{ColumnNumber, FunctionId, IdentityIndex, PolicyVersion, RelationId, RoleName};
use crate::policy::condition::Condition;
use crate::policy::identity::IdentityParameter;
use crate::policy::model::{CombineMasks, CombineRows, Limits};
use crate::policy::scope::{ColumnMask, PolicyLine, RoleSet, Verb};
use crate::policy::visible::{Memo, Visible};

/// A boolean expression over the row and the identity parameters it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Predicate {
    pub(super) expr: Box<Expr>,
    pub(super) parameters: BTreeSet<IdentityIndex>,
}

/// One scope of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Disjunct {
    All,
    Nothing,
    Where(Predicate),
    /// The rows whose parent the same roles may touch with the same verb.
    Parent,
}

/// A compiled mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) shown: ColumnMask,
    pub(super) strength: u8,
    pub(super) parameters: BTreeSet<IdentityIndex>,
}

/// One verb of a grant on one relation.
#[derive(Debug, Clone)]
pub(super) struct VerbGrant {
    pub(super) scopes: Vec<Disjunct>,
    pub(super) conditions: Vec<Predicate>,
    pub(super) columns: Option<BTreeSet<ColumnNumber>>,
    /// What this grant says of a column: `None` is clear. Absent columns have their tag's mask.
    pub(super) sights: BTreeMap<ColumnNumber, Option<Mask>>,
    pub(super) rows_per_query: Option<u64>,
}

/// One grant on one relation.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) role: RoleName,
    pub(super) line: PolicyLine,
    pub(super) verbs: BTreeMap<Verb, VerbGrant>,
    pub(super) denied: BTreeSet<ColumnNumber>,
}

/// A restrictive rule on one relation.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Empty is every verb.
    pub(super) verbs: Vec<Verb>,
    pub(super) predicate: Predicate,
    pub(super) line: PolicyLine,
}

/// Parts of a policy in its order; those of some roles are found without looking at the others.
#[derive(Debug, Clone)]
pub(super) struct ByRole<T> {
    parts: Vec<T>,
    everybody: Vec<usize>,
    of_role: HashMap<RoleName, Vec<usize>>,
}

impl<T> Default for ByRole<T> {
    fn default() -> Self {
        Self { parts: Vec::new(), everybody: Vec::new(), of_role: HashMap::new() }
    }
}

impl<T> ByRole<T> {
    /// Adds a part of these roles; without any it is everybody's.
    pub(super) fn push(&mut self, roles: impl IntoIterator<Item = RoleName>, part: T) {
        let index = self.parts.len();
        self.parts.push(part);
        let mut roles = roles.into_iter().peekable();
        if roles.peek().is_none() {
            self.everybody.push(index);
        }
        for role in roles {
            self.of_role.entry(role).or_default().push(index);
        }
    }

    /// The parts that concern one of `roles`.
    pub(super) fn of(&self, roles: &RoleSet) -> impl Iterator<Item = &T> + use<'_, T> {
        let own = roles.0.iter().filter_map(|role| self.of_role.get(role)).flatten();
        let found: BTreeSet<usize> = self.everybody.iter().chain(own).copied().collect();
        found.into_iter().filter_map(|index| self.parts.get(index))
    }
}

/// The row above.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    pub(super) relation: RelationId,
    pub(super) column: String,
    pub(super) key: String,
}

/// All a policy says of one relation.
#[derive(Debug, Clone, Default)]
pub(super) struct TableRules {
    pub(super) grants: ByRole<Grant>,
    pub(super) rules: ByRole<Rule>,
    pub(super) tag_masks: BTreeMap<ColumnNumber, Mask>,
    pub(super) unclassified: BTreeSet<ColumnNumber>,
    pub(super) assigns: BTreeSet<ColumnNumber>,
    pub(super) parent: Option<Parent>,
}

/// A role without its grants.
#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) includes: Vec<RoleName>,
    pub(super) conditions: Vec<Condition>,
    pub(super) limits: Limits,
    pub(super) unrestricted: bool,
}

/// A sub-select of the policy reads this relation unfiltered, with the gateway's own rights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnfilteredRead {
    /// Where the sub-select stands.
    pub line: PolicyLine,
    /// `schema.table`
    pub relation: String,
}

/// A validated, versioned set of rules.
pub struct PolicySet {
    pub(super) version: PolicyVersion,
    pub(super) parameters: Vec<IdentityParameter>,
    pub(super) hash_key: String,
    pub(super) roles: BTreeMap<RoleName, Role>,
    pub(super) tables: HashMap<RelationId, TableRules>,
    pub(super) functions: BTreeSet<(RoleName, FunctionId)>,
    pub(super) sequences: BTreeSet<(RoleName, RelationId)>,
    pub(super) exclusive: Vec<Vec<RoleName>>,
    pub(super) combine_rows: CombineRows,
    pub(super) combine_masks: CombineMasks,
    pub(super) unfiltered: Vec<UnfilteredRead>,
    pub(super) named: BTreeSet<RelationId>,
    pub(super) memo: Memo,
}

// The hash key is a secret: it must not reach a log through `{:?}`.
impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicySet")
            .field("version", &self.version)
            .field("roles", &self.roles.len())
            .field("tables", &self.tables.len())
            .finish_non_exhaustive()
    }
}

impl PolicySet {
    /// A policy that grants nothing.
    pub fn empty() -> Self {
        Self {
            version: PolicyVersion::from(""),
            parameters: Vec::new(),
            hash_key: String::new(),
            roles: BTreeMap::new(),
            tables: HashMap::new(),
            functions: BTreeSet::new(),
            sequences: BTreeSet::new(),
            exclusive: Vec::new(),
            combine_rows: CombineRows::default(),
            combine_masks: CombineMasks::default(),
            unfiltered: Vec::new(),
            named: BTreeSet::new(),
            memo: Memo::default(),
        }
    }

    /// The hash of the files it was made from.
    pub fn version(&self) -> &PolicyVersion {
        &self.version
    }

    /// The identity parameters, by [`IdentityIndex`].
    pub fn parameters(&self) -> &[IdentityParameter] {
        &self.parameters
    }

    /// The names of all roles, in order.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles.keys()
    }

    /// Whether it names this relation itself, not only through a pattern: such a view has rules of
    /// its own and is not expanded.
    pub fn names_relation(&self, relation: RelationId) -> bool {
        self.named.contains(&relation)
    }

    /// The relations it grants or restricts, in no particular order.
    pub fn relations(&self) -> impl Iterator<Item = RelationId> + '_ {
        self.tables.keys().copied()
    }

    /// What of the database's catalogue exists for `roles`.
    pub fn visible(&self, catalog: &Catalog, roles: &RoleSet) -> Arc<Visible> {
        self.memo.visible(self, catalog, roles)
    }

    /// What its sub-selects read unfiltered.
    pub fn unfiltered_reads(&self) -> &[UnfilteredRead] {
        &self.unfiltered
    }

    /// Whether `roles` may call a function that is not allowed to everybody.
    pub fn grants_function(&self, roles: &RoleSet, function: &Function, _: &Catalog) -> bool {
        roles.0.iter().any(|role| self.functions.contains(&(role.clone(), function.id)))
    }

    /// The functions that one of `roles` is granted, in no particular order.
    pub fn granted_functions(&self, roles: &RoleSet) -> BTreeSet<FunctionId> {
        self.functions
            .iter()
            .filter(|(role, _)| roles.0.contains(role))
            .map(|(_, function)| *function)
            .collect()
    }

    /// Whether any of these columns of a relation has a tag with a mask, for whomever.
    pub fn has_tagged(&self, relation: RelationId, columns: &[ColumnNumber]) -> bool {
        self.tables
            .get(&relation)
            .is_some_and(|rules| columns.iter().any(|column| rules.tag_masks.contains_key(column)))
    }

    /// Whether `roles` may use a sequence.
    pub fn grants_sequence(&self, roles: &RoleSet, sequence: RelationId) -> bool {
        roles.0.iter().any(|role| self.sequences.contains(&(role.clone(), sequence)))
    }

    /// The first exclusive set of roles of which `roles`, with what they include, hold two.
    pub fn exclusive_violation(&self, roles: &[RoleName]) -> Option<Vec<RoleName>> {
        let held = self.with_includes(roles);
        self.exclusive.iter().find_map(|set| {
            let together: Vec<RoleName> =
                set.iter().filter(|role| held.contains(*role)).cloned().collect();
            (together.len() > 1).then_some(together)
        })
    }

    /// `roles` and everything they include, whatever the conditions.
    pub fn with_includes(&self, roles: &[RoleName]) -> BTreeSet<RoleName> {
        let mut held = BTreeSet::new();
        let mut pending: Vec<RoleName> = roles.to_vec();
        while let Some(name) = pending.pop() {
            if let Some(role) = self.roles.get(&name)
                && held.insert(name)
            {
                pending.extend(role.includes.iter().cloned());
            }
        }
        held
    }
}
