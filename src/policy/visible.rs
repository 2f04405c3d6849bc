//! What of the database's catalogue exists for a set of roles. Pure.
//!
//! A relation that no role in force grants anything on is hidden, and with it everything that
//! exists because of it: its indexes, constraints, defaults, row type. A denied column hides the
//! indexes and constraints that name it. Functions are shown when they may be called, schemas when
//! something in them is shown. Objects that came after the snapshot are hidden until the next one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{
    Catalog, FIRST_USER_OID, Function, INFORMATION_SCHEMA, PG_CATALOG, Relation, RelationKind,
    TypeKind,
};
use crate::ids::{CatalogVersion, ColumnNumber, ObjectId, RelationId};
use crate::policy::decide::Decider;
use crate::policy::scope::{IdentityShape, RoleSet, Verb};
use crate::policy::set::PolicySet;

/// Views over views, at most.
const VIEW_DEPTH: usize = 16;

/// What is hidden, as OIDs. One list serves every table of the catalogue: an OID that two tables
/// use is hidden in both when it is hidden in one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Visible {
    /// Hidden OIDs, both ends included, ascending, and everything above the last one known.
    hidden: Vec<(u32, u32)>,
    /// Denied columns of relations that are shown.
    columns: BTreeMap<RelationId, BTreeSet<ColumnNumber>>,
    /// Row types of relations with denied columns.
    partial_types: BTreeSet<u32>,
    /// The verbs granted on each relation that is shown.
    verbs: BTreeMap<RelationId, Vec<Verb>>,
}

impl Visible {
    /// Works it out. It depends on the roles, the rules and the names, not on the person.
    pub(super) fn new(policy: &PolicySet, catalog: &Catalog, roles: &RoleSet) -> Self {
        let shape = IdentityShape([].into());
        let decider = Decider { policy, catalog, roles, shape: &shape };
        let dependencies = &catalog.objects().dependencies;
        let owned = dependencies.iter().filter(|dependency| dependency.column.is_some());
        let owned = owned.map(|dependency| dependency.object.0).collect();
        Builder { policy, catalog, roles, decider, owned, views: HashMap::new() }.build()
    }

    /// Whether the object with this OID does not exist for the roles.
    pub fn hides(&self, object: ObjectId) -> bool {
        let behind = self.hidden.partition_point(|(first, _)| *first <= object.0);
        behind
            .checked_sub(1)
            .and_then(|index| self.hidden.get(index))
            .is_some_and(|(_, last)| object.0 <= *last)
    }

    /// Whether a value of this type would show columns that do not exist for the roles.
    pub fn is_partial(&self, row_type: u32) -> bool {
        self.partial_types.contains(&row_type)
    }

    /// The verbs granted on a relation, whatever the rows.
    pub fn verbs(&self, relation: RelationId) -> &[Verb] {
        self.verbs.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The denied columns of a relation that is shown.
    pub fn denied(&self, relation: RelationId) -> Option<&BTreeSet<ColumnNumber>> {
        self.columns.get(&relation)
    }

    /// The denied columns of all relations that are shown.
    pub(super) fn denied_columns(
        &self,
    ) -> impl Iterator<Item = (RelationId, &BTreeSet<ColumnNumber>)> {
        self.columns.iter().map(|(relation, columns)| (*relation, columns))
    }

    /// The hidden OIDs as PostgreSQL writes an `int8multirange`.
    pub fn multirange(&self) -> String {
        let ranges: Vec<String> =
            self.hidden.iter().map(|(first, last)| format!("[{first},{last}]")).collect();
        format!("{{{}}}", ranges.join(","))
    }
}

/// What was worked out before, for the role sets in use.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<Vec<(CatalogVersion, RoleSet, Arc<Visible>)>>);

/// Role sets that are remembered.
const REMEMBERED: usize = 64;

impl Memo {
    /// What exists for `roles`, worked out at most once while it is remembered.
    pub(super) fn visible(
        &self,
        policy: &PolicySet,
        catalog: &Catalog,
        roles: &RoleSet,
    ) -> Arc<Visible> {
        // A panic elsewhere leaves the list as good as it was.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .iter()
            .find(|(version, found, _)| *version == catalog.version && found == roles)
            .map(|(_, _, visible)| Arc::clone(visible));
        if let Some(visible) = found {
            return visible;
        }
        let visible = Arc::new(Visible::new(policy, catalog, roles));
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.push((catalog.version, roles.clone(), Arc::clone(&visible)));
        visible
    }
}

struct Builder<'a> {
    policy: &'a PolicySet,
    catalog: &'a Catalog,
    roles: &'a RoleSet,
    decider: Decider<'a>,
    /// Objects that belong to a column.
    owned: HashSet<u32>,
    /// What was found of views.
    views: HashMap<RelationId, bool>,
}

impl Builder<'_> {
    fn build(mut self) -> Visible {
        let (catalog, policy) = (self.catalog, self.policy);
        let mut hidden: HashSet<u32> =
            catalog.objects().private.iter().map(|object| object.0).collect();
        let mut visible = Visible::default();
        let sources = self.view_sources();
        for relation in catalog.relations().filter(|relation| is_users(relation.id.0)) {
            if !self.shows(relation, &sources, 0) {
                hidden.insert(relation.id.0);
                continue;
            }
            let expanded =
                relation.kind == RelationKind::View && !policy.names_relation(relation.id);
            let verbs = if expanded { vec![Verb::Read] } else { self.verbs(relation) };
            if !verbs.is_empty() {
                visible.verbs.insert(relation.id, verbs);
            }
            let denied = self.decider.denied(relation);
            if !denied.is_empty() {
                visible.partial_types.insert(relation.row_type.0);
                let array = catalog.sql_type(relation.row_type).and_then(|found| found.array);
                visible.partial_types.extend(array.map(|array| array.0));
                visible.columns.insert(relation.id, denied);
            }
        }
        self.hide_dependents(&visible, &mut hidden);
        for function in catalog.functions().filter(|function| is_users(function.id.0)) {
            if !self.shows_function(function, &hidden) {
                hidden.insert(function.id.0);
            }
        }
        self.hide_schemas(&mut hidden);
        visible.hidden = self.ranges(&hidden);
        visible
    }

    fn view_sources(&self) -> HashMap<RelationId, Vec<RelationId>> {
        let mut sources: HashMap<RelationId, Vec<RelationId>> = HashMap::new();
        for (view, source) in &self.catalog.objects().view_sources {
            sources.entry(*view).or_default().push(*source);
        }
        sources
    }

    fn verbs(&self, relation: &Relation) -> Vec<Verb> {
        [Verb::Read, Verb::Create, Verb::Update, Verb::Delete, Verb::Export, Verb::Manage]
            .into_iter()
            .filter(|verb| !self.decider.layers(relation, *verb).is_empty())
            .collect()
    }

    /// Whether a relation is shown, as far as it does not follow from another.
    fn shows(
        &mut self,
        relation: &Relation,
        sources: &HashMap<RelationId, Vec<RelationId>>,
        depth: usize,
    ) -> bool {
        match relation.kind {
            RelationKind::Table
            | RelationKind::PartitionedTable
            | RelationKind::ForeignTable
            | RelationKind::MaterializedView => !self.verbs(relation).is_empty(),
            RelationKind::View if self.policy.names_relation(relation.id) => {
                !self.verbs(relation).is_empty()
            }
            RelationKind::View => self.shows_view(relation, sources, depth),
            // One that belongs to a column follows its table; the others have to be granted.
            RelationKind::Sequence => {
                self.policy.grants_sequence(self.roles, relation.id)
                    || !self.verbs(relation).is_empty()
                    || self.owned.contains(&relation.id.0)
            }
            // Indexes and toast tables follow their table; what is left are composite types.
            RelationKind::Other => true,
        }
    }

    /// A view without rules of its own is expanded: it can be read when all it reads can be.
    fn shows_view(
        &mut self,
        view: &Relation,
        sources: &HashMap<RelationId, Vec<RelationId>>,
        depth: usize,
    ) -> bool {
        if let Some(known) = self.views.get(&view.id) {
            return *known;
        }
        let catalog = self.catalog;
        let shown = depth < VIEW_DEPTH
            && sources.get(&view.id).into_iter().flatten().all(|source| {
                let Some(relation) = catalog.relation(*source) else { return false };
                let expanded =
                    relation.kind == RelationKind::View && !self.policy.names_relation(relation.id);
                relation.is_system()
                    || if expanded {
                        self.shows_view(relation, sources, depth + 1)
                    } else {
                        !self.decider.layers(relation, Verb::Read).is_empty()
                    }
            });
        self.views.insert(view.id, shown);
        shown
    }

    /// Hides what exists because of something hidden, or names a denied column.
    fn hide_dependents(&self, visible: &Visible, hidden: &mut HashSet<u32>) {
        loop {
            let before = hidden.len();
            for dependency in &self.catalog.objects().dependencies {
                let denied = dependency.column.is_some_and(|column| {
                    visible
                        .denied(RelationId(dependency.on.0))
                        .is_some_and(|denied| denied.contains(&column))
                });
                if denied || hidden.contains(&dependency.on.0) {
                    hidden.insert(dependency.object.0);
                }
            }
            // The row type is also told by the relation itself, arrays by what is in them.
            for relation in self.catalog.relations() {
                if hidden.contains(&relation.id.0) && is_users(relation.row_type.0) {
                    hidden.insert(relation.row_type.0);
                }
            }
            for sql_type in self.catalog.types().filter(|found| is_users(found.id.0)) {
                let over = sql_type.element.into_iter().chain(sql_type.base);
                if over.into_iter().any(|under| hidden.contains(&under.0)) {
                    hidden.insert(sql_type.id.0);
                }
            }
            if hidden.len() == before {
                return;
            }
        }
    }

    fn shows_function(&self, function: &Function, hidden: &HashSet<u32>) -> bool {
        let callable = self.policy.grants_function(self.roles, function, self.catalog)
            || self.catalog.objects().extension_functions.contains(&function.id);
        callable
            && !function
                .arguments
                .iter()
                .chain([&function.result])
                .any(|argument| hidden.contains(&argument.0))
    }

    /// A schema is shown when something in it is; an empty one tells as much as one whose tables
    /// are all hidden.
    fn hide_schemas(&self, hidden: &mut HashSet<u32>) {
        let mut shown: HashSet<&str> = HashSet::from([PG_CATALOG, INFORMATION_SCHEMA, "public"]);
        let relations =
            self.catalog.relations().filter(|relation| !hidden.contains(&relation.id.0));
        shown.extend(relations.map(|relation| &*relation.schema));
        let functions = self.catalog.functions().filter(|found| !hidden.contains(&found.id.0));
        shown.extend(functions.map(|function| &*function.schema));
        let own = |kind: TypeKind| match kind {
            TypeKind::Base | TypeKind::Domain | TypeKind::Enum | TypeKind::Range => true,
            TypeKind::Composite | TypeKind::Pseudo => false,
        };
        let types = self.catalog.types().filter(|found| {
            own(found.kind) && found.element.is_none() && !hidden.contains(&found.id.0)
        });
        shown.extend(types.map(|found| &*found.schema));
        for (schema, name) in &self.catalog.objects().schemas {
            if is_users(schema.0) && !shown.contains(&**name) {
                hidden.insert(schema.0);
            }
        }
    }

    /// Neighbours among the known OIDs become one range. An OID that the snapshot does not know and
    /// that lies between two hidden ones is hidden with them; new objects get higher OIDs than all.
    fn ranges(&self, hidden: &HashSet<u32>) -> Vec<(u32, u32)> {
        let catalog = self.catalog;
        let objects = catalog.objects();
        let mut known: BTreeSet<u32> = hidden.clone().into_iter().collect();
        known.extend(catalog.relations().flat_map(|r| [r.id.0, r.row_type.0]));
        known.extend(catalog.types().map(|found| found.id.0));
        known.extend(catalog.functions().map(|found| found.id.0));
        known.extend(objects.dependencies.iter().map(|found| found.object.0));
        known.extend(objects.schemas.iter().map(|(schema, _)| schema.0));
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut before_was_hidden = false;
        let mut highest = FIRST_USER_OID - 1;
        for oid in known.into_iter().filter(|oid| is_users(*oid)) {
            let is_hidden = hidden.contains(&oid);
            match ranges.last_mut() {
                Some((_, last)) if is_hidden && before_was_hidden => *last = oid,
                Some(_) | None if is_hidden => ranges.push((oid, oid)),
                Some(_) | None => {}
            }
            before_was_hidden = is_hidden;
            highest = oid;
        }
        match ranges.last_mut() {
            Some((_, last)) if before_was_hidden => *last = u32::MAX,
            Some(_) | None => ranges.push((highest.saturating_add(1), u32::MAX)),
        }
        ranges
    }
}

fn is_users(oid: u32) -> bool {
    oid >= FIRST_USER_OID
}

#[cfg(test)]
mod tests;
