//! Lexical scopes: which FROM item a column reference means. Pure.

use crate::catalog::FIRST_USER_OID;
use crate::ids::{CollationId, ColumnNumber, TypeId};

/// Indexes into `Resolved::uses`, sorted, without repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Deps(Vec<usize>);

impl Deps {
    pub(super) fn one(index: usize) -> Self {
        Self(vec![index])
    }

    pub(super) fn add(&mut self, other: &Self) {
        for index in &other.0 {
            if let Err(at) = self.0.binary_search(index) {
                self.0.insert(at, *index);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }
}

/// What is known of an expression's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownType {
    /// An untyped literal or NULL: takes the type of what it meets, before any row is read.
    Literal,
    /// This type, domains resolved to their base.
    Type(TypeId),
    /// Not inferred.
    Unknown,
}

/// What is known of an expression.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The relations whose rows it reads.
    pub(super) deps: Deps,
    /// It may run on rows that the row filter will reject: it cannot fail and tells nothing.
    pub(super) safe: bool,
    /// Its type.
    pub(super) known: KnownType,
    /// It is exactly this column of this use.
    pub(super) column: Option<(usize, ColumnNumber)>,
    /// It holds an aggregate or window function, so it runs after every filter.
    pub(super) aggregated: bool,
    /// A row value.
    pub(super) composite: bool,
    /// The collation of the strings in it.
    pub(super) collation: Collations,
}

/// The collations of the columns that an expression is made of, the default one left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Collations {
    /// None but the database's own.
    #[default]
    Default,
    /// This one, beside the database's own.
    One(CollationId),
    /// Several: an operation that needs one may raise an error when it meets a row.
    Several,
}

impl Collations {
    pub(super) fn of(collation: CollationId) -> Self {
        if collation.is_default() { Self::Default } else { Self::One(collation) }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Default, one) | (one, Self::Default) => one,
            (Self::One(a), Self::One(b)) if a == b => self,
            (Self::One(_) | Self::Several, Self::One(_) | Self::Several) => Self::Several,
        }
    }

    /// Strings can be compared with it.
    pub(super) fn is_one(self) -> bool {
        match self {
            Self::Default | Self::One(_) => true,
            Self::Several => false,
        }
    }

    /// Strings that are equal have the same bytes: searching raises no error.
    pub(super) fn is_deterministic(self) -> bool {
        match self {
            Self::Default => true,
            Self::One(collation) => collation.0 < FIRST_USER_OID,
            Self::Several => false,
        }
    }
}

impl Facts {
    pub(super) fn constant(known: KnownType) -> Self {
        Self {
            deps: Deps::default(),
            safe: true,
            known,
            column: None,
            aggregated: false,
            composite: false,
            collation: Collations::Default,
        }
    }

    /// Nothing known but what it is made of.
    pub(super) fn opaque(deps: Deps) -> Self {
        Self { deps, safe: false, ..Self::constant(KnownType::Unknown) }
    }

    /// What an expression over `parts` is, when the expression itself adds nothing.
    pub(super) fn over<'f>(parts: impl IntoIterator<Item = &'f Self>) -> Self {
        let mut facts = Self::constant(KnownType::Unknown);
        for part in parts {
            facts.deps.add(&part.deps);
            facts.safe &= part.safe;
            facts.aggregated |= part.aggregated;
            facts.collation = facts.collation.and(part.collation);
        }
        facts
    }
}

/// A named column of a FROM item or of a query's result.
#[derive(Debug, Clone)]
pub(super) struct OutputColumn {
    pub(super) name: String,
    pub(super) facts: Facts,
}

/// The columns of a FROM item or of a query's result.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// In order, as far as they are known.
    pub(super) known: Vec<OutputColumn>,
    /// There may be others, or in another order: every name may be a column, and no position is
    /// sure.
    pub(super) open: bool,
}

impl Columns {
    /// Everything that flows into any of them.
    pub(super) fn all(&self) -> Facts {
        Facts::over(self.known.iter().map(|column| &column.facts))
    }

    /// Renames the first columns. Where positions are not sure, every new name may be anything.
    pub(super) fn rename(mut self, names: &[String]) -> Self {
        if names.is_empty() {
            return self;
        }
        if self.open {
            let facts = Facts::opaque(self.all().deps);
            let renamed =
                names.iter().map(|name| OutputColumn { name: name.clone(), facts: facts.clone() });
            return Self { known: renamed.collect(), open: true };
        }
        for (column, name) in self.known.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
        self
    }
}

/// A FROM item under the name that columns are qualified with.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The alias or the relation's name; empty when it has none.
    pub(super) name: String,
    /// The schema, when the item is a relation without an alias: `schema.t.col` is legal then.
    pub(super) schema: Option<String>,
    /// Its columns.
    pub(super) columns: Columns,
    /// The use, when it is a relation of the catalogue.
    pub(super) relation: Option<usize>,
    /// An outer join may fill its columns up with NULLs.
    pub(super) nullable: bool,
}

/// The FROM items a column reference can mean, innermost level first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'p> {
    pub(super) items: &'p [Item],
    pub(super) parent: Option<&'p Scope<'p>>,
}

/// A common table expression in sight.
#[derive(Debug)]
pub(super) struct CteInSight<'p> {
    pub(super) name: &'p str,
    pub(super) columns: Columns,
    /// A data-modifying statement without RETURNING: nothing can read it.
    pub(super) silent: bool,
}

/// The common table expressions in sight, innermost WITH first; later ones of a WITH shadow none of
/// the earlier (names in one WITH are distinct).
#[derive(Debug, Clone, Copy)]
pub(super) struct Ctes<'p> {
    pub(super) here: &'p [CteInSight<'p>],
    pub(super) parent: Option<&'p Ctes<'p>>,
}

impl Ctes<'_> {
    pub(super) fn find(&self, name: &str) -> Option<&CteInSight<'_>> {
        let mut level = Some(self);
        while let Some(ctes) = level {
            if let Some(cte) = ctes.here.iter().find(|cte| cte.name == name) {
                return Some(cte);
            }
            level = ctes.parent;
        }
        None
    }
}
