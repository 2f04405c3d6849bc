//! The policy as its files say it, every word with its place. Checked for form only. Pure.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::policy::scope::{MaskMatch, PolicyLine, Verb};
use crate::yaml::{File, Node, Place};

/// Where a word stands: which file, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct At {
    /// Index into [`Model::files`].
    pub(super) file: usize,
    /// Place in that file.
    pub(super) place: Place,
}

/// A word of the policy and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The word.
    pub(super) text: String,
    /// Where it stands.
    pub(super) at: At,
    /// Its node, to point inside it.
    pub(super) node: Option<Box<Node>>,
}

/// Who owns a row.
#[derive(Debug, Clone)]
pub(super) enum OwnerLink {
    /// A column holds the user's id.
    Column(Word),
    /// A table holds the owners of each row.
    Table(LinkTable),
}

/// A table that links rows to users.
#[derive(Debug, Clone)]
pub(super) struct LinkTable {
    /// The table.
    pub(super) table: Word,
    /// Its column that holds the row's key.
    pub(super) record: Word,
    /// Its column that holds the user's id.
    pub(super) user: Word,
}

/// What department or team a row belongs to.
#[derive(Debug, Clone)]
pub(super) enum GroupLink {
    /// A column holds the group's id.
    Column(Word),
    /// The owner's.
    ViaOwner,
    /// A table holds the people of each row (teams only).
    Table(LinkTable),
}

/// The table that holds shares of single rows.
#[derive(Debug, Clone)]
pub(super) struct ShareLink {
    /// The table.
    pub(super) table: Word,
    /// Its column that holds the row's key.
    pub(super) record: Word,
    /// The value of its `object` column for rows of this table.
    pub(super) object: Option<Word>,
    /// The column `object` is compared with; `object` when it is not said.
    pub(super) object_column: Option<Word>,
    /// Its column that names who the row is shared with.
    pub(super) principal: Word,
    /// Its column with the level.
    pub(super) level: Option<Word>,
    /// Its column with the end of the share.
    pub(super) expires: Option<Word>,
}

/// The row above this one.
#[derive(Debug, Clone)]
pub(super) struct ParentLink {
    /// Its table.
    pub(super) table: Word,
    /// The column of this table that holds its key.
    pub(super) column: Word,
}

/// What the columns of a table mean.
#[derive(Debug, Clone)]
pub(super) struct TableModel {
    /// `schema.table`.
    pub(super) name: Word,
    /// The column that identifies a row, where the primary key does not.
    pub(super) key: Option<Word>,
    /// Who owns a row.
    pub(super) owner: Option<OwnerLink>,
    /// Its department.
    pub(super) department: Option<GroupLink>,
    /// Its team.
    pub(super) team: Option<GroupLink>,
    /// Its shares.
    pub(super) share: Option<ShareLink>,
    /// Its parent.
    pub(super) parent: Option<ParentLink>,
    /// The column that holds the tenant.
    pub(super) tenant: Option<Word>,
    /// Column and tag.
    pub(super) tags: Vec<(Word, Word)>,
}

/// A mask as it is written.
#[derive(Debug, Clone)]
pub(super) struct MaskModel {
    /// The kind.
    pub(super) kind: Word,
    /// Its options.
    pub(super) options: Vec<(Word, Word)>,
    /// What predicates see.
    pub(super) matching: MaskMatch,
}

/// Which rows, as a word or as SQL.
#[derive(Debug, Clone)]
pub(super) enum ScopeModel {
    /// One of [`SCOPES`].
    Named(Word),
    /// `{ where: SQL }`
    Where(Word),
}

/// The scopes a policy can name.
pub(super) const SCOPES: [&str; 11] = [
    "none",
    "self",
    "direct_reports",
    "subordinates",
    "department",
    "department_and_below",
    "headed_departments",
    "team",
    "shared",
    "parent",
    "all",
];

/// Limits of a role or a verb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most rows one statement may return.
    pub rows_per_query: Option<u64>,
    /// The most rows one person may read in a day.
    pub rows_per_day: Option<u64>,
    /// The most statements one person may run in a minute.
    pub statements_per_minute: Option<u64>,
}

impl Limits {
    /// The wider of two roles' limits. A role that states none does not lift another's: included
    /// roles are mostly silent.
    #[must_use]
    pub fn wider(self, other: Self) -> Self {
        let wider = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        Self {
            rows_per_query: wider(self.rows_per_query, other.rows_per_query),
            rows_per_day: wider(self.rows_per_day, other.rows_per_day),
            statements_per_minute: wider(self.statements_per_minute, other.statements_per_minute),
        }
    }
}

/// One verb of a grant.
#[derive(Debug, Clone)]
pub(super) struct VerbModel {
    /// The verb.
    pub(super) verb: Verb,
    /// Which rows, ORed.
    pub(super) scopes: Vec<ScopeModel>,
    /// ANDed to the scopes.
    pub(super) predicate: Option<Word>,
    /// The only columns it concerns.
    pub(super) columns: Option<Vec<Word>>,
    /// Masks of this verb.
    pub(super) masks: Vec<(Word, MaskModel)>,
    /// Limits of this verb.
    pub(super) limits: Limits,
}

/// One grant of a role.
#[derive(Debug, Clone)]
pub(super) struct GrantModel {
    /// Where it stands.
    pub(super) at: At,
    /// Table patterns.
    pub(super) tables: Vec<Word>,
    /// What may be done with them.
    pub(super) verbs: Vec<VerbModel>,
    /// Columns or tags that are clear.
    pub(super) unmask: Vec<Word>,
    /// Columns or tags that do not exist for the role.
    pub(super) deny_columns: Vec<Word>,
    /// ANDed to every verb's scopes.
    pub(super) predicate: Option<Word>,
    /// Masks of every verb.
    pub(super) masks: Vec<(Word, MaskModel)>,
    /// Functions it may call.
    pub(super) functions: Vec<Word>,
    /// Sequences it may use.
    pub(super) sequences: Vec<Word>,
}

/// A role.
#[derive(Debug, Clone)]
pub(super) struct RoleModel {
    /// Its name.
    pub(super) name: Word,
    /// Roles that come with it.
    pub(super) includes: Vec<Word>,
    /// What it may do.
    pub(super) grants: Vec<GrantModel>,
    /// When it is in force.
    pub(super) when: Option<Word>,
    /// Its limits.
    pub(super) limits: Limits,
    /// Everything, forwarded as it is.
    pub(super) unrestricted: bool,
}

/// A restrictive rule.
#[derive(Debug, Clone)]
pub(super) struct RuleModel {
    /// Its name.
    pub(super) name: Word,
    /// Whom it concerns; empty is everyone.
    pub(super) roles: Vec<Word>,
    /// Table patterns.
    pub(super) tables: Vec<Word>,
    /// Verbs; empty is all.
    pub(super) verbs: Vec<Verb>,
    /// What has to be true.
    pub(super) predicate: Word,
}

/// How several roles' rows combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum CombineRows {
    /// A row that one role admits.
    #[default]
    Union,
    /// A row that every role admits.
    Intersect,
}

/// How several roles' masks combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum CombineMasks {
    /// The weakest mask among the roles that admit this row.
    #[default]
    PerRow,
    /// The weakest of all.
    Least,
    /// The strongest of all.
    Most,
}

/// All policy files together.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// The files.
    pub(super) files: Vec<File>,
    /// Table descriptors.
    pub(super) tables: Vec<TableModel>,
    /// Masks by tag.
    pub(super) masks: Vec<(Word, MaskModel)>,
    /// Roles; one name may occur in several files.
    pub(super) roles: Vec<RoleModel>,
    /// Rules.
    pub(super) rules: Vec<RuleModel>,
    /// Sets of roles that nobody may hold together.
    pub(super) exclusive: Vec<Vec<Word>>,
    /// How rows combine.
    pub(super) combine_rows: CombineRows,
    /// How masks combine.
    pub(super) combine_masks: CombineMasks,
    /// Columns without a tag do not exist (in described tables).
    pub(super) deny_unclassified: bool,
}

impl Model {
    /// An error at a place of one of the files.
    pub(super) fn error(&self, at: At, message: impl Into<String>) -> Diagnostic {
        match self.files.get(at.file) {
            Some(file) => file.error(at.place, message),
            None => File::new("policy", "").error(Place::default(), message),
        }
    }

    /// A warning at a place of one of the files.
    pub(super) fn warning(&self, at: At, message: impl Into<String>) -> Diagnostic {
        match self.files.get(at.file) {
            Some(file) => file.warning(at.place, message),
            None => File::new("policy", "").warning(Place::default(), message),
        }
    }

    /// The place of a part of a word, counted in characters.
    pub(super) fn within(&self, word: &Word, offset: usize, length: usize) -> At {
        match (self.files.get(word.at.file), &word.node) {
            (Some(file), Some(node)) => {
                At { file: word.at.file, place: file.within(node, offset, length) }
            }
            _ => word.at,
        }
    }

    /// The line for the audit log.
    pub(super) fn line(&self, at: At, name: &str) -> PolicyLine {
        let file = self.files.get(at.file).map_or_else(|| Arc::from(""), |f| Arc::clone(f.name()));
        PolicyLine { file, line: at.place.line, name: Arc::from(name) }
    }
}
