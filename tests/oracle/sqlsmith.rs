//! Random queries of sqlsmith, which knows the sample's tables, types, operators and functions: two
//! databases that differ only in what the person must not see give the same answers, and the answers
//! are those of native row security. No query may break the planner or its verifier.
//!
//! `ROWGATE_SQLSMITH` is how many queries each person asks; `ROWGATE_SQLSMITH_SEED` where the random
//! numbers begin; `ROWGATE_SQLSMITH_BATCH` the thousand to begin with (what is found is reported with
//! seed × 10,000 + batch); `ROWGATE_SQLSMITH_WHO` asks as one person alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rowgate::rewrite::{Answer, Rewrite};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::compare::Query;
use crate::principals::{PRINCIPALS, Principal};
use crate::world::{
    self, CHILDREN, ORACLE, PLAIN, TABLES, VIEWS, WRITTEN_THROUGH, World, runtime, world,
};

/// Queries that one run of sqlsmith makes.
const BATCH: usize = 1_000;
/// Queries over big joins end here, on all sides.
const TIMEOUT: &str = "SET statement_timeout = '500ms'";
/// How many defects of a kind are written out.
const SHOWN: usize = 20;

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What a client got, in constant memory: the order of rows is open in these queries.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Rows { columns: Vec<String>, rows: u64, digest: u64, affected: u64 },
    Failed { sqlstate: String, message: String },
    TimedOut,
}

impl Seen {
    fn failure(error: &tokio_postgres::Error) -> Self {
        let Some(error) = error.as_db_error() else { panic!("the connection failed: {error:?}") };
        let sqlstate = error.code().code();
        if sqlstate == "57014" {
            return Self::TimedOut;
        }
        if error.message().contains(world::MARKER) {
            return Self::Failed { sqlstate: "42501".to_owned(), message: String::new() };
        }
        // What a restricted client reads of an error, see `session::redact`.
        let message = if sqlstate.starts_with("42") { error.message() } else { "" };
        Self::Failed { sqlstate: sqlstate.to_owned(), message: message.to_owned() }
    }

    fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Rows { .. } | Self::TimedOut => None,
            Self::Failed { sqlstate, .. } => Some(sqlstate),
        }
    }
}

async fn ask(client: &Client, sql: &str, answer: Answer) -> Seen {
    let stream = match client.simple_query_raw(sql).await {
        Ok(stream) => stream,
        Err(error) => return Seen::failure(&error),
    };
    let mut stream = std::pin::pin!(stream);
    let cut = usize::from(answer == Answer::CutLastColumn);
    let (mut columns, mut rows, mut digest, mut affected) = (Vec::new(), 0, 0_u64, 0);
    while let Some(message) = stream.next().await {
        match message {
            Ok(SimpleQueryMessage::RowDescription(described)) => {
                let shown = described.len() - cut;
                columns = described.iter().take(shown).map(|c| c.name().to_owned()).collect();
            }
            Ok(SimpleQueryMessage::Row(row)) => {
                let mut hasher = DefaultHasher::new();
                (0..row.len() - cut).for_each(|index| row.get(index).hash(&mut hasher));
                digest = digest.wrapping_add(hasher.finish());
                rows += 1;
            }
            Ok(SimpleQueryMessage::CommandComplete(count)) => affected = count,
            Ok(_) => {}
            Err(error) => return Seen::failure(&error),
        }
    }
    if answer == Answer::DropRows {
        (columns, rows, digest) = (Vec::new(), 0, 0);
    }
    Seen::Rows { columns, rows, digest, affected }
}

/// Runs it in a transaction that is rolled back.
async fn ask_alone(client: &Client, sql: &str, answer: Answer) -> Seen {
    client.batch_execute("BEGIN").await.unwrap();
    let seen = ask(client, sql, answer).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    seen
}

async fn ask_rewritten(client: &Client, rewrite: &Rewrite) -> Seen {
    ask_alone(client, rewrite.text(), world::answer(rewrite)).await
}

/// Settings that make the server choose other plans.
const PLANS: &[&str] = &[
    "enable_hashjoin",
    "enable_nestloop",
    "enable_mergejoin",
    "enable_seqscan",
    "enable_material",
    "enable_hashagg",
    "enable_sort",
    "enable_memoize",
];

async fn with_other_plan(
    clients: &[&Client],
    settings: (&str, &str),
    text: &str,
    answer: Answer,
) -> Vec<Seen> {
    let (first, second) = settings;
    let mut all = Vec::new();
    for client in clients {
        client.batch_execute(&format!("SET {first} = off; SET {second} = off")).await.unwrap();
        all.push(ask_alone(client, text, answer).await);
        client.batch_execute(&format!("RESET {first}; RESET {second}")).await.unwrap();
    }
    all
}

fn plans() -> impl Iterator<Item = (&'static str, &'static str)> {
    // One by one, then two by two.
    (0..PLANS.len()).flat_map(|apart| {
        PLANS.iter().zip(&PLANS[apart..]).map(|(first, second)| (*first, *second))
    })
}

/// How often the planner is made to believe that tables have other sizes, so that it joins in
/// another order.
const SIZES: u32 = 200;

/// What the planner is told about the sizes of tables: (oid, pages, rows).
type Sizes = Vec<(u32, i32, f32)>;

async fn sizes(client: &Client) -> Sizes {
    let sql = "SELECT oid, relpages, reltuples FROM pg_class \
        WHERE relkind = 'r' AND relnamespace = 'crm'::regnamespace ORDER BY oid";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// The numbers of relations are the same in all copies.
async fn believe(owner: &Client, sizes: &Sizes) {
    let values: Vec<String> = sizes
        .iter()
        .map(|(oid, pages, rows)| format!("({oid}::oid, {pages}, {rows}::real)"))
        .collect();
    let sql = format!(
        "UPDATE pg_class SET relpages = pages, reltuples = rows \
         FROM (VALUES {}) v (relation, pages, rows) WHERE oid = relation",
        values.join(",")
    );
    owner.batch_execute(&sql).await.unwrap();
}

/// As many rows as `there` in the pages that are here: the planner reckons with rows per page.
async fn believe_as(owner: &Client, there: &Sizes) {
    believe(owner, there).await;
    let sql = "UPDATE pg_class SET relpages = greatest(1, pg_relation_size(oid) / 8192)::int \
        WHERE relkind = 'r' AND relnamespace = 'crm'::regnamespace AND relpages > 0";
    owner.batch_execute(sql).await.unwrap();
}

async fn believe_anything(owner: &Client, number: u32) {
    let sql = format!(
        "SELECT setseed({}); \
         UPDATE pg_class SET relpages = greatest(1, pg_relation_size(oid) / 8192)::int, \
           reltuples = floor(10 ^ (5 * random())) \
         WHERE relkind = 'r' AND relnamespace = 'crm'::regnamespace",
        f64::from(number) / f64::from(SIZES)
    );
    owner.batch_execute(&sql).await.unwrap();
}

/// Whether both databases give the same answer under the sizes of the one, and under those of the
/// other: what differs is then the plan, such as which rows a LIMIT without ORDER BY leaves.
async fn equal_under_equal_sizes(databases: &Databases, rewrite: &Rewrite) -> bool {
    let Databases { here, there, owner_of_here, owner_of_there, .. } = databases;
    let mut equal = true;
    for (other, client, owner) in [(here, there, owner_of_there), (there, here, owner_of_here)] {
        let before = sizes(client).await;
        believe_as(owner, &sizes(other).await).await;
        equal &= ask_rewritten(here, rewrite).await == ask_rewritten(there, rewrite).await;
        believe(owner, &before).await;
    }
    equal
}

/// Which of several conditions is evaluated first is the planner's choice. An error tells nothing
/// when rows that may be seen raise it alone, under some plan.
async fn raised_by_visible_rows(databases: &Databases, rewrite: &Rewrite, sqlstate: &str) -> bool {
    let visible = &databases.visible;
    let raises = async || ask_rewritten(visible, rewrite).await.sqlstate() == Some(sqlstate);
    if raises().await {
        return true;
    }
    for settings in plans() {
        let answer = world::answer(rewrite);
        let seen = with_other_plan(&[visible], settings, rewrite.text(), answer).await;
        if seen.iter().any(|seen| seen.sqlstate() == Some(sqlstate)) {
            return true;
        }
    }
    let before = sizes(visible).await;
    let owner = &databases.owner_of_visible;
    let mut found = false;
    for other in [&databases.here, &databases.there] {
        believe_as(owner, &sizes(other).await).await;
        found = found || raises().await;
    }
    for number in 0..SIZES {
        if found {
            break;
        }
        believe_anything(owner, number).await;
        found = raises().await;
    }
    believe(owner, &before).await;
    found
}

/// Whether the answer to the same text on the same rows depends on the plan: LIMIT without ORDER BY,
/// sums of floating-point numbers, window functions over ties.
async fn depends_on_the_plan(client: &Client, text: &str, answer: Answer) -> bool {
    let usual = ask_alone(client, text, answer).await;
    for settings in plans() {
        let other = with_other_plan(&[client], settings, text, answer).await;
        if other.iter().any(|seen| *seen != usual && *seen != Seen::TimedOut) {
            return true;
        }
    }
    false
}

#[derive(Default)]
struct Tally {
    statements: usize,
    planned: usize,
    rows: usize,
    errors: BTreeMap<String, usize>,
    timed_out: usize,
    /// Not compared: the answer is random or depends on the plan.
    unstable: usize,
    order_of_evaluation: usize,
    /// Both databases tell by a unique or foreign key whether another row has the key.
    keys: usize,
    equal_to_oracle: usize,
    errors_on_both: usize,
    oracle_answers: usize,
    refused: usize,
    refused_though_answered: usize,
    /// Reason → (refused, of them answered by native row security, an example).
    refusals: BTreeMap<String, (usize, usize, String)>,
    slowest: (Duration, String),
    leaks: Vec<String>,
    differences: Vec<String>,
    defects: Vec<String>,
}

impl Tally {
    fn print(&self, who: &str) {
        println!(
            "{who}: {} statements: {} planned ({} rows, {} errors, {} timed out), {} refused; \
             {} equal to native row security, {} errors on both sides, {} unstable, {} differ in \
             the order of evaluation, {} in keys that are taken; {} leaks, {} differences, {} defects; of {} that native row \
             security answers {} were refused; slowest plan {:?}",
            self.statements,
            self.planned,
            self.rows,
            self.errors.values().sum::<usize>(),
            self.timed_out,
            self.refused,
            self.equal_to_oracle,
            self.errors_on_both,
            self.unstable,
            self.order_of_evaluation,
            self.keys,
            self.leaks.len(),
            self.differences.len(),
            self.defects.len(),
            self.oracle_answers,
            self.refused_though_answered,
            self.slowest.0,
        );
    }

    fn print_refusals(&self) {
        let mut errors: Vec<_> = self.errors.iter().collect();
        errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (error, count) in errors.iter().take(SHOWN) {
            println!("  error of the server {count}x: {error}");
        }
        let mut refusals: Vec<_> = self.refusals.iter().collect();
        refusals.sort_by_key(|(_, (count, answered, _))| {
            (std::cmp::Reverse(*answered), std::cmp::Reverse(*count))
        });
        for (reason, (count, answered, example)) in refusals.iter().take(2 * SHOWN) {
            let example: String = example.split_whitespace().collect::<Vec<_>>().join(" ");
            println!("  refused {count}x, {answered}x answered by native row security: {reason}");
            println!("    {}", example.chars().take(300).collect::<String>());
        }
    }
}

/// The reason without what differs from statement to statement.
fn class_of(sqlstate: &str, message: &str) -> String {
    let mut class = format!("{sqlstate} ");
    let mut quoted = None;
    for letter in message.chars() {
        match quoted {
            Some(quote) if letter == quote => {
                quoted = None;
                class.push('…');
            }
            Some(_) => {}
            None if letter == '"' || letter == '`' => quoted = Some(letter),
            None => class.push(letter),
        }
    }
    class
}

struct Databases {
    here: Client,
    owner_of_here: Client,
    /// Everything that must not be seen is different.
    there: Client,
    owner_of_there: Client,
    /// Rows that must not be seen are absent.
    visible: Client,
    owner_of_visible: Client,
    oracle: Client,
    names: Vec<String>,
}

impl Databases {
    async fn new(world: &World, principal: &Principal) -> Self {
        let here = world.copy(PLAIN).await;
        let there = world.other_database(principal).await;
        let seen = world.seen_database(principal).await;
        let oracle = world.copy(ORACLE).await;
        let clients = Self {
            here: world.gateway(&here).await,
            owner_of_here: world.superuser(&here).await,
            there: world.gateway(&there).await,
            owner_of_there: world.superuser(&there).await,
            visible: world.gateway(&seen).await,
            owner_of_visible: world.superuser(&seen).await,
            oracle: world.oracle(principal, &oracle).await,
            names: vec![here, there, seen, oracle],
        };
        for client in [&clients.here, &clients.there, &clients.visible, &clients.oracle] {
            client.batch_execute(TIMEOUT).await.unwrap();
        }
        clients
    }

    /// Rows of statements that were rolled back take room.
    async fn vacuum(&self, world: &World) {
        for name in &self.names {
            world.cluster().run(name, "VACUUM").await.unwrap();
        }
    }
}

async fn replay(
    world: &World,
    principal: &Principal,
    person: &world::Person,
    databases: &Databases,
    sql: &str,
    tally: &mut Tally,
) {
    tally.statements += 1;
    let start = Instant::now();
    let planned = world.rewrite(person, sql);
    if start.elapsed() > tally.slowest.0 {
        tally.slowest = (start.elapsed(), sql.to_owned());
    }
    // Without REPEATABLE a sample is another one each time. The catalogues of two databases differ
    // in numbers, and native row security hides nothing of them. Each database has its connection and
    // its name.
    let words: Vec<&str> = sql.split_whitespace().collect();
    let of_catalogue = |pair: &[&str]| {
        // MERGE is written in capitals.
        let before = pair[0].trim_start_matches('(').to_ascii_lowercase();
        matches!(&*before, "from" | "join" | "into" | "using")
            && (pair[1].starts_with("pg_catalog.") || pair[1].starts_with("information_schema."))
    };
    let of_connection =
        ["pg_backend_pid", "inet_client_port", "current_database", "current_catalog"];
    let random = words.contains(&"tablesample")
        || words.windows(2).any(of_catalogue)
        || of_connection.iter().any(|function| sql.contains(function));
    // What native row security is asked for has to have one answer. Its views are in a schema of
    // their own, which is the first of the search path.
    let one_answer = !random
        && !without(sql, "limit 1 ", "").contains("limit ")
        && !sql.contains("current_schema");
    let theirs = if one_answer {
        let text = Query::new(sql.to_owned()).for_oracle();
        Some(ask_alone(&databases.oracle, &text, Answer::Relay).await)
    } else {
        None
    };
    let answered = matches!(theirs, Some(Seen::Rows { .. }));
    tally.oracle_answers += usize::from(answered);
    let rewrite = match planned {
        Ok(rewrite) => rewrite,
        Err(refusal) => {
            let state = refusal.sqlstate.0;
            if state == "XX000" || refusal.message.contains("could not be parsed") {
                tally.defects.push(format!("{refusal:?}\n{sql}"));
            }
            tally.refused += 1;
            tally.refused_though_answered += usize::from(answered);
            let class = tally.refusals.entry(class_of(state, &refusal.message)).or_default();
            class.0 += 1;
            class.1 += usize::from(answered);
            if class.2.is_empty() || (answered && class.2.len() > sql.len()) {
                sql.clone_into(&mut class.2);
            }
            return;
        }
    };
    tally.planned += 1;
    let here = ask_rewritten(&databases.here, &rewrite).await;
    let there = ask_rewritten(&databases.there, &rewrite).await;
    match &here {
        Seen::Rows { .. } => tally.rows += 1,
        Seen::Failed { sqlstate, message } => {
            *tally.errors.entry(class_of(sqlstate, message)).or_default() += 1;
        }
        Seen::TimedOut => tally.timed_out += 1,
    }
    if random {
        tally.unstable += 1;
        return;
    }
    if here == Seen::TimedOut || there == Seen::TimedOut {
        return;
    }
    if here != there {
        judge_leak(databases, &rewrite, &here, &there, sql, tally).await;
        return;
    }
    if let Some(theirs) = theirs
        && theirs != Seen::TimedOut
        && !left_out_by_oracle(principal, sql, &theirs)
    {
        judge_difference(databases, &rewrite, &here, &theirs, sql, tally).await;
    }
}

async fn judge_leak(
    databases: &Databases,
    rewrite: &Rewrite,
    here: &Seen,
    there: &Seen,
    sql: &str,
    tally: &mut Tally,
) {
    // Documented: a key that is taken is told by its constraint, which sees all rows.
    if [here, there].iter().any(|seen| matches!(seen.sqlstate(), Some("23505" | "23503"))) {
        tally.keys += 1;
        return;
    }
    let mut errors = [here, there].into_iter().filter_map(Seen::sqlstate).peekable();
    if errors.peek().is_some() {
        let mut innocent = true;
        for sqlstate in errors {
            innocent &= raised_by_visible_rows(databases, rewrite, sqlstate).await;
        }
        if innocent {
            tally.order_of_evaluation += 1;
            return;
        }
    } else if equal_under_equal_sizes(databases, rewrite).await {
        tally.unstable += 1;
        return;
    } else if depends_on_the_plan(&databases.here, rewrite.text(), world::answer(rewrite)).await {
        // Its answer is one of several. Under equal plans both databases give the same one.
        for settings in plans() {
            let both = [&databases.here, &databases.there];
            let answer = world::answer(rewrite);
            let seen = with_other_plan(&both, settings, rewrite.text(), answer).await;
            if seen.first() == seen.last() {
                tally.unstable += 1;
                return;
            }
        }
        // The time of day, under any plan.
        let again = ask_rewritten(&databases.here, rewrite).await;
        if again != *here && again != ask_rewritten(&databases.here, rewrite).await {
            tally.unstable += 1;
            return;
        }
    }
    tally
        .leaks
        .push(format!("{sql}\n  here:  {here:?}\n  there: {there:?}\n  as: {}", rewrite.text()));
}

/// Whether what failed passes the server's analysis, which computes nothing and plans nothing.
async fn raised_by_a_value(client: &Client, text: &str, seen: &Seen) -> bool {
    if seen.sqlstate().is_none_or(|state| state == "42501") {
        return false;
    }
    let analysed = client.batch_execute(&format!("PREPARE analysed AS {text}")).await.is_ok();
    if analysed {
        client.batch_execute("DEALLOCATE analysed").await.unwrap();
    }
    analysed
}

/// A denied column is NULL in a view over its table; the views that the oracle writes through do not
/// have it.
fn left_out_by_oracle(principal: &Principal, sql: &str, theirs: &Seen) -> bool {
    let Seen::Failed { sqlstate, message } = theirs else { return false };
    let denied = |column: &str| principal.denied("account", column) && message.contains(column);
    sqlstate == "42703"
        && WRITTEN_THROUGH.iter().any(|(view, _)| sql.contains(view))
        && (denied("secret")
            || denied("phone")
            || denied("email")
            || (principal.denied("account", "phone") && message.contains("number")))
}

/// Errors that need not agree: which of several is found first.
fn may_differ(sql: &str, ours: &Seen, theirs: &Seen) -> bool {
    // The oracle's masking views: their masked columns cannot be written, and they have no
    // constraint that ON CONFLICT could name.
    let no_constraint = |seen: &Seen| match seen {
        Seen::Failed { message, .. } => message.starts_with("constraint "),
        Seen::Rows { .. } | Seen::TimedOut => false,
    };
    if theirs.sqlstate() == Some("0A000") || no_constraint(theirs) {
        return true;
    }
    match (ours.sqlstate(), theirs.sqlstate()) {
        (Some(a), Some(b)) => {
            // The check option judges the row as stored, behind the client's RETURNING items, so a
            // constraint or one of them is the first to complain.
            (depends_on_order(a) && depends_on_order(b))
                || (b == "42501" && (a.starts_with("23") || sql.contains("returning")))
        }
        (Some(a), None) => depends_on_order(a),
        (None, Some(b)) => {
            // The oracle's views have no key to group by, and cannot be locked or written where
            // they mask.
            depends_on_order(b) || matches!(b, "42803" | "55000")
        }
        (None, None) => false,
    }
}

/// What a value or a number of rows raises; 0A000 comes from functions that know some values only.
fn depends_on_order(sqlstate: &str) -> bool {
    sqlstate == "0A000"
        || sqlstate.starts_with("22")
        || sqlstate.starts_with("21")
        || sqlstate.starts_with("23")
}

async fn judge_difference(
    databases: &Databases,
    rewrite: &Rewrite,
    ours: &Seen,
    theirs: &Seen,
    sql: &str,
    tally: &mut Tally,
) {
    if ours.sqlstate().is_some() && ours.sqlstate() == theirs.sqlstate() {
        tally.errors_on_both += 1;
        return;
    }
    if ours == theirs {
        tally.equal_to_oracle += 1;
        return;
    }
    if may_differ(sql, ours, theirs) {
        tally.order_of_evaluation += 1;
        return;
    }
    // Some functions raise what is otherwise raised before anything runs, such as 42601. One over a
    // mask that is a constant is computed while the statement is planned, whether there are rows or
    // not.
    let theirs_text = Query::new(sql.to_owned()).for_oracle();
    if raised_by_a_value(&databases.here, rewrite.text(), ours).await
        || raised_by_a_value(&databases.oracle, &theirs_text, theirs).await
    {
        tally.order_of_evaluation += 1;
        return;
    }
    let unstable = depends_on_the_plan(&databases.here, rewrite.text(), world::answer(rewrite))
        .await
        || depends_on_the_plan(&databases.oracle, &theirs_text, Answer::Relay).await;
    if unstable {
        tally.unstable += 1;
        return;
    }
    tally.differences.push(format!(
        "{sql}\n  rowgate: {ours:?}\n  oracle:  {theirs:?}\n  as: {}",
        rewrite.text()
    ));
}

/// What sqlsmith makes queries of.
#[derive(Clone, Copy, PartialEq)]
enum Vocabulary {
    /// What the person may read, and functions that are open and have one answer.
    Permitted,
    /// All tables, columns and functions, the catalogue's too.
    Everything,
}

/// The database that sqlsmith looks at, without what it has no use for: it gives arguments of type
/// anyrange to what takes anyrange. It runs nothing there.
struct Smith {
    database: String,
}

impl Smith {
    async fn new(world: &World, person: &world::Person) -> Self {
        let database = world.copy(PLAIN).await;
        let client = world.superuser(&database).await;
        let mut permitted: Vec<String> = Vec::new();
        let functions = "SELECT oid::text, format('SELECT pg_catalog.%I(%s)%s', proname, \
              (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ') \
                 FROM unnest(proargtypes) t), CASE prokind WHEN 'w' THEN ' OVER ()' ELSE '' END) \
            FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND NOT proretset \
              AND prokind IN ('f', 'a', 'w') AND NOT EXISTS (SELECT FROM pg_type t \
                WHERE typtype = 'p' AND t.oid = ANY (proargtypes || prorettype)) AND (provolatile = 'i' OR provolatile = 's' \
              AND pronargs > 0 AND proname !~ '^(pg_|has_|obj_|col_|shobj_|current_|to_reg|row_sec)')";
        for message in client.simple_query(functions).await.unwrap() {
            let SimpleQueryMessage::Row(row) = message else { continue };
            let refused = world.rewrite(person, row.get(1).unwrap());
            // Which arguments it takes is for the server to judge.
            if refused.is_ok() {
                permitted.push(row.get(0).unwrap().to_owned());
            }
        }
        assert!(permitted.len() > 500, "only {} functions are open", permitted.len());
        let mut sql = format!(
            "CREATE SCHEMA smith; GRANT USAGE ON SCHEMA smith TO PUBLIC; \
             CREATE VIEW smith.pg_proc AS SELECT * FROM pg_catalog.pg_proc WHERE oid IN ({}); \
             GRANT SELECT ON smith.pg_proc TO PUBLIC; \
             DELETE FROM pg_operator o USING pg_type t WHERE typtype = 'p' \
               AND t.oid IN (oprleft, oprright, oprresult); \
             ALTER VIEW information_schema.tables RENAME TO all_tables; \
             CREATE VIEW information_schema.tables AS SELECT * FROM information_schema.all_tables \
               WHERE table_schema NOT LIKE 'smith%'; \
             GRANT SELECT ON information_schema.tables TO PUBLIC;",
            permitted.join(",")
        );
        for principal in PRINCIPALS {
            see_only_what_may_be_read(&mut sql, principal);
        }
        client.batch_execute(&sql).await.unwrap();
        Self { database }
    }

    /// So many queries, the same ones for the same seed.
    fn queries(
        &self,
        world: &World,
        principal: &Principal,
        vocabulary: Vocabulary,
        seed: usize,
        count: usize,
    ) -> Vec<String> {
        let who = principal.name;
        let (target, catalogue) = match vocabulary {
            Vocabulary::Permitted => {
                let path = format!("smith_{who},smith,pg_catalog,crm");
                let target = world.connection_string(who, &self.database);
                (format!("{target} options='-csearch_path={path}'"), Some("--exclude-catalog"))
            }
            Vocabulary::Everything => (world.superuser_connection_string(&self.database), None),
        };
        let made = Command::new("sqlsmith")
            .arg(format!("--target={target}"))
            .arg("--dry-run")
            .args(catalogue)
            .arg(format!("--seed={seed}"))
            .arg(format!("--max-queries={count}"))
            .output()
            .unwrap_or_else(|error| {
                panic!("cannot run sqlsmith: {error}; tests/setup.sh installs it")
            });
        let text = String::from_utf8_lossy(&made.stdout);
        let queries: Vec<String> = text
            .split(";\n")
            .map(str::trim)
            .filter(|sql| !sql.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        queries
    }
}

fn see_only_what_may_be_read(sql: &mut String, principal: &Principal) {
    let who = principal.name;
    let _ =
        write!(sql, "CREATE SCHEMA smith_{who}; GRANT USAGE ON SCHEMA smith_{who}, crm TO {who};");
    let mut denied = vec!["false".to_owned()];
    for (table, columns) in TABLES.iter().filter(|(table, _)| principal.may_read(table)) {
        let _ = write!(sql, "GRANT SELECT ON crm.{table} TO {who};");
        for (child, _) in CHILDREN.iter().filter(|(_, parent)| parent == table) {
            let _ = write!(sql, "GRANT SELECT ON crm.{child} TO {who};");
        }
        for column in columns.iter().filter(|column| principal.denied(table, column)) {
            denied.push(format!("(attrelid = 'crm.{table}'::regclass AND attname = '{column}')"));
        }
    }
    for (view, _) in VIEWS {
        let _ = write!(sql, "GRANT SELECT ON crm.{view} TO {who};");
    }
    let _ = write!(
        sql,
        "CREATE VIEW smith_{who}.pg_attribute AS SELECT attrelid, attname, atttypid, attnum, attisdropped FROM pg_catalog.pg_attribute \
           WHERE NOT ({}); GRANT SELECT ON smith_{who}.pg_attribute TO {who};",
        denied.join(" OR ")
    );
}

/// The text without `word` and its number or brackets, but for those that are `but`.
fn without(sql: &str, word: &str, but: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let argument = &from[word.len()..];
        let end = match argument.strip_prefix('(') {
            Some(inside) => inside.find(')').map_or(argument.len(), |close| close + 2),
            None => argument.find(|c: char| !c.is_ascii_digit()).unwrap_or(argument.len()),
        };
        let (removed, behind) = from.split_at(word.len() + end);
        if removed == but {
            text.push_str(but);
        }
        rest = behind;
    }
    text + rest
}

/// Most samples and half of the limits go, so that there is one answer to compare. LIMIT 1 makes a
/// sub-select a value.
fn with_one_answer(sql: &str, index: usize) -> String {
    let mut text = sql.to_owned();
    if index % 8 != 7 {
        text = without(&text, "tablesample system ", "");
        text = without(&text, "tablesample bernoulli ", "");
    }
    if index.is_multiple_of(2) {
        text = without(&text, "limit ", "limit 1");
    }
    text
}

#[test]
fn a_random_query_tells_of_what_is_hidden_or_gets_another_answer_or_breaks_the_planner() {
    let each = number("ROWGATE_SQLSMITH", 60);
    let first_seed = number("ROWGATE_SQLSMITH_SEED", 1);
    let first_batch = number("ROWGATE_SQLSMITH_BATCH", 0);
    let who = std::env::var("ROWGATE_SQLSMITH_WHO").ok();
    let world = world();
    let mut failures = Vec::new();
    let mut planned = 0;
    runtime().block_on(async {
        let smith = Smith::new(world, &world.person(&PRINCIPALS[2])).await;
        for principal in PRINCIPALS.iter().filter(|p| who.as_ref().is_none_or(|who| p.name == who))
        {
            let person = world.person(principal);
            let databases = Databases::new(world, principal).await;
            let mut tally = Tally::default();
            let mut batch = first_batch;
            while tally.statements < each {
                // sqlsmith takes 31 bits.
                let seed = (first_seed * 10_000 + batch) % (1 << 31);
                // A tenth goes over everything there is.
                let vocabulary = if batch % 10 == 9 || (each < BATCH && batch == 1) {
                    Vocabulary::Everything
                } else {
                    Vocabulary::Permitted
                };
                let wanted = (each - tally.statements).min(BATCH);
                let wanted = if each < BATCH && batch == 0 { wanted * 3 / 4 } else { wanted };
                batch += 1;
                let queries = smith.queries(world, principal, vocabulary, seed, wanted);
                for (index, sql) in queries.iter().enumerate() {
                    let sql = with_one_answer(sql, index);
                    let found = (tally.leaks.len(), tally.differences.len(), tally.defects.len());
                    replay(world, principal, &person, &databases, &sql, &mut tally).await;
                    for (kind, all, before) in [
                        ("leak", &tally.leaks, found.0),
                        ("difference", &tally.differences, found.1),
                        ("defect", &tally.defects, found.2),
                    ] {
                        if all.len() > before && all.len() <= SHOWN {
                            println!("{kind}, {}, seed {seed}: {}", principal.name, all[before]);
                        }
                    }
                }
                databases.vacuum(world).await;
                if each > BATCH {
                    tally.print(principal.name);
                }
            }
            tally.print(principal.name);
            tally.print_refusals();
            println!("  slowest plan: {}", tally.slowest.1);
            planned += tally.planned;
            let found = tally.leaks.len() + tally.differences.len() + tally.defects.len();
            if found > 0 {
                failures.push(format!("{}: {found}", principal.name));
            }
        }
    });
    assert!(failures.is_empty(), "leaks, differences and defects: {failures:?}");
    assert!(planned * 5 > each, "nearly everything is refused");
}

/// A person, and another one whose rules show what the first must not see.
const SEES_MORE: &[(&str, &str)] = &[
    ("own_rows", "department"),
    ("department", "all_masked"),
    ("all_masked", "department"),
    ("analyst", "all_masked"),
    ("several_roles", "all_masked"),
    ("team_and_shared", "several_roles"),
];

#[test]
fn a_rewriter_that_takes_the_rules_of_somebody_else_is_not_noticed() {
    let world = world();
    let named = |name: &str| PRINCIPALS.iter().find(|p| p.name == name).unwrap();
    runtime().block_on(async {
        let smith = Smith::new(world, &world.person(&PRINCIPALS[2])).await;
        for (who, rules_of) in SEES_MORE {
            let principal = named(who);
            let person = world.person(named(rules_of));
            let databases = Databases::new(world, principal).await;
            let mut tally = Tally::default();
            let queries = smith.queries(world, principal, Vocabulary::Permitted, 7, 200);
            for (index, sql) in queries.iter().enumerate() {
                let sql = with_one_answer(sql, index);
                replay(world, principal, &person, &databases, &sql, &mut tally).await;
            }
            tally.print(who);
            let found = tally.leaks.len();
            assert!(found > 0, "{who} reads what {rules_of} may and is not noticed");
        }
    });
}
