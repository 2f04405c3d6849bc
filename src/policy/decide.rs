//! What a set of roles may do: the only birthplace of a [`Permit`]. Pure and total: whatever is not
//! granted is denied.
//!
//! Permissive grants are ORed, restrictive rules ANDed, a denied column wins over every grant, and
//! a partition or inheritance child carries the rules, masks and grants of its parents as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlparser::ast::{Expr, Ident};

use crate::catalog::{Catalog, Relation};
use crate::ids::{ColumnNumber, RelationId, RoleName};
use crate::policy::filter::{all_of, any_of, fitted, fitted_expr};
use crate::policy::model::{CombineMasks, CombineRows};
use crate::policy::scope::{
    Access, ColumnMask, Decision, IdentityShape, MaskMatch, Permit, PolicyLine, RoleSet, RowExpr,
    RowFilter, Scope, Verb,
};
use crate::policy::set::{Disjunct, Grant, Mask, PolicySet, TableRules, VerbGrant};
use crate::policy::{syntax, system};

/// How deep rights may come down from parents; `compile` refuses longer chains.
const MAX_PARENTS: usize = 3;

/// Decides on everything a statement asks for. One denial denies the statement.
pub fn decide(
    policy: &PolicySet,
    catalog: &Catalog,
    roles: &RoleSet,
    shape: &IdentityShape,
    accesses: &[Access],
) -> Decision {
    let decider = Decider { policy, catalog, roles, shape };
    let mut scopes = BTreeMap::new();
    for access in accesses {
        if scopes.contains_key(access) {
            continue;
        }
        match decider.scope(*access) {
            Ok(scope) => {
                scopes.insert(*access, Arc::new(scope));
            }
            Err(reason) => return Decision::Deny { access: *access, reason },
        }
    }
    Decision::Permit(Permit::new(scopes))
}

/// One grant or rule behind an access, by itself.
#[derive(Debug, Clone)]
pub struct FilterPart {
    /// Where it stands.
    pub line: PolicyLine,
    /// The rows it admits.
    pub filter: RowFilter,
}

/// What the filter of an access is made of: the rows that one of `permissive` and all of
/// `restrictive` admit.
#[derive(Debug, Clone)]
pub struct FilterParts {
    /// Grants.
    pub permissive: Vec<FilterPart>,
    /// Rules.
    pub restrictive: Vec<FilterPart>,
}

/// The parts of a filter that [`decide`] gives as a whole; `None` where it is no union of grants
/// under rules (rights that come down from parents, `combine: intersect`), or nothing is granted.
pub fn filter_parts(
    policy: &PolicySet,
    catalog: &Catalog,
    roles: &RoleSet,
    shape: &IdentityShape,
    access: Access,
) -> Option<FilterParts> {
    let decider = Decider { policy, catalog, roles, shape };
    let relation = catalog.relation(access.relation)?;
    let layers = decider.layers(relation, access.verb);
    let ([layer], CombineRows::Union) = (layers.as_slice(), policy.combine_rows) else {
        return None;
    };
    let permissive = decider
        .branches(layer, access.verb, 0)
        .into_iter()
        .map(|branch| FilterPart { line: branch.line.clone(), filter: branch.filter })
        .collect();
    let restrictive = decider
        .rules(relation, access.verb)
        .into_iter()
        .map(|rule| FilterPart { line: rule.line.clone(), filter: fitted(&rule.predicate, shape) })
        .collect();
    Some(FilterParts { permissive, restrictive })
}

pub(super) struct Decider<'a> {
    pub(super) policy: &'a PolicySet,
    pub(super) catalog: &'a Catalog,
    pub(super) roles: &'a RoleSet,
    pub(super) shape: &'a IdentityShape,
}

/// One grant of an active role, fitted to the person.
struct Branch<'a> {
    role: &'a RoleName,
    line: &'a PolicyLine,
    grant: &'a VerbGrant,
    filter: RowFilter,
}

/// What a reader sees of a column: `None` is the value itself.
type Sight = Option<Mask>;

impl<'a> Decider<'a> {
    fn scope(&self, access: Access) -> Result<Scope, String> {
        let verb = access.verb.as_str();
        let Some(relation) = self.catalog.relation(access.relation) else {
            return Err(format!("no role grants {verb} on this relation"));
        };
        let granted = self.layers(relation, access.verb);
        if granted.is_empty() {
            if relation.is_system() {
                return system::scope(self.policy, self.catalog, self.roles, relation, access.verb)
                    .ok_or_else(|| format!("`{}` is not readable", relation.qualified_name()));
            }
            let roles: Vec<&str> = self.roles.0.iter().map(RoleName::as_str).collect();
            return Err(format!(
                "no role grants {verb} on `{}` (roles in force: {})",
                relation.qualified_name(),
                if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }
            ));
        }
        let filter = self.filter(relation, access.verb, 0);
        let check = match access.verb {
            // As row security does: what an UPDATE leaves behind has to stay readable.
            Verb::Update if !self.layers(relation, Verb::Read).is_empty() => {
                all_of([filter.clone(), self.filter(relation, Verb::Read, 0)])
            }
            Verb::Update
            | Verb::Read
            | Verb::Create
            | Verb::Delete
            | Verb::Export
            | Verb::Assign
            | Verb::Manage => filter.clone(),
        };
        let denied = self.denied(relation);
        let masks = match access.verb {
            Verb::Read | Verb::Export => self.masks(relation, access.verb, &denied),
            Verb::Create | Verb::Update | Verb::Delete | Verb::Assign | Verb::Manage => {
                BTreeMap::new()
            }
        };
        Ok(Scope {
            filter,
            check,
            masks,
            writable: self.writable(relation, access.verb, &denied),
            denied,
            assigns: self.assigns(relation),
            rows_per_query: self.rows_per_query(relation, access.verb),
            lines: self.lines(relation, access.verb),
        })
    }

    fn rules_of(&self, relation: RelationId) -> Option<&'a TableRules> {
        self.policy.tables.get(&relation)
    }

    /// The active grants on one relation itself.
    fn grants(&self, relation: RelationId) -> impl Iterator<Item = &'a Grant> + '_ {
        self.rules_of(relation).into_iter().flat_map(|rules| rules.grants.of(self.roles))
    }

    /// The relation and those above it that grant the verb, nearest first.
    pub(super) fn layers(&self, relation: &Relation, verb: Verb) -> Vec<&'a Arc<Relation>> {
        self.catalog
            .lineage(relation.id)
            .into_iter()
            .filter(|id| self.grants(*id).any(|grant| grant.verbs.contains_key(&verb)))
            .filter_map(|id| self.catalog.relation(id))
            .collect()
    }

    fn branches(&self, relation: &Relation, verb: Verb, depth: usize) -> Vec<Branch<'a>> {
        let mut branches = Vec::new();
        for grant in self.grants(relation.id) {
            let Some(verb_grant) = grant.verbs.get(&verb) else { continue };
            let scopes = any_of(verb_grant.scopes.iter().map(|scope| match scope {
                Disjunct::All => RowFilter::All,
                Disjunct::Nothing => RowFilter::Nothing,
                Disjunct::Where(predicate) => fitted(predicate, self.shape),
                Disjunct::Parent => self.by_parent(relation, verb, depth),
            }));
            let conditions = verb_grant.conditions.iter().map(|p| fitted(p, self.shape));
            let filter = all_of(std::iter::once(scopes).chain(conditions));
            branches.push(Branch {
                role: &grant.role,
                line: &grant.line,
                grant: verb_grant,
                filter,
            });
        }
        branches
    }

    /// `column = ANY(ARRAY(SELECT key FROM parent WHERE what the same roles may do there))`
    fn by_parent(&self, relation: &Relation, verb: Verb, depth: usize) -> RowFilter {
        let Some(link) = self.rules_of(relation.id).and_then(|rules| rules.parent.as_ref()) else {
            return RowFilter::Nothing;
        };
        let Some(parent) = self.catalog.relation(link.relation) else { return RowFilter::Nothing };
        if depth >= MAX_PARENTS || self.layers(parent, verb).is_empty() {
            return RowFilter::Nothing;
        }
        let alias = Ident::with_quote('"', format!("\u{2}parent{depth}"));
        let condition = match self.filter(parent, verb, depth + 1) {
            RowFilter::Nothing => return RowFilter::Nothing,
            RowFilter::All => None,
            RowFilter::Where(expr) => Some(expr.bind(&alias)),
        };
        let key = Expr::CompoundIdentifier(vec![
            alias.clone(),
            Ident::with_quote('"', link.key.as_str()),
        ]);
        let keys = syntax::array_select(key, parent, alias, condition);
        RowFilter::Where(RowExpr(Box::new(syntax::any(syntax::row(&link.column), keys))))
    }

    /// Grants and rules of the relation and of everything above it.
    fn filter(&self, relation: &Relation, verb: Verb, depth: usize) -> RowFilter {
        let granted = self
            .layers(relation, verb)
            .into_iter()
            .map(|layer| self.permissive(layer, verb, depth));
        let rules = self.rules(relation, verb);
        let restrictive = rules.into_iter().map(|rule| fitted(&rule.predicate, self.shape));
        all_of(granted.collect::<Vec<_>>().into_iter().chain(restrictive))
    }

    fn permissive(&self, relation: &Relation, verb: Verb, depth: usize) -> RowFilter {
        let branches = self.branches(relation, verb, depth);
        match self.policy.combine_rows {
            CombineRows::Union => any_of(branches.into_iter().map(|branch| branch.filter)),
            CombineRows::Intersect => {
                let mut by_role: BTreeMap<&RoleName, Vec<RowFilter>> = BTreeMap::new();
                for branch in branches {
                    by_role.entry(branch.role).or_default().push(branch.filter);
                }
                all_of(by_role.into_values().map(any_of))
            }
        }
    }

    fn rules(&self, relation: &Relation, verb: Verb) -> Vec<&'a super::set::Rule> {
        self.catalog
            .lineage(relation.id)
            .into_iter()
            .filter_map(|id| self.rules_of(id))
            .flat_map(|rules| rules.rules.of(self.roles))
            .filter(|rule| rule.verbs.is_empty() || rule.verbs.contains(&verb))
            .collect()
    }

    /// Columns of `relation` with the names that `numbers` have in `above`.
    fn translated(
        &self,
        relation: &Relation,
        above: RelationId,
        numbers: impl IntoIterator<Item = ColumnNumber>,
    ) -> BTreeSet<ColumnNumber> {
        let Some(above) = self.catalog.relation(above) else { return BTreeSet::new() };
        numbers
            .into_iter()
            .filter_map(|number| above.column_by_number(number))
            .filter_map(|column| relation.column(&column.name))
            .map(|column| column.number)
            .collect()
    }

    pub(super) fn denied(&self, relation: &Relation) -> BTreeSet<ColumnNumber> {
        let mut denied = BTreeSet::new();
        for id in self.catalog.lineage(relation.id) {
            let Some(rules) = self.rules_of(id) else { continue };
            denied.extend(self.translated(relation, id, rules.unclassified.iter().copied()));
            for grant in self.grants(id) {
                denied.extend(self.translated(relation, id, grant.denied.iter().copied()));
            }
        }
        denied
    }

    fn assigns(&self, relation: &Relation) -> BTreeSet<ColumnNumber> {
        let mut assigns = BTreeSet::new();
        for id in self.catalog.lineage(relation.id) {
            if let Some(rules) = self.rules_of(id) {
                assigns.extend(self.translated(relation, id, rules.assigns.iter().copied()));
            }
        }
        assigns
    }

    /// A column may be written when every grant that admits rows lists it, or one that admits all
    /// rows does: otherwise one grant's columns would be writable on another grant's rows.
    fn writable(
        &self,
        relation: &Relation,
        verb: Verb,
        denied: &BTreeSet<ColumnNumber>,
    ) -> Option<BTreeSet<ColumnNumber>> {
        let all: BTreeSet<ColumnNumber> =
            relation.columns.iter().map(|column| column.number).collect();
        let mut writable: BTreeSet<ColumnNumber> = all.difference(denied).copied().collect();
        for layer in self.layers(relation, verb) {
            let branches = self.branches(layer, verb, 0);
            let mut everywhere: BTreeSet<ColumnNumber> = BTreeSet::new();
            let mut common: Option<BTreeSet<ColumnNumber>> = None;
            for branch in branches.iter().filter(|branch| branch.filter != RowFilter::Nothing) {
                let listed = match &branch.grant.columns {
                    None => all.clone(),
                    Some(columns) => self.translated(relation, layer.id, columns.iter().copied()),
                };
                if branch.filter == RowFilter::All {
                    everywhere.extend(listed.iter().copied());
                }
                common = Some(match common {
                    None => listed,
                    Some(common) => common.intersection(&listed).copied().collect(),
                });
            }
            let mut allowed = common.unwrap_or_default();
            allowed.extend(everywhere);
            writable = writable.intersection(&allowed).copied().collect();
        }
        (writable != all).then_some(writable)
    }

    fn rows_per_query(&self, relation: &Relation, verb: Verb) -> Option<u64> {
        let mut limit: Option<u64> = None;
        for layer in self.layers(relation, verb) {
            for branch in self.branches(layer, verb, 0) {
                let own = self.policy.roles.get(branch.role).and_then(|r| r.limits.rows_per_query);
                if let Some(stated) = branch.grant.rows_per_query.or(own) {
                    limit = Some(limit.map_or(stated, |known| known.max(stated)));
                }
            }
        }
        limit
    }

    fn lines(&self, relation: &Relation, verb: Verb) -> Vec<PolicyLine> {
        let mut lines: Vec<PolicyLine> = Vec::new();
        for layer in self.layers(relation, verb) {
            for grant in self.grants(layer.id).filter(|grant| grant.verbs.contains_key(&verb)) {
                lines.push(grant.line.clone());
            }
        }
        lines.extend(self.rules(relation, verb).into_iter().map(|rule| rule.line.clone()));
        lines.sort();
        lines.dedup();
        lines
    }

    fn masks(
        &self,
        relation: &Relation,
        verb: Verb,
        denied: &BTreeSet<ColumnNumber>,
    ) -> BTreeMap<ColumnNumber, ColumnMask> {
        // Tags count wherever in the lineage they are written; the nearest first.
        let mut tags: BTreeMap<ColumnNumber, Mask> = BTreeMap::new();
        for id in self.catalog.lineage(relation.id) {
            let (Some(above), Some(rules)) = (self.catalog.relation(id), self.rules_of(id)) else {
                continue;
            };
            for (number, mask) in &rules.tag_masks {
                let name = above.column_by_number(*number).map(|column| &column.name);
                if let Some(own) = name.and_then(|name| relation.column(name)) {
                    tags.entry(own.number).or_insert_with(|| mask.clone());
                }
            }
        }
        let mut masks = BTreeMap::new();
        for layer in self.layers(relation, verb) {
            let branches = self.branches(layer, verb, 0);
            for column in relation.columns.iter().filter(|c| !denied.contains(&c.number)) {
                let Some(number) = layer.column(&column.name).map(|column| column.number) else {
                    continue;
                };
                let tag = tags.get(&column.number).cloned();
                // Most columns have no mask in any grant: nothing is combined, and no tree copied.
                let masked = |branch: &Branch<'_>| {
                    branch.filter != RowFilter::Nothing
                        && branch.grant.sights.get(&number).unwrap_or(&tag).is_some()
                };
                if !branches.iter().any(masked) {
                    continue;
                }
                let sights: Vec<(RowFilter, Sight)> = branches
                    .iter()
                    .filter(|branch| branch.filter != RowFilter::Nothing)
                    .map(|branch| {
                        let sight = branch.grant.sights.get(&number).unwrap_or(&tag).clone();
                        (branch.filter.clone(), sight.map(|mask| self.fitted_mask(mask)))
                    })
                    .collect();
                // A child's own mask is nearer than one of its parents.
                if let Some(mask) = self.combined(&column.name, sights) {
                    masks.entry(column.number).or_insert(mask);
                }
            }
        }
        masks
    }

    /// A mask that needs a value the person does not have hides everything.
    fn fitted_mask(&self, mut mask: Mask) -> Mask {
        if mask.parameters.is_empty() {
            return mask;
        }
        match fitted_expr(&mask.shown.expression.0, self.shape) {
            Some(expr) => mask.shown.expression = RowExpr(Box::new(expr)),
            None => {
                if let Expr::Cast { data_type, .. } = &*mask.shown.expression.0 {
                    let nothing = syntax::cast(syntax::null(), data_type.clone());
                    mask.shown.expression = RowExpr(Box::new(nothing));
                    mask.shown.kind = Arc::from("null");
                    mask.strength = u8::MAX;
                }
            }
        }
        mask
    }

    fn combined(&self, column: &str, mut sights: Vec<(RowFilter, Sight)>) -> Option<ColumnMask> {
        // The sort is stable: among masks of one strength the first in the policy is taken.
        sights.sort_by_key(|(_, sight)| strength(sight));
        let per_row = match self.policy.combine_masks {
            CombineMasks::Least => sights.into_iter().take(1).collect(),
            CombineMasks::Most => sights.into_iter().next_back().into_iter().collect(),
            CombineMasks::PerRow => sights,
        };
        let mut groups: Vec<(Sight, Vec<RowFilter>)> = Vec::new();
        for (filter, sight) in per_row {
            match groups.iter_mut().find(|(known, _)| *known == sight) {
                Some((_, filters)) => filters.push(filter),
                None => groups.push((sight, vec![filter])),
            }
        }
        let mut cases: Vec<(Expr, Sight)> = Vec::new();
        let mut otherwise: Sight = None;
        for (sight, filters) in groups {
            otherwise.clone_from(&sight);
            match any_of(filters) {
                RowFilter::All => break,
                RowFilter::Nothing => {}
                RowFilter::Where(expr) => cases.push((*expr.0, sight)),
            }
        }
        // The last group is what all other rows show: the strongest, or one that admits all rows.
        if cases.last().is_some_and(|(_, sight)| *sight == otherwise) {
            cases.pop();
        }
        if cases.is_empty() {
            return otherwise.map(|mask| mask.shown);
        }
        let shown = |sight: &Sight| match sight {
            None => syntax::row(column),
            Some(mask) => (*mask.shown.expression.0).clone(),
        };
        let involved = || cases.iter().map(|(_, sight)| sight).chain(std::iter::once(&otherwise));
        let matching = involved().flatten().map(|mask| mask.shown.matching).fold(
            MaskMatch::Exact,
            |strictest, next| match (strictest, next) {
                (MaskMatch::Refuse, _) | (_, MaskMatch::Refuse) => MaskMatch::Refuse,
                (MaskMatch::Masked, _) | (_, MaskMatch::Masked) => MaskMatch::Masked,
                (MaskMatch::Exact, MaskMatch::Exact) => MaskMatch::Exact,
            },
        );
        let kinds: Vec<&str> = involved()
            .map(|sight| sight.as_ref().map_or("clear", |mask| &*mask.shown.kind))
            .collect();
        let kind = Arc::from(kinds.join(" or "));
        let conditions = cases
            .iter()
            .map(|(condition, sight)| (syntax::is_true(condition.clone()), shown(sight)))
            .collect();
        let expression = syntax::case(conditions, shown(&otherwise));
        Some(ColumnMask { kind, expression: RowExpr(Box::new(expression)), matching })
    }
}

fn strength(sight: &Sight) -> u8 {
    sight.as_ref().map_or(0, |mask| mask.strength.max(1))
}
