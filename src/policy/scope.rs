//! What a decision hands to the rewriter: row filters, masks and check options as syntax trees.
//! Pure. The only birthplace of a `Permit` is `policy::decide`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlparser::ast::{Expr, Ident, Value, VisitMut, VisitorMut};

use crate::ids::{ColumnNumber, IdentityIndex, RelationId, RoleName};

/// What a statement does to a relation; each is granted by itself and none implies another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// SELECT, and every place that reads a column.
    Read,
    /// INSERT and the inserting half of MERGE and ON CONFLICT.
    Create,
    /// UPDATE, and locking rows (FOR UPDATE, FOR SHARE).
    Update,
    /// DELETE.
    Delete,
    /// COPY … TO.
    Export,
    /// Writing a column that says whose the row is (owner, department, team, tenant).
    Assign,
    /// DDL and administration.
    Manage,
}

impl Verb {
    /// The word the policy and the audit log use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Export => "export",
            Self::Assign => "assign",
            Self::Manage => "manage",
        }
    }
}

/// Where one identity value goes into policy SQL, and in which form.
///
/// A list with one element is written as a scalar (`=` keeps an index's order, `= ANY` does not).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hole {
    /// Which identity parameter of the policy set.
    pub parameter: IdentityIndex,
    /// As one value, or as an array literal.
    pub form: HoleForm,
}

/// The form of a [`Hole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoleForm {
    /// One value.
    Scalar,
    /// A PostgreSQL array literal (`{1,2,3}`).
    Array,
}

/// Starts and ends a hole inside printed policy SQL. Policy texts that contain it are refused at
/// load, so it can only come from [`Hole::placeholder`].
pub const HOLE_MARK: char = '\u{1}';

/// The qualifier of the protected row's own columns in policy SQL. It is replaced by the alias in
/// force where the expression is used; it can not be written in a policy (it holds a control
/// character).
pub const ROW_QUALIFIER: &str = "\u{2}row";

impl Hole {
    /// The syntax node that stands for this hole. The caller wraps it in a schema-qualified cast.
    pub fn placeholder(self) -> Expr {
        let form = match self.form {
            HoleForm::Scalar => 's',
            HoleForm::Array => 'a',
        };
        Expr::Value(
            Value::Placeholder(format!("{HOLE_MARK}{}{form}{HOLE_MARK}", self.parameter.0)).into(),
        )
    }

    /// Reads what stands between two marks; `None` when it is not ours.
    pub fn parse(text: &str) -> Option<Self> {
        let form = match text.chars().last()? {
            's' => HoleForm::Scalar,
            'a' => HoleForm::Array,
            _ => return None,
        };
        let number = text.strip_suffix(['s', 'a'])?;
        Some(Self { parameter: IdentityIndex(number.parse().ok()?), form })
    }
}

/// An expression over one row of a protected relation.
///
/// Columns of the row are written `"\u{2}row".column`; everything else in it is schema-qualified,
/// so it means the same wherever it is put.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowExpr(pub Box<Expr>);

impl RowExpr {
    /// A column of the row.
    pub fn column(name: &str) -> Expr {
        Expr::CompoundIdentifier(vec![
            Ident::with_quote('"', ROW_QUALIFIER),
            Ident::with_quote('"', name),
        ])
    }

    /// The expression with the row's columns under `alias`.
    pub fn bind(&self, alias: &Ident) -> Expr {
        struct Requalify<'a>(&'a Ident);
        impl VisitorMut for Requalify<'_> {
            type Break = std::convert::Infallible;
            fn post_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<Self::Break> {
                if let Expr::CompoundIdentifier(parts) = expr
                    && let Some(first) = parts.first_mut()
                    && first.value == ROW_QUALIFIER
                {
                    *first = self.0.clone();
                }
                std::ops::ControlFlow::Continue(())
            }
        }
        let mut bound = (*self.0).clone();
        let _: std::ops::ControlFlow<_> = bound.visit(&mut Requalify(alias));
        bound
    }
}

/// Which rows a verb may touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowFilter {
    /// Every row.
    All,
    /// The rows for which the expression is true (NULL is not true).
    Where(RowExpr),
    /// No row: the verb is granted, and nothing is in its scope.
    Nothing,
}

/// How a predicate of the client may meet a masked column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MaskMatch {
    /// Every expression sees the masked value.
    #[default]
    Masked,
    /// `=` and `IN` compare the clear value; the output stays masked.
    Exact,
    /// A predicate on the column is refused.
    Refuse,
}

/// What a reader sees instead of a column's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnMask {
    /// The kind as the policy names it (`partial`, `null` …), for people and the audit log.
    pub kind: Arc<str>,
    /// The replacing expression, already of the column's own type.
    pub expression: RowExpr,
    /// What predicates see.
    pub matching: MaskMatch,
}

/// The line of a policy file that a part of a decision came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyLine {
    /// Path below the policy folder.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// `role sales_rep` or `rule no-vip`.
    pub name: Arc<str>,
}

/// What one set of roles may do with one relation under one verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Rows that may be read, changed, deleted or exported: USING in the words of row security.
    pub filter: RowFilter,
    /// What a new or changed row has to satisfy (create, update, assign): WITH CHECK.
    pub check: RowFilter,
    /// Masked columns. Columns in neither map nor set are clear.
    pub masks: BTreeMap<ColumnNumber, ColumnMask>,
    /// Columns that do not exist for this principal.
    pub denied: BTreeSet<ColumnNumber>,
    /// Columns that may be written (create, update); `None` is all.
    pub writable: Option<BTreeSet<ColumnNumber>>,
    /// Columns that only `assign` may change.
    pub assigns: BTreeSet<ColumnNumber>,
    /// The most rows one statement may return.
    pub rows_per_query: Option<u64>,
    /// Where this came from.
    pub lines: Vec<PolicyLine>,
}

impl Scope {
    /// Everything, clear: what an unrestricted relation gets.
    pub fn unrestricted(lines: Vec<PolicyLine>) -> Self {
        Self {
            filter: RowFilter::All,
            check: RowFilter::All,
            masks: BTreeMap::new(),
            denied: BTreeSet::new(),
            writable: None,
            assigns: BTreeSet::new(),
            rows_per_query: None,
            lines,
        }
    }

    /// Whether a reference can stay as the client wrote it.
    pub fn is_transparent(&self) -> bool {
        self.filter == RowFilter::All && self.masks.is_empty() && self.denied.is_empty()
    }
}

/// A relation a statement touches, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// The relation.
    pub relation: RelationId,
    /// What the statement does to it.
    pub verb: Verb,
}

/// The roles in force for one statement, sorted, their conditions already judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleSet(pub Arc<[RoleName]>);

/// How many values each identity parameter of the policy set has for this person.
///
/// It is part of the plan key: the text depends on it, on nothing else of the person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdentityShape(pub Arc<[Cardinality]>);

/// How many values an identity parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// The attribute is missing or the list is empty: what depends on it is false.
    Missing,
    /// One.
    One,
    /// More than one.
    Many,
}

/// A permission for a whole statement. Private fields: only `policy::decide` makes one.
#[derive(Debug, Clone)]
pub struct Permit {
    scopes: BTreeMap<Access, Arc<Scope>>,
}

impl Permit {
    pub(super) fn new(scopes: BTreeMap<Access, Arc<Scope>>) -> Self {
        Self { scopes }
    }

    /// What was permitted for this access; `None` when it was not asked for.
    pub fn scope(&self, access: Access) -> Option<&Arc<Scope>> {
        self.scopes.get(&access)
    }

    /// Everything that was permitted, in order.
    pub fn scopes(&self) -> impl Iterator<Item = (&Access, &Arc<Scope>)> {
        self.scopes.iter()
    }
}

/// The answer of `policy::decide`. Denial is an answer, not an error.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Everything asked for is granted, within these scopes.
    Permit(Permit),
    /// At least one access is not.
    Deny {
        /// What was not granted.
        access: Access,
        /// In words for the client: which verb on which relation, and why not.
        reason: String,
    },
}
