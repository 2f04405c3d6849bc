//! [`Model`] and catalogue → [`PolicySet`], or everything that is wrong. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Expr, Value, Visit, Visitor};

use crate::catalog::{Catalog, Column, Relation, RelationKind};
use crate::diagnostic::{Diagnostic, Severity, closest};
use crate::ids::{ColumnNumber, IdentityIndex, PolicyVersion, RelationId, RoleName};
use crate::mask::{self, Target};
use crate::policy::condition::Condition;
use crate::policy::expression::{self, Parameters, Uses};
use crate::policy::glob;
use crate::policy::identity::IdentitySource;
use crate::policy::model::{
    At, GrantModel, GroupLink, MaskModel, Model, OwnerLink, RoleModel, ScopeModel, TableModel,
    VerbModel, Word,
};
use crate::policy::row_scope::{self, Maker, RowScope};
use crate::policy::scope::{ColumnMask, HOLE_MARK, Hole, RowExpr, Verb};
use crate::policy::set::{
    Disjunct, Grant, Mask, Parent, PolicySet, Predicate, Role, Rule, TableRules, UnfilteredRead,
    VerbGrant,
};
use crate::policy::syntax;

/// How many parents a row's rights may come down from.
const MAX_PARENTS: usize = 3;

impl PolicySet {
    /// Reads and checks the files of a policy set: (name below the policy folder, text).
    ///
    /// `hash_key` is the secret of keyed masks; empty makes them NULL. Returns the set and the
    /// warnings, or all findings when one of them is an error.
    pub fn load(
        texts: &[(String, String)],
        catalog: &Catalog,
        hash_key: &str,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let model = super::parse::parse(texts)?;
        let mut hash = blake3::Hasher::new();
        for (name, text) in texts {
            for part in [name, text] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        let version = PolicyVersion::from(hash.finalize().to_hex().as_str());
        let mut compiler = Compiler {
            model: &model,
            catalog,
            parameters: Parameters::default(),
            described: model.tables.iter().map(|table| (&*table.name.text, table)).collect(),
            tags: model
                .masks
                .iter()
                .map(|(tag, _)| tag)
                .chain(model.tables.iter().flat_map(|table| table.tags.iter().map(|(_, tag)| tag)))
                .map(|tag| &*tag.text)
                .collect(),
            findings: Vec::new(),
            unfiltered: BTreeSet::new(),
            named: BTreeSet::new(),
            scopes: Vec::new(),
        };
        let set = compiler.policy(version, hash_key);
        let findings = compiler.findings;
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            Err(findings)
        } else {
            Ok((set, findings))
        }
    }
}

struct Compiler<'a> {
    model: &'a Model,
    catalog: &'a Catalog,
    parameters: Parameters,
    /// Descriptions by the name of the table.
    described: HashMap<&'a str, &'a TableModel>,
    /// Every tag that a column or a mask has.
    tags: HashSet<&'a str>,
    findings: Vec<Diagnostic>,
    unfiltered: BTreeSet<UnfilteredRead>,
    /// Relations that the policy names without a pattern.
    named: BTreeSet<RelationId>,
    /// Scopes of the grant at hand: how many tables they work on, and why not on the others.
    scopes: Vec<ScopeUse>,
}

/// One scope word of a grant over all of the grant's tables.
struct ScopeUse {
    at: At,
    works: bool,
    faults: Vec<String>,
}

/// The identity parameters an expression mentions.
pub(super) fn parameters_of(expr: &Expr) -> BTreeSet<IdentityIndex> {
    struct Holes(BTreeSet<IdentityIndex>);
    impl Visitor for Holes {
        type Break = std::convert::Infallible;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
            if let Some(hole) = hole_in(expr) {
                self.0.insert(hole.parameter);
            }
            ControlFlow::Continue(())
        }
    }
    let mut holes = Holes(BTreeSet::new());
    let _: ControlFlow<_> = expr.visit(&mut holes);
    holes.0
}

/// The hole an expression is, if it is one.
pub(super) fn hole_in(expr: &Expr) -> Option<Hole> {
    let Expr::Value(value) = expr else { return None };
    let Value::Placeholder(text) = &value.value else { return None };
    Hole::parse(text.strip_prefix(HOLE_MARK)?.strip_suffix(HOLE_MARK)?)
}

impl<'a> Compiler<'a> {
    /// What the policy says of the table of that name.
    fn description(&self, name: &str) -> Option<&'a TableModel> {
        self.described.get(name).copied()
    }

    fn error(&mut self, word: &Word, message: impl Into<String>, suggestion: Option<String>) {
        let mut finding = self.model.error(word.at, message);
        finding.suggestion = suggestion;
        self.findings.push(finding);
    }

    fn policy(&mut self, version: PolicyVersion, hash_key: &str) -> PolicySet {
        let model = self.model;
        let mut tables: HashMap<RelationId, TableRules> = HashMap::new();
        for table in &model.tables {
            self.described(table, &mut tables);
        }
        self.parent_chains(&tables);
        let mut roles: BTreeMap<RoleName, Role> = BTreeMap::new();
        for role in &model.roles {
            self.role(role, &mut roles);
        }
        self.role_names(&roles);
        let mut functions = BTreeSet::new();
        let mut sequences = BTreeSet::new();
        for role in &model.roles {
            let name = RoleName::from(role.name.text.as_str());
            for grant in &role.grants {
                self.grant(&name, grant, &mut tables);
                for word in &grant.functions {
                    functions.extend(self.function(word).into_iter().map(|id| (name.clone(), id)));
                }
                for word in &grant.sequences {
                    let found = self.relations(word, |kind| kind == RelationKind::Sequence);
                    sequences.extend(found.iter().map(|relation| (name.clone(), relation.id)));
                }
            }
        }
        self.rules(&mut tables);
        PolicySet {
            version,
            parameters: std::mem::take(&mut self.parameters.0),
            hash_key: hash_key.to_owned(),
            roles,
            tables,
            functions,
            sequences,
            exclusive: model
                .exclusive
                .iter()
                .map(|set| set.iter().map(|word| RoleName::from(word.text.as_str())).collect())
                .collect(),
            combine_rows: model.combine_rows,
            combine_masks: model.combine_masks,
            unfiltered: std::mem::take(&mut self.unfiltered).into_iter().collect(),
            named: std::mem::take(&mut self.named),
            memo: crate::policy::visible::Memo::default(),
        }
    }

    /// The relations a pattern means; reports when there are none.
    fn relations(&mut self, word: &Word, wanted: fn(RelationKind) -> bool) -> Vec<Arc<Relation>> {
        if !word.text.contains('.') {
            self.error(word, format!("`{}` is not schema.name", word.text), None);
            return Vec::new();
        }
        let exact = glob::is_exact(&word.text);
        let found: Vec<Arc<Relation>> = if exact {
            let found = word.text.split_once('.');
            let found = found.and_then(|(schema, name)| self.catalog.relation_named(schema, name));
            found.filter(|relation| wanted(relation.kind)).cloned().into_iter().collect()
        } else {
            let mut found: Vec<Arc<Relation>> = self
                .catalog
                .relations()
                .filter(|relation| wanted(relation.kind))
                // A star never reaches PostgreSQL's own relations; they have scopes of their own.
                .filter(|relation| !relation.is_system())
                .filter(|relation| glob::matches(&word.text, &relation.schema, &relation.name))
                .cloned()
                .collect();
            found.sort_by_key(|relation| relation.id);
            found
        };
        if exact {
            self.named.extend(found.iter().map(|relation| relation.id));
        }
        if found.is_empty() {
            let names: Vec<String> = self
                .catalog
                .relations()
                .filter(|relation| !relation.is_system() && wanted(relation.kind))
                .map(|relation| relation.qualified_name())
                .collect();
            let near = closest(&word.text, names.iter().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"));
            self.error(word, format!("nothing in the database is called `{}`", word.text), near);
        }
        found
    }

    fn table(&mut self, word: &Word) -> Option<Arc<Relation>> {
        if !glob::is_exact(&word.text) {
            self.error(word, "a description names one table, without `*`", None);
            return None;
        }
        self.relations(word, is_table).pop()
    }

    fn column(&mut self, relation: &Relation, word: &Word) -> Option<ColumnNumber> {
        if let Some(column) = relation.column(&word.text) {
            return Some(column.number);
        }
        let near = closest(&word.text, relation.columns.iter().map(|column| &*column.name))
            .map(|near| format!("did you mean `{near}`?"));
        let message = format!("`{}` has no column `{}`", relation.qualified_name(), word.text);
        self.error(word, message, near);
        None
    }

    fn described(&mut self, table: &TableModel, tables: &mut HashMap<RelationId, TableRules>) {
        let Some(relation) = self.table(&table.name) else { return };
        let mut rules = TableRules::default();
        let mut structural = BTreeSet::new();
        for word in [&table.key, &table.tenant].into_iter().flatten() {
            structural.extend(self.column(&relation, word));
        }
        if let Some(OwnerLink::Column(word)) = &table.owner {
            rules.assigns.extend(self.column(&relation, word));
        }
        for link in [&table.department, &table.team].into_iter().flatten() {
            if let GroupLink::Column(word) = link {
                rules.assigns.extend(self.column(&relation, word));
            }
        }
        if let Some(word) = &table.tenant {
            rules.assigns.extend(relation.column(&word.text).map(|column| column.number));
        }
        structural.extend(rules.assigns.iter().copied());
        structural.extend(relation.primary_key.iter().copied());
        let mut tagged = BTreeSet::new();
        for (column, tag) in &table.tags {
            let Some(number) = self.column(&relation, column) else { continue };
            tagged.insert(number);
            let model = self.model;
            if let Some((_, mask)) = model.masks.iter().find(|(known, _)| known.text == tag.text)
                && let Some(mask) = self.mask(&relation, number, mask)
            {
                rules.tag_masks.insert(number, mask);
            }
        }
        if let Some(parent) = &table.parent
            && let Some(above) = self.table(&parent.table)
            && let Some(column) = self.column(&relation, &parent.column)
        {
            structural.insert(column);
            let described = self.description(&parent.table.text);
            match row_scope::key_of(self.catalog, &above, described) {
                Ok(key) => {
                    let held = relation.column_by_number(column).map(|column| column.type_id);
                    let comparable = held.zip(above.column(&key)).is_some_and(|(held, key)| {
                        row_scope::same_kind(self.catalog, held, key.type_id)
                    });
                    if !comparable {
                        let message = "this column has another type than the parent's key";
                        self.error(&parent.column, message, None);
                    }
                    rules.parent = Some(Parent {
                        relation: above.id,
                        column: parent.column.text.clone(),
                        key,
                    });
                }
                Err(fault) => self.scope_fault(&parent.table, fault),
            }
        }
        if self.model.deny_unclassified {
            rules.unclassified = relation
                .columns
                .iter()
                .map(|column| column.number)
                .filter(|number| !tagged.contains(number) && !structural.contains(number))
                .collect();
        }
        tables.insert(relation.id, rules);
    }

    fn parent_chains(&mut self, tables: &HashMap<RelationId, TableRules>) {
        let model = self.model;
        for table in &model.tables {
            let Some((schema, name)) = table.name.text.split_once('.') else { continue };
            let Some(relation) = self.catalog.relation_named(schema, name) else { continue };
            let (mut current, mut depth) = (relation.id, 0);
            while let Some(parent) = tables.get(&current).and_then(|rules| rules.parent.as_ref()) {
                current = parent.relation;
                depth += 1;
                if depth > MAX_PARENTS {
                    let word = table.parent.as_ref().map_or(&table.name, |parent| &parent.table);
                    let message = "the chain of parents is a circle or longer than 3";
                    self.error(word, message, None);
                    break;
                }
            }
        }
    }

    fn role(&mut self, model: &RoleModel, roles: &mut BTreeMap<RoleName, Role>) {
        let condition = model.when.as_ref().and_then(|word| match Condition::parse(&word.text) {
            Ok(condition) => Some(condition),
            Err(fault) => {
                let at = self.model.within(word, fault.offset, fault.length);
                let mut finding = self.model.error(at, fault.message);
                finding.suggestion = fault.suggestion;
                self.findings.push(finding);
                None
            }
        });
        let name = RoleName::from(model.name.text.as_str());
        let known = roles.contains_key(&name);
        let role = roles.entry(name).or_default();
        role.includes.extend(model.includes.iter().map(|word| RoleName::from(word.text.as_str())));
        role.conditions.extend(condition);
        role.limits = if known { role.limits.wider(model.limits) } else { model.limits };
        role.unrestricted |= model.unrestricted;
        if model.unrestricted && model.when.is_none() {
            let message = "this role sees and changes everything from everywhere; \
                           `when` can bind it to an address";
            self.findings.push(self.model.warning(model.name.at, message));
        }
    }

    /// Every role that is named exists, and no role includes itself.
    fn role_names(&mut self, roles: &BTreeMap<RoleName, Role>) {
        let model = self.model;
        let mut named: Vec<&Word> = Vec::new();
        for role in &model.roles {
            named.extend(&role.includes);
        }
        for rule in &model.rules {
            named.extend(&rule.roles);
        }
        named.extend(model.exclusive.iter().flatten());
        for word in named {
            if !roles.contains_key(&RoleName::from(word.text.as_str())) {
                let near = closest(&word.text, roles.keys().map(RoleName::as_str))
                    .map(|near| format!("did you mean `{near}`?"));
                self.error(word, format!("unknown role `{}`", word.text), near);
            }
        }
    }

    fn grant(
        &mut self,
        role: &RoleName,
        model: &GrantModel,
        tables: &mut HashMap<RelationId, TableRules>,
    ) {
        let mut relations: Vec<Arc<Relation>> = Vec::new();
        let mut known: HashSet<RelationId> = HashSet::new();
        for word in &model.tables {
            let found = self.relations(word, is_table).into_iter();
            relations.extend(found.filter(|relation| known.insert(relation.id)));
        }
        self.column_keys(model, &relations);
        let has = |verb: Verb| model.verbs.iter().any(|granted| granted.verb == verb);
        if (has(Verb::Update) || has(Verb::Delete)) && !has(Verb::Read) {
            let message = "rows may be written here that cannot be read";
            self.findings.push(self.model.warning(model.at, message));
        }
        for word in &model.unmask {
            if model.deny_columns.iter().any(|denied| denied.text == word.text) {
                let message = format!("`{}` is denied by the same grant: denial wins", word.text);
                self.findings.push(self.model.warning(word.at, message));
            }
        }
        for relation in relations {
            let mut verbs = BTreeMap::new();
            for verb in &model.verbs {
                verbs.insert(verb.verb, self.verb(&relation, model, verb));
            }
            let denied = model
                .deny_columns
                .iter()
                .flat_map(|word| self.columns(&relation, &word.text))
                .collect();
            let line = self.model.line(model.at, &format!("role {role}"));
            let grant = Grant { role: role.clone(), line, verbs, denied };
            tables.entry(relation.id).or_default().grants.push([role.clone()], grant);
        }
        self.judge_scopes();
    }

    /// A scope that a table does not describe admits no row of it. That is an error when it is so
    /// for every table of the grant, a warning otherwise.
    fn judge_scopes(&mut self) {
        for scope in std::mem::take(&mut self.scopes) {
            let (Some(first), more) = (scope.faults.first(), scope.faults.len()) else { continue };
            let others =
                if more > 1 { format!(" (and {} more tables)", more - 1) } else { String::new() };
            self.findings.push(if scope.works {
                let message = format!("admits no row: {first}{others}");
                self.model.warning(scope.at, message)
            } else {
                self.model.error(scope.at, format!("{first}{others}"))
            });
        }
    }

    fn scope_use(&mut self, at: At) -> Option<&mut ScopeUse> {
        if !self.scopes.iter().any(|scope| scope.at == at) {
            self.scopes.push(ScopeUse { at, works: false, faults: Vec::new() });
        }
        self.scopes.iter_mut().find(|scope| scope.at == at)
    }

    /// The columns a key of `masks`, `unmask` or `deny_columns` means in one relation: a column, a
    /// tag, or `schema.table.column`.
    fn columns(&self, relation: &Relation, key: &str) -> Vec<ColumnNumber> {
        if let Some(column) = relation.column(key) {
            return vec![column.number];
        }
        let name = relation.qualified_name();
        if let Some(rest) = key.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.')) {
            return relation.column(rest).map(|column| column.number).into_iter().collect();
        }
        // A child has the tags of the tables it is a partition of.
        let lineage = self.catalog.lineage(relation.id);
        let mut numbers = Vec::new();
        for above in lineage.iter().filter_map(|id| self.catalog.relation(*id)) {
            let Some(table) = self.description(&above.qualified_name()) else { continue };
            let tagged = table.tags.iter().filter(|(_, tag)| tag.text == key);
            numbers.extend(
                tagged.filter_map(|(column, _)| relation.column(&column.text)).map(|c| c.number),
            );
        }
        numbers
    }

    fn column_keys(&mut self, model: &GrantModel, relations: &[Arc<Relation>]) {
        if relations.is_empty() {
            return;
        }
        let verbs = model.verbs.iter();
        let words: Vec<&Word> = model
            .unmask
            .iter()
            .chain(&model.deny_columns)
            .chain(model.masks.iter().map(|(word, _)| word))
            .chain(verbs.clone().flat_map(|verb| verb.masks.iter().map(|(word, _)| word)))
            .chain(verbs.flat_map(|verb| verb.columns.iter().flatten()))
            .collect();
        for word in words {
            if self.tags.contains(word.text.as_str())
                || relations.iter().any(|r| !self.columns(r, &word.text).is_empty())
            {
                continue;
            }
            let names: Vec<&str> =
                relations.iter().flat_map(|r| r.columns.iter().map(|c| &*c.name)).collect();
            let near = closest(&word.text, names).map(|near| format!("did you mean `{near}`?"));
            let message = format!("`{}` is no column or tag of these tables", word.text);
            self.error(word, message, near);
        }
    }

    fn verb(&mut self, relation: &Relation, grant: &GrantModel, model: &VerbModel) -> VerbGrant {
        let mut conditions = Vec::new();
        for word in [&grant.predicate, &model.predicate].into_iter().flatten() {
            conditions.extend(self.predicate(relation, word));
        }
        let scopes = model
            .scopes
            .iter()
            .filter_map(|scope| self.scope(relation, scope, model.verb))
            .collect();
        let columns = model.columns.as_ref().map(|words| {
            words.iter().flat_map(|word| self.columns(relation, &word.text)).collect()
        });
        let mut sights = BTreeMap::new();
        for (word, mask) in grant.masks.iter().chain(&model.masks) {
            for number in self.columns(relation, &word.text) {
                if let Some(mask) = self.mask(relation, number, mask) {
                    sights.insert(number, Some(mask));
                }
            }
        }
        for word in &grant.unmask {
            for number in self.columns(relation, &word.text) {
                sights.entry(number).or_insert(None);
            }
        }
        VerbGrant {
            scopes,
            conditions,
            columns,
            sights,
            rows_per_query: model.limits.rows_per_query,
        }
    }

    fn scope(&mut self, relation: &Relation, scope: &ScopeModel, verb: Verb) -> Option<Disjunct> {
        let word = match scope {
            ScopeModel::Where(word) => {
                return self.predicate(relation, word).map(Disjunct::Where);
            }
            ScopeModel::Named(word) => word,
        };
        let name = relation.qualified_name();
        let mut maker = Maker {
            catalog: self.catalog,
            relation,
            table: self.description(&name),
            parameters: &mut self.parameters,
        };
        let made = maker.make(&word.text, verb);
        if let Some(scope) = self.scope_use(word.at) {
            match &made {
                Ok(_) => scope.works = true,
                Err(row_scope::Fault::Scope(message)) => scope.faults.push(message.clone()),
                Err(row_scope::Fault::Description(..)) => {}
            }
        }
        match made {
            Ok(RowScope::All) => Some(Disjunct::All),
            Ok(RowScope::Nothing) | Err(row_scope::Fault::Scope(_)) => Some(Disjunct::Nothing),
            Ok(RowScope::Parent) => Some(Disjunct::Parent),
            Ok(RowScope::Where(expr)) => {
                let parameters = parameters_of(&expr);
                Some(Disjunct::Where(Predicate { expr, parameters }))
            }
            Err(fault @ row_scope::Fault::Description(..)) => {
                self.scope_fault(word, fault);
                None
            }
        }
    }

    fn scope_fault(&mut self, word: &Word, fault: row_scope::Fault) {
        match fault {
            row_scope::Fault::Scope(message) => self.error(word, message, None),
            row_scope::Fault::Description(word, message) => {
                // Several grants meet the same mistake in a description; once is enough.
                let finding = self.model.error(word.at, message);
                if !self.findings.contains(&finding) {
                    self.findings.push(finding);
                }
            }
        }
    }

    fn expression(&mut self, relation: &Relation, word: &Word) -> Option<(Expr, Uses)> {
        match expression::compile(self.catalog, relation, &mut self.parameters, &word.text) {
            Ok((expr, uses)) => {
                let line = self.model.line(word.at, &word.text);
                for id in &uses.relations {
                    if let Some(read) = self.catalog.relation(*id) {
                        let relation = read.qualified_name();
                        self.unfiltered.insert(UnfilteredRead { line: line.clone(), relation });
                    }
                }
                Some((expr, uses))
            }
            Err(fault) => {
                let at = match fault.span {
                    Some((offset, length)) => self.model.within(word, offset, length),
                    None => word.at,
                };
                let mut finding = self.model.error(at, fault.message);
                finding.suggestion = fault.suggestion;
                self.findings.push(finding);
                None
            }
        }
    }

    fn predicate(&mut self, relation: &Relation, word: &Word) -> Option<Predicate> {
        let (expr, uses) = self.expression(relation, word)?;
        let column = match (&expr, uses.columns.first()) {
            (Expr::CompoundIdentifier(_), Some(name)) => relation.column(name),
            _ => None,
        };
        let boolean = |column: &Column| {
            self.catalog
                .sql_type(self.catalog.base_type(column.type_id))
                .is_some_and(|found| found.category == 'B')
        };
        let literal =
            matches!(&expr, Expr::Value(value) if !matches!(value.value, Value::Boolean(_)));
        if literal || column.is_some_and(|column| !boolean(column)) {
            self.error(word, "this is not true or false", None);
            return None;
        }
        let parameters = parameters_of(&expr);
        Some(Predicate { expr: Box::new(expr), parameters })
    }

    fn mask(
        &mut self,
        relation: &Relation,
        number: ColumnNumber,
        model: &MaskModel,
    ) -> Option<Mask> {
        let column = relation.column_by_number(number)?;
        let Some(kind) = mask::kind_named(&model.kind.text) else {
            let near = closest(&model.kind.text, mask::MASKS.iter().map(|kind| kind.name))
                .map(|near| format!("did you mean `{near}`?"));
            self.error(&model.kind, format!("unknown mask `{}`", model.kind.text), near);
            return None;
        };
        let mut options = Vec::new();
        let mut custom = None;
        for (name, value) in &model.options {
            if !kind.options.contains(&name.text.as_str()) {
                let near = closest(&name.text, kind.options.iter().copied())
                    .map(|near| format!("did you mean `{near}`?"));
                let message = format!("the mask `{}` has no option `{}`", kind.name, name.text);
                self.error(name, message, near);
                return None;
            }
            if name.text == "sql" {
                custom = Some(syntax::nested(self.expression(relation, value)?.0));
            }
            options.push((name.text.as_str(), value.text.as_str()));
        }
        let Some((data_type, family)) = mask::declared_type(self.catalog, column) else {
            self.error(&model.kind, format!("the type of `{}` is unknown", column.name), None);
            return None;
        };
        let key = self.parameters.index(self.catalog, IdentitySource::HashKey, None);
        let target = Target {
            name: &column.name,
            family,
            data_type,
            hash_key: syntax::scalar_hole(key, syntax::builtin("text")),
            custom,
        };
        match mask::build(kind, &target, mask::Options(&options)) {
            Ok(expr) => {
                let parameters = parameters_of(&expr);
                let expression = RowExpr(Box::new(expr));
                let kind_name = Arc::from(kind.name);
                let shown = ColumnMask { kind: kind_name, expression, matching: model.matching };
                Some(Mask { shown, strength: kind.strength, parameters })
            }
            Err(message) => {
                let message = format!("{}.{}: {message}", relation.qualified_name(), column.name);
                self.error(&model.kind, message, None);
                None
            }
        }
    }

    fn rules(&mut self, tables: &mut HashMap<RelationId, TableRules>) {
        let model = self.model;
        for rule in &model.rules {
            let line = model.line(rule.name.at, &format!("rule {}", rule.name.text));
            for word in &rule.tables {
                for relation in self.relations(word, is_table) {
                    let Some(predicate) = self.predicate(&relation, &rule.predicate) else {
                        continue;
                    };
                    let roles = rule.roles.iter().map(|word| RoleName::from(word.text.as_str()));
                    let verbs = rule.verbs.clone();
                    let rule = Rule { verbs, predicate, line: line.clone() };
                    tables.entry(relation.id).or_default().rules.push(roles, rule);
                }
            }
        }
    }

    /// `schema.name` or `schema.name(type, …)`.
    fn function(&mut self, word: &Word) -> Vec<crate::ids::FunctionId> {
        let (path, arguments) = match word.text.split_once('(') {
            Some((path, rest)) => (path.trim(), rest.strip_suffix(')')),
            None => (word.text.as_str(), None),
        };
        let Some((schema, name)) = path.split_once('.') else {
            self.error(word, format!("`{path}` is not schema.name"), None);
            return Vec::new();
        };
        let wanted: Option<Vec<&str>> = arguments.map(|arguments| {
            arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()).collect()
        });
        let found: Vec<_> = self
            .catalog
            .functions_named(name)
            .iter()
            .filter(|function| &*function.schema == schema)
            .filter(|function| {
                wanted.as_ref().is_none_or(|wanted| {
                    wanted.len() == function.arguments.len()
                        && wanted.iter().zip(&function.arguments).all(|(wanted, id)| {
                            self.catalog.sql_type(*id).is_some_and(|found| {
                                type_spelled(wanted) == &*found.name
                                    || *wanted == format!("{}.{}", found.schema, found.name)
                            })
                        })
                })
            })
            .map(|function| function.id)
            .collect();
        if found.is_empty() {
            self.error(word, format!("no function `{}` in the database", word.text), None);
        }
        found
    }
}

/// The catalogue's name for the usual spellings of a type.
fn type_spelled(written: &str) -> &str {
    match written {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "boolean" => "bool",
        "character varying" => "varchar",
        "real" => "float4",
        "double precision" => "float8",
        "timestamp with time zone" => "timestamptz",
        other => other,
    }
}

fn is_table(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Table
        | RelationKind::PartitionedTable
        | RelationKind::View
        | RelationKind::MaterializedView
        | RelationKind::ForeignTable => true,
        RelationKind::Sequence | RelationKind::Other => false,
    }
}
