//! From a query string to what the server runs: cache, or parse → resolve → decide → rewrite →
//! verify. Does no I/O; the cache is its only state.

mod company;
mod forms;
mod lift;
mod memory;
mod setting;
mod shape;
mod utility;

pub(crate) use setting::unrecognized;
pub(crate) use utility::{CREATE_TABLE, is_shown, shown_settings};

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;

use crate::catalog::{Catalog, Function, SearchPath};
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::policy::{
    Access, Cardinality, Decision, Hole, IdentityShape, Permit, PolicySet, RoleSet, Scope, Verb,
    Visible, decide,
};
use crate::resolve::{FunctionGrants, ResolveContext, Resolved, SessionState, resolve};
use crate::rewrite::{
    Action, Answer, Effect, Plan, Rewrite, RewriteContext, StatementPlan, Touched, Values,
    assigned, changes, rewrite_statement, splice,
};
use crate::sql::ast::{Statement, StatementKind};
use crate::sql::{
    Claim, KnownTables, RawTrees, SqlError, Tokens, parse, parse_keeping_trees, verify,
};

use company::Company;
use forms::{
    explain_options, kind_and_effect, plain_names, refuse_in_company, refuse_inside_prepare,
    refuse_keeping, rename, rename_executed, rename_portal, statement_tokens, unreserved,
};
use memory::{Memory, UnderRules};

/// How the identity values get into the text.
#[derive(Debug, Clone, Copy)]
pub enum Protocol<'a> {
    /// A simple Query: no bind parameters exist, values become typed literals.
    Simple,
    /// A simple Query that the session can run as a prepared statement: where that is as good, its
    /// constants and the values become bind parameters ([`Rewrite::lifted`]).
    Lifting,
    /// Parse: values become bind parameters after the client's own.
    Extended {
        /// The parameter types the client declared; 0 is unspecified.
        declared: &'a [TypeId],
    },
}

/// Everything besides the text that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    /// What names mean.
    pub catalog: &'a Catalog,
    /// The rules.
    pub policy: &'a PolicySet,
    /// The roles in force now.
    pub roles: &'a RoleSet,
    /// An `unrestricted` role is in force: the text is forwarded as it is.
    pub unrestricted: bool,
    /// How many values each identity parameter has.
    pub shape: &'a IdentityShape,
    /// Where unqualified names are looked up.
    pub search_path: &'a SearchPath,
    /// Simple or extended.
    pub protocol: Protocol<'a>,
}

/// What fills the holes of a plan.
pub trait Fill {
    /// The value in PostgreSQL's text format: `7`, `east`, `{1,2}`.
    fn value(&self, hole: Hole) -> Option<String>;
    /// The server's private name for a prepared statement of the client.
    fn statement_name(&self, client: &str) -> String;
    /// The server's name for a portal of the client; cursors of DECLARE keep their name.
    fn portal_name(&self, client: &str) -> String {
        client.to_owned()
    }
}

/// How often plans were found, made and refused, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannerCounts {
    /// Plans found by the statement's shape.
    pub hits: u64,
    /// Plans made.
    pub misses: u64,
    /// Statements refused while a plan was made.
    pub refusals: u64,
    /// Finished texts that the verifier refused: each is a defect of rowgate.
    pub verifier_refusals: u64,
    /// Plans in the cache.
    pub plans: u64,
    /// Bytes they take, roughly.
    pub bytes: u64,
}

/// Plans statements and remembers the plans.
#[derive(Debug)]
pub struct Planner {
    /// Shape with every plain literal left out → the literals that may be.
    shapes: Cache<Box<[u8]>, Arc<[usize]>>,
    /// Context and shape with the other literals in it → plan.
    plans: Cache<Box<[u8]>, Arc<Plan>>,
    memory: Memory,
    /// It remembers nothing: each text is verified as a whole.
    forgetful: bool,
    check_marker: String,
    hits: AtomicU64,
    misses: AtomicU64,
    refusals: AtomicU64,
    verifier_refusals: AtomicU64,
}

/// What there is besides a plan that was just made.
struct Fresh {
    /// The literals that may differ where it is used again.
    literals: Vec<usize>,
    /// What the parser read, for the verifier.
    trees: RawTrees,
}

/// The kind of a statement that this parser does not read.
pub(crate) const UNREAD: &str = "UNKNOWN";
/// Texts longer than this are planned every time.
const CACHED_TEXT: usize = 64 * 1024;

impl Default for Planner {
    /// A planner that remembers nothing, for explaining; its marker is no secret.
    fn default() -> Self {
        Self::new(0, "rowgate_check".to_owned())
    }
}

impl Planner {
    /// A planner whose plans take about `bytes` of memory at most. `check_marker` is a secret that
    /// makes the error of a violated check option recognisable; it is letters and digits.
    #[expect(clippy::borrowed_box, reason = "the weigher is called with the keys as they are kept")]
    pub fn new(bytes: u64, check_marker: String) -> Self {
        let weigh =
            |key: &[u8], value: usize| u32::try_from(key.len() + value + 128).unwrap_or(u32::MAX);
        Self {
            shapes: Cache::builder()
                .max_capacity(bytes / 4)
                .weigher(move |key: &Box<[u8]>, value: &Arc<[usize]>| weigh(key, value.len() * 8))
                .build(),
            plans: Cache::builder()
                .max_capacity(bytes / 2)
                .weigher(move |key: &Box<[u8]>, plan: &Arc<Plan>| weigh(key, plan.weight()))
                .build(),
            memory: Memory::new(bytes / 4),
            forgetful: bytes == 0,
            check_marker,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            verifier_refusals: AtomicU64::new(0),
        }
    }

    /// The secret in the error of a violated check option.
    pub fn check_marker(&self) -> &str {
        &self.check_marker
    }

    /// Counts since the start.
    pub fn counts(&self) -> PlannerCounts {
        PlannerCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refusals: self.refusals.load(Ordering::Relaxed),
            verifier_refusals: self.verifier_refusals.load(Ordering::Relaxed),
            plans: self.plans.entry_count(),
            bytes: self.plans.weighted_size() + self.shapes.weighted_size(),
        }
    }

    /// Lets go of plans and parts of them. Those of a policy or a catalogue that is not in force any more
    /// are never found again, and would stay until others need their place.
    pub fn forget_plans(&self) {
        self.plans.invalidate_all();
        self.memory.forget();
    }

    /// Plans a query string, or finds its plan, and fills the plan's holes.
    ///
    /// # Errors
    ///
    /// A refusal, which the caller records and answers.
    pub fn rewrite(
        &self,
        context: PlanContext<'_>,
        text: &str,
        fill: &dyn Fill,
    ) -> Result<Rewrite, Refusal> {
        let lexed = Tokens::new(text);
        if let Ok(tokens) = &lexed
            && let Some(own) = utility::own_setting(tokens)
        {
            return own.map(|own| Rewrite::verbatim(Arc::new(alone(own)), text));
        }
        if context.unrestricted {
            return Ok(self.unrestricted(context, lexed, text));
        }
        let tokens = lexed?;
        let declared = context.declared();
        let highest = tokens.highest_parameter();
        let client = highest.max(u32::try_from(declared.len()).unwrap_or(u32::MAX));
        let shape = shape(&tokens);
        let (plan, fresh, lifted) =
            if let Some((plan, literals)) = self.find(context, &tokens, shape.as_deref()) {
                self.hits.fetch_add(1, Ordering::Relaxed);
                let lifted = match context.protocol {
                    Protocol::Lifting => lift::constants(&tokens, &plan, &literals),
                    Protocol::Simple | Protocol::Extended { .. } => None,
                };
                (plan, None, lifted.unwrap_or_default())
            } else {
                self.misses.fetch_add(1, Ordering::Relaxed);
                let planned = with_stack(|| self.plan(context, &tokens));
                let (plan, fresh) = planned.inspect_err(|_| {
                    self.refusals.fetch_add(1, Ordering::Relaxed);
                })?;
                (plan, Some(fresh), Vec::new())
            };
        let values = match context.protocol {
            Protocol::Extended { .. } if !plan.literals => {
                Values::Parameters { first: client.saturating_add(1) }
            }
            Protocol::Lifting if !lifted.is_empty() => {
                let lifted = u32::try_from(lifted.len()).unwrap_or(u32::MAX);
                Values::Parameters { first: lifted.saturating_add(1) }
            }
            Protocol::Extended { .. } | Protocol::Simple | Protocol::Lifting => Values::Literals,
        };
        let rewrite = splice(&tokens, &plan, lifted, values, fill)?;
        if !rewrite.lifted().is_empty() && plan.lifting_verified.get().is_none() {
            let (_, trees) = with_stack(|| parse_keeping_trees(&tokens))?;
            with_stack(|| self.verified(&tokens, &trees, &plan, &rewrite, client))?;
            plan.lifting_verified.get_or_init(|| ());
        }
        if client.saturating_add(u32::try_from(rewrite.identity().len()).unwrap_or(u32::MAX))
            > u32::from(u16::MAX)
        {
            return Err(Refusal::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "too many bind parameters",
                "the gateway's own parameters count too",
            ));
        }
        if let Some(fresh) = fresh {
            with_stack(|| self.verified(&tokens, &fresh.trees, &plan, &rewrite, client))?;
            // Only now: nobody finds a plan that has not been verified.
            self.remember(context, &tokens, shape, fresh.literals, &plan);
        }
        Ok(rewrite)
    }

    fn verified(
        &self,
        tokens: &Tokens<'_>,
        trees: &RawTrees,
        plan: &Plan,
        rewrite: &Rewrite,
        parameters: u32,
    ) -> Result<(), Refusal> {
        let changed = || changes(&plan.edits, rewrite.lifted()).map(|change| change.tokens());
        let removed: Vec<Range<usize>> = changed().filter(|range| !range.is_empty()).collect();
        // Every change has put in one run of bytes.
        let filtered: Vec<Range<usize>> = changed()
            .zip(rewrite.inserted())
            .filter(|(tokens, _)| plan.filtered.contains(tokens))
            .map(|(_, inserted)| inserted.clone())
            .collect();
        let claim = Claim {
            client: tokens,
            trees,
            removed: &removed,
            inserted: rewrite.inserted(),
            filtered: &filtered,
            parameters,
        };
        let known = (!self.forgetful).then_some(&self.memory as &dyn KnownTables);
        let checked = catch_unwind(AssertUnwindSafe(|| verify(rewrite.text(), claim, known)));
        let why = match checked {
            Ok(Ok(())) => {
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the verifier broke".to_owned(),
        };
        self.verifier_refusals.fetch_add(1, Ordering::Relaxed);
        // Whatever led to this plan may have led to others.
        self.shapes.invalidate_all();
        self.forget_plans();
        Err(Refusal::new(
            SqlState::INTERNAL_ERROR,
            "rowgate refused its own rewriting of this statement",
            why,
        ))
    }

    // The cache.

    /// The plan, and the literals that may differ in texts of it.
    fn find(
        &self,
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        shape: Option<&[u8]>,
    ) -> Option<(Arc<Plan>, Arc<[usize]>)> {
        let literals = self.shapes.get(shape?)?;
        let mut key = Vec::with_capacity(tokens.source().len() + 256);
        context.write_key(&mut key);
        shape::write(tokens, &mut key, |index| literals.binary_search(&index).is_ok());
        Some((self.plans.get(key.as_slice())?, literals))
    }

    fn remember(
        &self,
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        shape: Option<Vec<u8>>,
        literals: Vec<usize>,
        plan: &Arc<Plan>,
    ) {
        let Some(shape) = shape else { return };
        let mut key = Vec::with_capacity(tokens.source().len() + 256);
        context.write_key(&mut key);
        shape::write(tokens, &mut key, |index| literals.binary_search(&index).is_ok());
        self.plans.insert(key.into_boxed_slice(), Arc::clone(plan));
        self.shapes.insert(shape.into_boxed_slice(), literals.into());
    }

    // Planning.

    fn plan(
        &self,
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
    ) -> Result<(Arc<Plan>, Fresh), Refusal> {
        plain_names(tokens)?;
        let (statements, trees) = parse_keeping_trees(tokens)?;
        let mut plan = Plan::default();
        if let [alone] = statements.as_slice() {
            self.statement(context, tokens, alone, &mut plan)?;
        } else {
            let catalog = context.catalog;
            let mut company = Company::new(context.search_path);
            for statement in &statements {
                refuse_in_company(&statement.kind, company.has_moved())?;
                // What looks up no name runs wherever names are looked up.
                let context = match utility::decide(&statement.kind)? {
                    Some(_) => context,
                    None => PlanContext { search_path: company.path()?, ..context },
                };
                self.statement(context, tokens, statement, &mut plan)?;
                company.pass(&statement.kind, catalog);
            }
            plan.key_lookup = None;
        }
        plan.session_state = session_state(context.catalog, tokens);
        Ok((Arc::new(plan), Fresh { literals: shape::abstractable(&statements, tokens), trees }))
    }

    fn statement(
        &self,
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        statement: &Statement,
        plan: &mut Plan,
    ) -> Result<(), Refusal> {
        let span = statement_tokens(tokens, &statement.span);
        let utility = utility::decide(&statement.kind)
            .map_err(|refusal| setting::refusal(context.catalog, &statement.kind, refusal))?;
        if let Some(utility) = utility {
            match &utility.action {
                Action::Deallocate { name: Some(name) } => {
                    plan.edits.push(rename(tokens, &span, name)?);
                }
                Action::Fetch { name } | Action::Close { name } => {
                    plan.edits.push(rename_portal(tokens, &span, name)?);
                }
                Action::Deallocate { name: None }
                | Action::Forward
                | Action::Prepare { .. }
                | Action::Execute { .. }
                | Action::Local(_) => {}
            }
            plan.statements.push(StatementPlan {
                kind: utility.kind,
                tokens: span,
                action: utility.action,
                effect: utility.effect,
                names: false,
                answer: Answer::Relay,
                touched: Vec::new(),
                rows_per_query: None,
            });
            return Ok(());
        }
        let (kind, mut effect) = kind_and_effect(&statement.kind);
        let mut edits = Vec::new();
        let mut answer = Answer::Relay;
        let mut action = Action::Forward;
        match &statement.kind {
            StatementKind::Explain(explain) => {
                if let StatementKind::Execute { name, .. } = &explain.statement {
                    edits.push(rename_executed(tokens, &span, name)?);
                    action = Action::Execute { name: name.as_str().into() };
                    plan.literals = true;
                }
                let (edit, format) = explain_options(tokens, &span, &explain.options)?;
                edits.push(edit);
                answer = Answer::RedactPlan(format);
            }
            StatementKind::Prepare { name, statement, .. } => {
                refuse_inside_prepare(statement)?;
                edits.push(rename(tokens, &span, name)?);
                action = Action::Prepare { name: name.as_str().into(), answer: Answer::Relay };
                plan.literals = true;
            }
            StatementKind::Execute { name, .. } => {
                edits.push(rename(tokens, &span, name)?);
                action = Action::Execute { name: name.as_str().into() };
                plan.literals = true;
            }
            StatementKind::Copy(_) => plan.literals = true,
            StatementKind::Definition(definition) => {
                if let Some(name) = definition.executed() {
                    edits.push(rename_executed(tokens, &span, name)?);
                    action = Action::Execute { name: name.into() };
                    plan.literals = true;
                }
            }
            StatementKind::DeclareCursor { name, .. } => unreserved(name)?,
            StatementKind::Select(_)
            | StatementKind::Insert(_)
            | StatementKind::Update(_)
            | StatementKind::Delete(_)
            | StatementKind::Merge(_)
            | StatementKind::Fetch { .. }
            | StatementKind::ClosePortal { .. }
            | StatementKind::Deallocate { .. }
            | StatementKind::Transaction(_)
            | StatementKind::Set(_)
            | StatementKind::Show(_)
            | StatementKind::Discard(_)
            | StatementKind::Other(_) => {}
        }
        let resolved = Self::resolve(context, tokens, span.clone(), &statement.kind)?;
        plan.patterns.extend(resolved.patterns.iter().cloned());
        let permit = self.permit(context, &resolved)?;
        let explained = matches!(statement.kind, StatementKind::Explain(_));
        // A query with data-modifying statements in WITH writes as well.
        if !resolved.modifications.is_empty() && !explained {
            effect = Effect::Writes;
        }
        let own = Scope::unrestricted(Vec::new());
        let mut rules = Vec::with_capacity(256);
        context.write_rules_key(&mut rules);
        let printed = UnderRules { memory: &self.memory, policy: context.policy, rules };
        let rewriting = RewriteContext {
            catalog: context.catalog,
            printed: &printed,
            permit: &permit,
            own: &own,
            check_marker: &self.check_marker,
        };
        let mut rewritten = rewrite_statement(rewriting, tokens, &resolved)?;
        refuse_keeping(&statement.kind, &resolved, rewritten.rows_per_query)?;
        if let Some(hidden) = rewritten.answer {
            if let Action::Prepare { answer, .. } = &mut action {
                // The rows come whenever it is executed.
                *answer = hidden;
            } else if !explained {
                answer = hidden;
            }
        }
        if answer == Answer::Staged && matches!(context.protocol, Protocol::Extended { .. }) {
            return Err(Refusal::unsupported(
                "this COPY FROM is supported in the simple query protocol only: the rows are \
                 judged when they are stored",
            ));
        }
        if matches!(statement.kind, StatementKind::Select(_)) && !rewritten.asks_others {
            plan.key_lookup = resolved.key_lookup(tokens);
        }
        edits.append(&mut rewritten.edits);
        edits.sort_by_key(|edit| (edit.tokens.start, edit.tokens.end));
        plan.edits.append(&mut edits);
        plan.filtered.append(&mut rewritten.filtered);
        plan.statements.push(StatementPlan {
            kind,
            tokens: span,
            action,
            effect,
            names: true,
            answer,
            touched: rewritten.touched,
            rows_per_query: rewritten.rows_per_query,
        });
        Ok(())
    }

    /// Decides on everything a statement touches; asks again where a column needs `assign`.
    fn permit(&self, context: PlanContext<'_>, resolved: &Resolved) -> Result<Permit, Refusal> {
        let mut accesses = resolved.accesses();
        let permit = self.ask(context, &accesses)?;
        let assigned = assigned(resolved, &permit);
        if !assigned.is_empty() {
            let assigned = assigned.into_iter();
            accesses.extend(assigned.map(|relation| Access { relation, verb: Verb::Assign }));
            accesses.sort_unstable();
            accesses.dedup();
            return self.ask(context, &accesses);
        }
        Ok(permit)
    }

    fn ask(&self, context: PlanContext<'_>, accesses: &[Access]) -> Result<Permit, Refusal> {
        let mut key = Vec::with_capacity(256);
        context.write_rules_key(&mut key);
        for access in accesses {
            key.extend_from_slice(&access.relation.0.to_le_bytes());
            key.extend_from_slice(access.verb.as_str().as_bytes());
            key.push(0);
        }
        if let Some(permit) = self.memory.permit(&key) {
            return Ok(permit);
        }
        match decide(context.policy, context.catalog, context.roles, context.shape, accesses) {
            Decision::Permit(permit) => {
                self.memory.keep_permit(key, &permit);
                Ok(permit)
            }
            Decision::Deny { access, reason } => {
                let name = context
                    .catalog
                    .relation(access.relation)
                    .map_or_else(String::new, |relation| relation.name.to_string());
                Err(Refusal::denied(format!("permission denied for table {name}"), reason))
            }
        }
    }

    fn resolve(
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        span: Range<usize>,
        kind: &StatementKind,
    ) -> Result<Resolved, Refusal> {
        let grants = Grants { context };
        let sequences = |relation| context.policy.grants_sequence(context.roles, relation);
        let named = |relation| context.policy.names_relation(relation);
        let visible = || context.policy.visible(context.catalog, context.roles);
        resolve(
            ResolveContext {
                catalog: context.catalog,
                path: context.search_path,
                grants: &grants,
                sequences: &sequences,
                named: &named,
                visible: &visible,
                declared: context.declared(),
                view_depth: 0,
                system_view: false,
            },
            tokens,
            span,
            kind,
        )
    }

    /// What can be said of a text that does not run: the kinds of its statements, and what they
    /// touch as far as names resolve. Decides nothing and is not remembered: it is no plan.
    pub fn describe(context: PlanContext<'_>, text: &str) -> Vec<StatementPlan> {
        let understood =
            Tokens::new(text).and_then(|tokens| parse(&tokens).map(|parsed| (tokens, parsed)));
        match &understood {
            Ok((tokens, statements)) => Self::descriptions(context, tokens, statements),
            Err(_) => Vec::new(),
        }
    }

    fn descriptions(
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        statements: &[Statement],
    ) -> Vec<StatementPlan> {
        let described = statements.iter().map(|statement| {
            let span = statement_tokens(tokens, &statement.span);
            let (kind, effect) = utility::effect(&statement.kind);
            StatementPlan {
                kind,
                tokens: span.clone(),
                action: Action::Forward,
                effect,
                names: true,
                answer: Answer::Relay,
                touched: Self::touched(context, tokens, span, &statement.kind),
                rows_per_query: None,
            }
        });
        described.collect()
    }

    /// The text as it is; what can be said of it is said.
    fn unrestricted(
        &self,
        context: PlanContext<'_>,
        tokens: Result<Tokens<'_>, SqlError>,
        text: &str,
    ) -> Rewrite {
        let found = tokens.as_ref().ok().and_then(|tokens| {
            let shape = shape(tokens);
            self.find(context, tokens, shape.as_deref())
        });
        let plan = if let Some((plan, _)) = found {
            self.hits.fetch_add(1, Ordering::Relaxed);
            plan
        } else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            with_stack(|| self.described(context, tokens))
        };
        Rewrite::verbatim(plan, text)
    }

    fn described(
        &self,
        context: PlanContext<'_>,
        tokens: Result<Tokens<'_>, SqlError>,
    ) -> Arc<Plan> {
        let mut plan = Plan::default();
        let understood =
            tokens.and_then(|tokens| parse(&tokens).map(|statements| (tokens, statements)));
        if let Ok((tokens, statements)) = &understood {
            plan.statements = Self::descriptions(context, tokens, statements);
        } else {
            // The server will say what is wrong with it, or knows a grammar that is newer.
            plan.statements.push(StatementPlan {
                kind: UNREAD,
                tokens: 0..0,
                action: Action::Forward,
                effect: Effect::Unknown,
                names: true,
                answer: Answer::Relay,
                touched: Vec::new(),
                rows_per_query: None,
            });
        }
        let plan = Arc::new(plan);
        if let Ok((tokens, statements)) = &understood {
            let literals = shape::abstractable(statements, tokens);
            self.remember(context, tokens, shape(tokens), literals, &plan);
        }
        plan
    }

    fn touched(
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        span: Range<usize>,
        kind: &StatementKind,
    ) -> Vec<Touched> {
        struct Everything;
        impl FunctionGrants for Everything {
            fn granted(&self, _function: &Function) -> bool {
                true
            }
        }
        let sequences = |_| true;
        let named = |_| true;
        let visible = || Arc::new(Visible::default());
        let resolved = resolve(
            ResolveContext {
                catalog: context.catalog,
                path: context.search_path,
                grants: &Everything,
                sequences: &sequences,
                named: &named,
                visible: &visible,
                declared: context.declared(),
                view_depth: 0,
                system_view: false,
            },
            tokens,
            span,
            kind,
        );
        let Ok(resolved) = resolved else { return Vec::new() };
        let mut touched = Vec::new();
        for used in &resolved.uses {
            for verb in &used.verbs {
                touched.push(Touched {
                    relation: used.relation.id,
                    name: Arc::from(used.relation.qualified_name()),
                    verb: *verb,
                    columns: used
                        .columns()
                        .iter()
                        .filter_map(|number| used.relation.column_by_number(*number))
                        .map(|column| Arc::clone(&column.name))
                        .collect(),
                    filter: Arc::default(),
                    masks: Vec::new(),
                    compared: 0,
                    lines: Arc::default(),
                });
            }
        }
        touched
    }
}

/// The plan of a query string that is one statement without relations.
fn alone(utility: utility::Utility) -> Plan {
    Plan {
        statements: vec![StatementPlan {
            kind: utility.kind,
            tokens: 0..0,
            action: utility.action,
            effect: utility.effect,
            names: false,
            answer: Answer::Relay,
            touched: Vec::new(),
            rows_per_query: None,
        }],
        ..Plan::default()
    }
}

/// The text's shape, unless it is planned every time.
fn shape(tokens: &Tokens<'_>) -> Option<Vec<u8>> {
    (tokens.source().len() <= CACHED_TEXT).then(|| shape::of(tokens))
}

/// What the functions of a text may leave behind: every name in it is taken for one, which errs on
/// the side of more.
fn session_state(catalog: &Catalog, tokens: &Tokens<'_>) -> SessionState {
    let names = (0..tokens.len()).filter_map(|index| tokens.identifier(index));
    names.map(|name| crate::resolve::session_state(catalog, &name)).max().unwrap_or_default()
}

/// Runs on a stack that holds a tree of the depth that lowering admits (2,000 levels), walked and
/// dropped without counting. The gateway's own threads have it already.
fn with_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(32 * 1024 * 1024, 64 * 1024 * 1024, work)
}

struct Grants<'a> {
    context: PlanContext<'a>,
}

impl FunctionGrants for Grants<'_> {
    fn granted(&self, function: &Function) -> bool {
        self.context.policy.grants_function(self.context.roles, function, self.context.catalog)
    }
}

impl PlanContext<'_> {
    fn declared(&self) -> &[TypeId] {
        match self.protocol {
            Protocol::Simple | Protocol::Lifting => &[],
            Protocol::Extended { declared } => declared,
        }
    }

    /// Everything of the context that a plan depends on. Names end with a byte that no name holds.
    fn write_key(&self, key: &mut Vec<u8>) {
        self.write_rules_key(key);
        let length = |key: &mut Vec<u8>, length: usize| {
            key.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
        };
        length(key, self.search_path.0.len());
        for schema in &self.search_path.0 {
            key.extend_from_slice(schema.as_bytes());
            key.push(0);
        }
        let temporary = self.search_path.1.told();
        length(key, temporary.len());
        key.extend_from_slice(temporary.as_bytes());
        length(key, self.declared().len());
        for declared in self.declared() {
            key.extend_from_slice(&declared.0.to_le_bytes());
        }
        key.push(0xff);
    }

    /// Everything of the context that a decision depends on.
    fn write_rules_key(&self, key: &mut Vec<u8>) {
        key.push(u8::from(self.unrestricted));
        key.extend_from_slice(&self.catalog.version.0.to_le_bytes());
        key.extend_from_slice(self.policy.version().as_str().as_bytes());
        key.push(0);
        // Each list begins with its length: the end of one cannot be taken for the next.
        let length = |key: &mut Vec<u8>, length: usize| {
            key.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
        };
        length(key, self.roles.0.len());
        for role in self.roles.0.iter() {
            key.extend_from_slice(role.as_str().as_bytes());
            key.push(0);
        }
        length(key, self.shape.0.len());
        for cardinality in self.shape.0.iter() {
            key.push(match cardinality {
                Cardinality::Missing => 1,
                Cardinality::One => 2,
                Cardinality::Many => 3,
            });
        }
    }
}

#[cfg(test)]
mod tests;
