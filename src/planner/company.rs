//! What the statements of one query string leave to the later ones: names are bound before any of
//! them runs. Pure.

use crate::catalog::{Catalog, SearchPath};
use crate::error::{Refusal, SqlState};
use crate::sql::ast::{
    Constant, Definition, DiscardTarget, SetVariable, StatementKind, TransactionKind,
};

/// Where the names of the next statement of a string will be looked up.
pub(super) struct Company {
    /// `None`: only the server will know.
    path: Option<SearchPath>,
    /// An earlier statement of the string changed it, and the end of a transaction may change it
    /// back.
    moved: bool,
}

impl Company {
    pub(super) fn new(path: &SearchPath) -> Self {
        Self { path: Some(path.clone()), moved: false }
    }

    /// The path for the next statement, which looks up names.
    ///
    /// # Errors
    ///
    /// 0A000 when an earlier statement of the string may have changed it to something unknown.
    pub(super) fn path(&self) -> Result<&SearchPath, Refusal> {
        self.path.as_ref().ok_or_else(|| {
            Refusal::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "a change of settings and a statement after it in one query string",
                "what names mean after it is known only then; send it as a query of its own",
            )
        })
    }

    /// Whether an earlier statement of the string changed it.
    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }

    /// Goes on behind a statement.
    pub(super) fn pass(&mut self, statement: &StatementKind, catalog: &Catalog) {
        match statement {
            StatementKind::Set(set) => self.set(set, catalog),
            StatementKind::Transaction(kind) => match kind {
                TransactionKind::Begin | TransactionKind::Savepoint | TransactionKind::Release => {}
                TransactionKind::Commit
                | TransactionKind::Rollback
                | TransactionKind::RollbackTo
                | TransactionKind::TwoPhase => {
                    if self.moved {
                        self.path = None;
                    }
                }
            },
            StatementKind::Discard(target) => match target {
                DiscardTarget::All | DiscardTarget::Temp => self.move_to(None),
                DiscardTarget::Plans | DiscardTarget::Sequences => {}
            },
            StatementKind::Definition(definition) => match &**definition {
                Definition::Create { .. } => self.move_to(None),
                Definition::Drop { names, .. } => {
                    let Some(mut path) = self.path.take() else { return };
                    for name in names {
                        let found = match &name.schema {
                            Some(schema) => path.relation_named(catalog, schema, &name.name),
                            None => path.relation(catalog, &name.name),
                        };
                        let temporary = found.filter(|found| found.is_temporary());
                        if let Some(left) = temporary.map(|found| path.1.without(found)) {
                            path = path.with_temporary(left);
                            self.moved = true;
                        }
                    }
                    self.path = Some(path);
                }
                Definition::Truncate(_) | Definition::Index(_) => {}
            },
            StatementKind::Select(_)
            | StatementKind::Insert(_)
            | StatementKind::Update(_)
            | StatementKind::Delete(_)
            | StatementKind::Merge(_)
            | StatementKind::Copy(_)
            | StatementKind::Explain(_)
            | StatementKind::DeclareCursor { .. }
            | StatementKind::Fetch { .. }
            | StatementKind::ClosePortal { .. }
            | StatementKind::Prepare { .. }
            | StatementKind::Execute { .. }
            | StatementKind::Deallocate { .. }
            | StatementKind::Show(_)
            | StatementKind::Other(_) => {}
        }
    }

    fn set(&mut self, set: &SetVariable, catalog: &Catalog) {
        match set.name.as_deref() {
            // RESET ALL.
            None => self.move_to(None),
            Some("search_path") => {
                let names = set.values.as_ref().and_then(|values| {
                    let names = values.iter().map(|value| match value {
                        Some(Constant::String(name)) => Some(name.clone()),
                        Some(_) | None => None,
                    });
                    names.collect::<Option<Vec<String>>>()
                });
                let path = self.path.take();
                self.move_to(match (path, names) {
                    (Some(path), Some(names)) => Some(path.set(catalog, &names)),
                    (_, _) => None,
                });
            }
            Some(_) => {}
        }
    }

    fn move_to(&mut self, path: Option<SearchPath>) {
        self.path = path;
        self.moved = true;
    }
}
