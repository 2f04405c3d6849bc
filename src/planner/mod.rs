//! From a query string to what the server runs: cache, or parse → resolve → decide → rewrite →
//! verify. Does no I/O; the cache is its only state.

mod shape;
mod utility;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;

use crate::catalog::{Catalog, Function, SearchPath};
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::policy::{
    Access, Cardinality, Decision, Hole, IdentityShape, Permit, PolicySet, RoleSet, RowFilter,
    Verb, decide,
};
use crate::resolve::{FunctionGrants, ResolveContext, Resolved, resolve};
use crate::rewrite::{
    Action, Answer, Edit, Effect, Piece, Plan, Rewrite, RewriteContext, StatementPlan, Touched,
    Values, assigns, rewrite_statement, splice,
};
use crate::sql::ast::{Statement, StatementKind};
use crate::sql::{Claim, SqlError, TokenKind, Tokens, parse, verify};

/// How the identity values get into the text.
#[derive(Debug, Clone, Copy)]
pub enum Protocol<'a> {
    /// A simple Query: no bind parameters exist, values become typed literals.
    Simple,
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
    check_marker: String,
    hits: AtomicU64,
    misses: AtomicU64,
    refusals: AtomicU64,
    verifier_refusals: AtomicU64,
}

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
                .max_capacity(bytes / 4 * 3)
                .weigher(move |key: &Box<[u8]>, plan: &Arc<Plan>| weigh(key, plan.weight()))
                .build(),
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
        let (plan, fresh) = if let Some(plan) = self.find(context, &tokens) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            (plan, false)
        } else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            let plan = self.plan(context, &tokens).inspect_err(|_| {
                self.refusals.fetch_add(1, Ordering::Relaxed);
            })?;
            (plan, true)
        };
        let values = match context.protocol {
            Protocol::Extended { .. } if !plan.literals => {
                Values::Parameters { first: client.saturating_add(1) }
            }
            Protocol::Extended { .. } | Protocol::Simple => Values::Literals,
        };
        let rewrite = splice(&tokens, &plan, values, fill)?;
        if client.saturating_add(u32::try_from(rewrite.identity().len()).unwrap_or(u32::MAX))
            > u32::from(u16::MAX)
        {
            return Err(Refusal::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "too many bind parameters",
                "the gateway's own parameters count too",
            ));
        }
        if fresh {
            self.verified(&tokens, &plan, &rewrite, client)?;
        }
        Ok(rewrite)
    }

    fn verified(
        &self,
        tokens: &Tokens<'_>,
        plan: &Plan,
        rewrite: &Rewrite,
        parameters: u32,
    ) -> Result<(), Refusal> {
        let removed: Vec<Range<usize>> = plan
            .edits
            .iter()
            .map(|edit| edit.tokens.clone())
            .filter(|range| !range.is_empty())
            .collect();
        let claim =
            Claim { client: tokens, removed: &removed, inserted: rewrite.inserted(), parameters };
        let checked = catch_unwind(AssertUnwindSafe(|| verify(rewrite.text(), claim)));
        let why = match checked {
            Ok(Ok(())) => {
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the verifier broke".to_owned(),
        };
        // The plan must not be found again.
        self.plans.invalidate_all();
        self.verifier_refusals.fetch_add(1, Ordering::Relaxed);
        Err(Refusal::new(
            SqlState::INTERNAL_ERROR,
            "rowgate refused its own rewriting of this statement",
            why,
        ))
    }

    // The cache.

    fn find(&self, context: PlanContext<'_>, tokens: &Tokens<'_>) -> Option<Arc<Plan>> {
        if tokens.source().len() > CACHED_TEXT {
            return None;
        }
        let mut key = Vec::with_capacity(tokens.source().len() + 256);
        shape::write(tokens, &mut key, |_| true);
        let literals = self.shapes.get(key.as_slice())?;
        key.clear();
        context.write_key(&mut key);
        shape::write(tokens, &mut key, |index| literals.binary_search(&index).is_ok());
        self.plans.get(key.as_slice())
    }

    fn remember(
        &self,
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        statements: &[Statement],
        plan: &Arc<Plan>,
    ) {
        if tokens.source().len() > CACHED_TEXT {
            return;
        }
        let literals = shape::abstractable(statements, tokens);
        let mut key = Vec::with_capacity(tokens.source().len() + 256);
        context.write_key(&mut key);
        shape::write(tokens, &mut key, |index| literals.binary_search(&index).is_ok());
        self.plans.insert(key.into_boxed_slice(), Arc::clone(plan));
        let mut key = Vec::with_capacity(tokens.source().len());
        shape::write(tokens, &mut key, |_| true);
        self.shapes.insert(key.into_boxed_slice(), literals.into());
    }

    // Planning.

    fn plan(&self, context: PlanContext<'_>, tokens: &Tokens<'_>) -> Result<Arc<Plan>, Refusal> {
        plain_names(tokens)?;
        let statements = parse(tokens)?;
        let mut plan = Plan { edits: Vec::new(), statements: Vec::new(), literals: false };
        for statement in &statements {
            if statements.len() > 1 {
                refuse_in_company(&statement.kind)?;
            }
            self.statement(context, tokens, statement, &mut plan)?;
        }
        let plan = Arc::new(plan);
        self.remember(context, tokens, &statements, &plan);
        Ok(plan)
    }

    fn statement(
        &self,
        context: PlanContext<'_>,
        tokens: &Tokens<'_>,
        statement: &Statement,
        plan: &mut Plan,
    ) -> Result<(), Refusal> {
        let span = statement_tokens(tokens, &statement.span);
        if let Some(utility) = utility::decide(&statement.kind)? {
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
                answer: Answer::Relay,
                touched: Vec::new(),
                rows_per_query: None,
            });
            return Ok(());
        }
        let (kind, effect) = kind_and_effect(&statement.kind);
        let mut edits = Vec::new();
        let mut answer = Answer::Relay;
        let mut action = Action::Forward;
        match &statement.kind {
            StatementKind::Explain(explain) => {
                edits.push(explain_options(tokens, &span, &explain.options)?);
                answer = Answer::RedactPlan;
            }
            StatementKind::Prepare { name, statement } => {
                refuse_inside_prepare(statement)?;
                edits.push(rename(tokens, &span, name)?);
                action = Action::Prepare { name: name.as_str().into() };
                plan.literals = true;
            }
            StatementKind::Execute { name, .. } => {
                edits.push(rename(tokens, &span, name)?);
                action = Action::Execute { name: name.as_str().into() };
                plan.literals = true;
            }
            StatementKind::Copy(_) => plan.literals = true,
            StatementKind::DeclareCursor { name, .. } => unreserved(name)?,
            StatementKind::Select(_)
            | StatementKind::Insert(_)
            | StatementKind::Update(_)
            | StatementKind::Delete(_)
            | StatementKind::Merge
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
        let permit = permit(context, &resolved)?;
        let describe = |filter: &RowFilter| crate::policy::describe(filter, context.policy);
        let rewriting = RewriteContext {
            permit: &permit,
            check_marker: &self.check_marker,
            describe: &describe,
        };
        let mut rewritten = rewrite_statement(rewriting, tokens, &resolved)?;
        if let Some(hidden) = rewritten.answer {
            match &statement.kind {
                StatementKind::Prepare { .. } => {
                    return Err(Refusal::unsupported(
                        "PREPARE of a statement whose rows are checked is not supported for a \
                         restricted principal; prepare it with the extended protocol",
                    ));
                }
                StatementKind::Explain(_) => {}
                StatementKind::Select(_)
                | StatementKind::Insert(_)
                | StatementKind::Update(_)
                | StatementKind::Delete(_)
                | StatementKind::DeclareCursor { .. }
                | StatementKind::Merge
                | StatementKind::Copy(_)
                | StatementKind::Execute { .. }
                | StatementKind::Fetch { .. }
                | StatementKind::ClosePortal { .. }
                | StatementKind::Deallocate { .. }
                | StatementKind::Transaction(_)
                | StatementKind::Set(_)
                | StatementKind::Show(_)
                | StatementKind::Discard(_)
                | StatementKind::Other(_) => answer = hidden,
            }
        }
        edits.append(&mut rewritten.edits);
        edits.sort_by_key(|edit| (edit.tokens.start, edit.tokens.end));
        plan.edits.append(&mut edits);
        plan.statements.push(StatementPlan {
            kind,
            tokens: span,
            action,
            effect,
            answer,
            touched: rewritten.touched,
            rows_per_query: rewritten.rows_per_query,
        });
        Ok(())
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
        resolve(
            ResolveContext {
                catalog: context.catalog,
                path: context.search_path,
                grants: &grants,
                sequences: &sequences,
                named: &named,
                declared: context.declared(),
                view_depth: 0,
            },
            tokens,
            span,
            kind,
        )
    }

    /// The text as it is; what can be said of it is said.
    fn unrestricted(
        &self,
        context: PlanContext<'_>,
        tokens: Result<Tokens<'_>, SqlError>,
        text: &str,
    ) -> Rewrite {
        let found = tokens.as_ref().ok().and_then(|tokens| self.find(context, tokens));
        let plan = if let Some(plan) = found {
            self.hits.fetch_add(1, Ordering::Relaxed);
            plan
        } else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            self.described(context, tokens)
        };
        Rewrite::verbatim(plan, text)
    }

    fn described(
        &self,
        context: PlanContext<'_>,
        tokens: Result<Tokens<'_>, SqlError>,
    ) -> Arc<Plan> {
        let mut plan = Plan { edits: Vec::new(), statements: Vec::new(), literals: false };
        let understood =
            tokens.and_then(|tokens| parse(&tokens).map(|statements| (tokens, statements)));
        if let Ok((tokens, statements)) = &understood {
            for statement in statements {
                let span = statement_tokens(tokens, &statement.span);
                let (kind, effect) = utility::effect(&statement.kind);
                plan.statements.push(StatementPlan {
                    kind,
                    tokens: span.clone(),
                    action: Action::Forward,
                    effect,
                    answer: Answer::Relay,
                    touched: Self::touched(context, tokens, span, &statement.kind),
                    rows_per_query: None,
                });
            }
        } else {
            // The server will say what is wrong with it, or knows a grammar that is newer.
            plan.statements.push(StatementPlan {
                kind: "UNKNOWN",
                tokens: 0..0,
                action: Action::Forward,
                effect: Effect::Unknown,
                answer: Answer::Relay,
                touched: Vec::new(),
                rows_per_query: None,
            });
        }
        let plan = Arc::new(plan);
        if let Ok((tokens, statements)) = &understood {
            self.remember(context, tokens, statements, &plan);
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
        let resolved = resolve(
            ResolveContext {
                catalog: context.catalog,
                path: context.search_path,
                grants: &Everything,
                sequences: &sequences,
                named: &named,
                declared: context.declared(),
                view_depth: 0,
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
                    filter: Box::from(""),
                    masks: Vec::new(),
                    lines: Vec::new(),
                });
            }
        }
        touched
    }
}

/// The plan of a query string that is one statement without relations.
fn alone(utility: utility::Utility) -> Plan {
    Plan {
        edits: Vec::new(),
        statements: vec![StatementPlan {
            kind: utility.kind,
            tokens: 0..0,
            action: utility.action,
            effect: utility.effect,
            answer: Answer::Relay,
            touched: Vec::new(),
            rows_per_query: None,
        }],
        literals: false,
    }
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
            Protocol::Simple => &[],
            Protocol::Extended { declared } => declared,
        }
    }

    /// Everything of the context that a plan depends on. Names end with a byte that no name holds.
    fn write_key(&self, key: &mut Vec<u8>) {
        key.push(u8::from(self.unrestricted));
        key.extend_from_slice(&self.catalog.version.0.to_le_bytes());
        key.extend_from_slice(self.policy.version().as_str().as_bytes());
        key.push(0);
        for role in self.roles.0.iter() {
            key.extend_from_slice(role.as_str().as_bytes());
            key.push(0);
        }
        key.push(0);
        for cardinality in self.shape.0.iter() {
            key.push(match cardinality {
                Cardinality::Missing => 1,
                Cardinality::One => 2,
                Cardinality::Many => 3,
            });
        }
        key.push(0);
        for schema in &self.search_path.0 {
            key.extend_from_slice(schema.as_bytes());
            key.push(0);
        }
        key.push(0);
        for declared in self.declared() {
            key.extend_from_slice(&declared.0.to_le_bytes());
        }
        key.push(0xff);
    }
}

/// Decides on everything a statement touches; asks again where a column needs `assign`.
fn permit(context: PlanContext<'_>, resolved: &Resolved) -> Result<Permit, Refusal> {
    let mut accesses = resolved.accesses();
    let permit = ask(context, &accesses)?;
    let target =
        resolved.target.as_ref().and_then(|modification| resolved.uses.get(modification.target));
    if let Some(target) = target {
        let update = Access { relation: target.relation.id, verb: Verb::Update };
        if permit.scope(update).is_some_and(|update| assigns(resolved, update)) {
            accesses.push(Access { relation: target.relation.id, verb: Verb::Assign });
            return ask(context, &accesses);
        }
    }
    Ok(permit)
}

fn ask(context: PlanContext<'_>, accesses: &[Access]) -> Result<Permit, Refusal> {
    match decide(context.policy, context.catalog, context.roles, context.shape, accesses) {
        Decision::Permit(permit) => Ok(permit),
        Decision::Deny { access, reason } => {
            let name = context
                .catalog
                .relation(access.relation)
                .map_or_else(String::new, |relation| relation.name.to_string());
            Err(Refusal::denied(format!("permission denied for table {name}"), reason))
        }
    }
}

fn statement_tokens(tokens: &Tokens<'_>, span: &Range<usize>) -> Range<usize> {
    let start = tokens.from_byte(span.start);
    let mut end = tokens.from_byte(span.end);
    while end > start && tokens.is_mark(end - 1, ";") {
        end -= 1;
    }
    start..end
}

/// Policy SQL marks its own names with control characters that no name of a client may hold, and
/// `U&"…"` can spell any character.
fn plain_names(tokens: &Tokens<'_>) -> Result<(), Refusal> {
    for (index, token) in tokens.iter().enumerate() {
        let odd = match token.kind {
            TokenKind::UnicodeIdentifier => true,
            TokenKind::QuotedIdentifier => tokens.text(index).contains(['\u{1}', '\u{2}']),
            TokenKind::Word
            | TokenKind::String
            | TokenKind::SpecialString
            | TokenKind::BitString
            | TokenKind::DollarString
            | TokenKind::Integer
            | TokenKind::Number
            | TokenKind::Parameter
            | TokenKind::Operator
            | TokenKind::Punctuation => false,
        };
        if odd {
            return Err(Refusal::unsupported("this spelling of a name is not supported")
                .at(Some(token.start as usize)));
        }
    }
    Ok(())
}

/// Statements that change what names of prepared statements mean stand alone: the whole string is
/// planned before any of it runs. For the search path the session sees to the same.
fn refuse_in_company(kind: &StatementKind) -> Result<(), Refusal> {
    let alone = match kind {
        StatementKind::Prepare { .. }
        | StatementKind::Execute { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Discard(_) => true,
        StatementKind::Select(_)
        | StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_)
        | StatementKind::Merge
        | StatementKind::Copy(_)
        | StatementKind::Explain(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Other(_) => false,
    };
    if alone {
        return Err(Refusal::unsupported(
            "this statement has to be sent alone, not in a string of several",
        ));
    }
    Ok(())
}

fn refuse_inside_prepare(inner: &StatementKind) -> Result<(), Refusal> {
    match inner {
        StatementKind::Select(_)
        | StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_) => Ok(()),
        StatementKind::Merge
        | StatementKind::Copy(_)
        | StatementKind::Explain(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Execute { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Discard(_)
        | StatementKind::Other(_) => {
            Err(Refusal::unsupported("PREPARE of this statement is not supported"))
        }
    }
}

fn kind_and_effect(kind: &StatementKind) -> (&'static str, Effect) {
    let (name, effect) = utility::effect(kind);
    match kind {
        // A restricted SELECT calls only functions that were looked at.
        StatementKind::Select(_) | StatementKind::Explain(_) => (name, Effect::Reads),
        StatementKind::Execute { .. } => (name, Effect::Writes),
        StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_)
        | StatementKind::Merge
        | StatementKind::Copy(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Discard(_)
        | StatementKind::Other(_) => (name, effect),
    }
}

/// Replaces the client's name of a prepared statement by the server's.
fn rename(tokens: &Tokens<'_>, span: &Range<usize>, name: &str) -> Result<Edit, Refusal> {
    // PREPARE name, EXECUTE name, DEALLOCATE [PREPARE] name.
    let mut at = span.start + 1;
    if tokens.is_word(span.start, "deallocate")
        && tokens.is_word(at, "prepare")
        && at + 1 < span.end
    {
        at += 1;
    }
    if tokens.identifier(at).as_deref() != Some(name) {
        return Err(Refusal::unsupported("this spelling of a statement name is not supported"));
    }
    Ok(Edit { tokens: at..at + 1, pieces: vec![Piece::StatementName(name.into())] })
}

/// Replaces the client's name of a portal in FETCH, MOVE and CLOSE: it stands last.
fn rename_portal(tokens: &Tokens<'_>, span: &Range<usize>, name: &str) -> Result<Edit, Refusal> {
    unreserved(name)?;
    let at = span.end.saturating_sub(1);
    if at <= span.start || tokens.identifier(at).as_deref() != Some(name) {
        return Err(Refusal::unsupported("this spelling of a cursor name is not supported"));
    }
    Ok(Edit { tokens: at..at + 1, pieces: vec![Piece::PortalName(name.into())] })
}

/// Names that begin like the gateway's own on the server.
fn unreserved(name: &str) -> Result<(), Refusal> {
    if name.starts_with("rowgate_") {
        return Err(Refusal::unsupported("names that begin with rowgate_ are reserved"));
    }
    Ok(())
}

/// EXPLAIN for a restricted principal shows the shape of a plan: no costs and row counts, which
/// tell of all rows, and nothing is run.
fn explain_options(
    tokens: &Tokens<'_>,
    span: &Range<usize>,
    options: &[(String, Option<String>)],
) -> Result<Edit, Refusal> {
    for (name, value) in options {
        let off = value
            .as_deref()
            .is_some_and(|v| ["off", "false", "0", "no"].contains(&v.to_lowercase().as_str()));
        let allowed = match name.as_str() {
            "costs" | "settings" | "summary" | "timing" | "verbose" | "memory" => true,
            "format" => value.as_deref().is_none_or(|v| v.eq_ignore_ascii_case("text")),
            _ => off,
        };
        if !allowed {
            return Err(Refusal::denied(
                format!("permission denied for EXPLAIN option {}", name.to_uppercase()),
                "a restricted principal may see the plan, in text, and not run it",
            ));
        }
    }
    let mut end = span.start + 1;
    if tokens.is_mark(end, "(") && !options.is_empty() && is_option_list(tokens, end) {
        while end < span.end && !tokens.is_mark(end, ")") {
            end += 1;
        }
        end += 1;
    } else {
        while ["analyze", "analyse", "verbose"].iter().any(|word| tokens.is_word(end, word)) {
            end += 1;
        }
    }
    Ok(Edit { tokens: span.start + 1..end, pieces: vec![Piece::Text("(COSTS OFF)".into())] })
}

/// `EXPLAIN (SELECT 1)` has brackets too.
fn is_option_list(tokens: &Tokens<'_>, open: usize) -> bool {
    !["select", "values", "table", "with"].iter().any(|word| tokens.is_word(open + 1, word))
        && !tokens.is_mark(open + 1, "(")
}

#[cfg(test)]
mod tests;
