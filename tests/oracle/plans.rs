//! What the server makes of a rewritten query: the same plan as of one that somebody wrote by hand
//! with the same conditions. A fence where none is needed, or a predicate that no index serves,
//! shows here.

use rowgate::planner::Protocol;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::principals::PRINCIPALS;
use crate::world::{self, PLAIN, Person, World, runtime, world};

/// A query, its bind parameters as SQL literals, and the same by hand for the person with id 104.
struct Case {
    asked: &'static str,
    values: &'static [&'static str],
    by_hand: &'static str,
}

const fn case(asked: &'static str, by_hand: &'static str) -> Case {
    Case { asked, values: &[], by_hand }
}

const fn bound(
    asked: &'static str,
    values: &'static [&'static str],
    by_hand: &'static str,
) -> Case {
    Case { asked, values, by_hand }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    // A key.
    case("SELECT id, name FROM account WHERE id = 4711",
         "SELECT id, name FROM account WHERE id = 4711 AND owner_id = 104"),
    bound("SELECT id, name FROM account WHERE id = $1", &["4711"],
         "SELECT id, name FROM account WHERE id = 4711 AND owner_id = 104"),
    bound("SELECT id, name FROM account WHERE id = ANY ($1)", &["'{1,2,4711}'"],
         "SELECT id, name FROM account WHERE id = ANY ('{1,2,4711}') AND owner_id = 104"),
    case("SELECT id, name FROM account WHERE id IN (1, 2, 4711)",
         "SELECT id, name FROM account WHERE id IN (1, 2, 4711) AND owner_id = 104"),
    bound("SELECT id FROM account WHERE $1::int IS NULL OR id = $1", &["4711"],
         "SELECT id FROM account WHERE id = 4711 AND owner_id = 104"),
    // Patterns.
    case("SELECT id FROM account WHERE name LIKE '%77%'",
         "SELECT id FROM account WHERE name LIKE '%77%' AND owner_id = 104"),
    case("SELECT id FROM account WHERE name LIKE 'name 77%'",
         "SELECT id FROM account WHERE name LIKE 'name 77%' AND owner_id = 104"),
    case("SELECT id FROM account WHERE name LIKE 'name 77%' ESCAPE '!'",
         "SELECT id FROM account WHERE name LIKE 'name 77%' ESCAPE '!' AND owner_id = 104"),
    bound("SELECT id FROM account WHERE name LIKE $1", &["'name 77%'"],
         "SELECT id FROM account WHERE name LIKE 'name 77%' AND owner_id = 104"),
    bound("SELECT id FROM account WHERE name LIKE '%' || $1 || '%'", &["'77'"],
         "SELECT id FROM account WHERE name LIKE '%77%' AND owner_id = 104"),
    bound("SELECT id FROM account WHERE name LIKE $1 OR email LIKE $1", &["'%77%'"],
         "SELECT id FROM account WHERE (name LIKE '%77%' OR email LIKE '%77%') AND owner_id = 104"),
    case("SELECT id FROM account WHERE upper(name) LIKE upper('%NAME 77%')",
         "SELECT id FROM account WHERE upper(name) LIKE upper('%NAME 77%') AND owner_id = 104"),
    case("SELECT id FROM account WHERE name ~ '^name 77'",
         "SELECT id FROM account WHERE name ~ '^name 77' AND owner_id = 104"),
    // Ranges.
    case("SELECT id FROM account WHERE amount BETWEEN 100 AND 120",
         "SELECT id FROM account WHERE amount BETWEEN 100 AND 120 AND owner_id = 104"),
    case("SELECT id FROM account WHERE opened >= '2024-03-01' AND opened < '2024-03-04'",
         "SELECT id FROM account WHERE opened >= '2024-03-01' AND opened < '2024-03-04' AND owner_id = 104"),
    bound("SELECT id FROM account WHERE opened >= $1 AND opened < $2", &["'2024-03-01'", "'2024-03-04'"],
         "SELECT id FROM account WHERE opened >= '2024-03-01' AND opened < '2024-03-04' AND owner_id = 104"),
    case("SELECT id FROM account WHERE extract(year FROM opened) = 2024 AND score % 7 = 1",
         "SELECT id FROM account WHERE extract(year FROM opened) = 2024 AND score % 7 = 1 AND owner_id = 104"),
    // Documents and arrays.
    case("SELECT id FROM account WHERE attributes ->> 'city' = 'city 7'",
         "SELECT id FROM account WHERE attributes ->> 'city' = 'city 7' AND owner_id = 104"),
    case("SELECT id FROM account WHERE labels @> ARRAY['l77']",
         "SELECT id FROM account WHERE labels @> ARRAY['l77'] AND owner_id = 104"),
    // Order.
    case("SELECT id, name FROM account ORDER BY id DESC LIMIT 20",
         "SELECT id, name FROM account WHERE owner_id = 104 ORDER BY id DESC LIMIT 20"),
    case("SELECT id, name FROM account WHERE (opened, id) > ('2024-03-01', 5) ORDER BY opened, id LIMIT 20",
         "SELECT id, name FROM account WHERE (opened, id) > ('2024-03-01', 5) AND owner_id = 104 ORDER BY opened, id LIMIT 20"),
    // Several tables.
    case("SELECT a.id, c.name, p.price FROM account a JOIN contact c ON c.account_id = a.id JOIN product p ON p.id = c.id WHERE a.id = 4711",
         "SELECT a.id, c.name, p.price FROM account a JOIN contact c ON c.account_id = a.id JOIN product p ON p.id = c.id WHERE a.id = 4711 AND a.owner_id = 104 AND c.owner_id = 104"),
    case("SELECT a.id FROM account a WHERE EXISTS (SELECT FROM contact c WHERE c.account_id = a.id AND c.name LIKE '%7')",
         "SELECT a.id FROM account a WHERE EXISTS (SELECT FROM contact c WHERE c.account_id = a.id AND c.name LIKE '%7' AND c.owner_id = 104) AND a.owner_id = 104"),
    // Groups.
    case("SELECT count(*) FROM account",
         "SELECT count(*) FROM account WHERE owner_id = 104"),
    case("SELECT stage, count(*), sum(amount) FROM account GROUP BY stage",
         "SELECT stage, count(*), sum(amount) FROM account WHERE owner_id = 104 GROUP BY stage"),
    case("SELECT date_trunc('month', seen), count(*) FROM account WHERE active GROUP BY 1",
         "SELECT date_trunc('month', seen), count(*) FROM account WHERE active AND owner_id = 104 GROUP BY 1"),
    // A condition that can fail: fenced, but the key is looked up inside.
    case("SELECT id FROM account WHERE id = 4711 AND 100 / score > 1",
         "SELECT id FROM (SELECT * FROM account WHERE id = 4711 AND owner_id = 104 OFFSET 0) account WHERE 100 / score > 1"),
];

const ROWS: &str = "
SET search_path = crm;
INSERT INTO account (id, name, email, owner_id, amount, score, active, opened, seen, attributes, labels, stage)
SELECT n, 'name ' || n, 'user' || n || '@example.com', 100 + n % 40, n % 5000, n, n % 3 > 0,
  DATE '2020-01-01' + n % 2000, TIMESTAMPTZ '2020-01-01' + n * INTERVAL '1 hour',
  jsonb_build_object('city', 'city ' || n % 300), ARRAY['l' || n % 500], (ARRAY['lead', 'open', 'won'])[n % 3 + 1]::stage
FROM generate_series(1000, 40000) n;
INSERT INTO contact (id, account_id, owner_id, name)
SELECT n, n, 100 + n % 40, 'contact ' || n FROM generate_series(1000, 20000) n;
CREATE INDEX ON account (owner_id);
CREATE INDEX ON account (name text_pattern_ops);
CREATE INDEX ON account (amount);
CREATE INDEX ON account (opened, id);
CREATE INDEX ON account ((attributes ->> 'city'));
CREATE INDEX ON account USING gin (labels);
CREATE INDEX ON contact (account_id);
ANALYZE;";

/// The nodes of a plan with their indexes, without the names that a query gives its tables.
async fn nodes(client: &Client, explain: &str) -> Vec<String> {
    let messages =
        client.simple_query(explain).await.unwrap_or_else(|error| panic!("{explain}: {error:?}"));
    let mut nodes = Vec::new();
    for message in &messages {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let line = row.get(0).unwrap();
        let node = line.trim_start().trim_start_matches("->").trim();
        if nodes.is_empty() || line.trim_start().starts_with("->") {
            // `Index Scan using i on t alias`: the alias goes.
            let words: Vec<&str> = node.split(' ').collect();
            let on = words.iter().position(|word| *word == "on").map_or(words.len(), |at| at + 2);
            let whole = words.get(..on.min(words.len())).unwrap().join(" ");
            nodes.push(whole);
        }
        // Conditions that an index serves.
        for kind in ["Index Cond", "Recheck Cond"] {
            if node.starts_with(kind) {
                nodes.push(kind.to_owned());
            }
        }
    }
    nodes
}

async fn differs(world: &World, person: &Person, client: &Client, case: &Case) -> Option<String> {
    let explained = if case.values.is_empty() {
        let rewrite = world.rewrite(person, case.asked).unwrap();
        format!("EXPLAIN (COSTS OFF) {}", rewrite.text())
    } else {
        let rewrite = world
            .rewrite_for(person, case.asked, Protocol::Extended { declared: &[] })
            .unwrap_or_else(|refusal| panic!("{}: {refusal:?}", case.asked));
        client.batch_execute("DEALLOCATE ALL").await.unwrap();
        client.batch_execute(&format!("PREPARE asked AS {}", rewrite.text())).await.unwrap();
        let mut values: Vec<String> = case.values.iter().map(|value| (*value).to_owned()).collect();
        values.extend(rewrite.identity().iter().map(|_| "104".to_owned()));
        format!("EXPLAIN (COSTS OFF) EXECUTE asked ({})", values.join(", "))
    };
    let ours = nodes(client, &explained).await;
    let by_hand = nodes(client, &format!("EXPLAIN (COSTS OFF) {}", case.by_hand)).await;
    (ours != by_hand).then(|| format!("{}\n  {ours:?}\n  by hand {by_hand:?}", case.asked))
}

#[test]
fn a_rewritten_query_is_planned_otherwise_than_one_written_by_hand() {
    let world = world();
    let person = world.person(&PRINCIPALS[0]);
    let differences = runtime().block_on(async {
        let database = world.copy(PLAIN).await;
        let owner = world.superuser(&database).await;
        owner.batch_execute(ROWS).await.unwrap();
        let client = world.gateway(&database).await;
        let settings = "SET plan_cache_mode = force_custom_plan; \
            SET max_parallel_workers_per_gather = 0";
        client.batch_execute(settings).await.unwrap();
        let mut differences = Vec::new();
        for case in CASES {
            differences.extend(differs(world, &person, &client, case).await);
        }
        differences
    });
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The server tries an operator on a column's commonest values to estimate how many rows it keeps,
/// while it plans: a pattern that is an error beside a hidden value must not be tried on it.
#[test]
fn planning_a_pattern_raises_an_error_that_depends_on_hidden_values() {
    let world = world();
    let person = world.person(&PRINCIPALS[0]);
    let outcomes = runtime().block_on(async {
        let database = world.copy(PLAIN).await;
        let owner = world.superuser(&database).await;
        owner
            .batch_execute(
                "SET search_path = crm; \
                 INSERT INTO account (id, name, owner_id) \
                 SELECT n, 'hidden values', 999 FROM generate_series(1000, 3000) n; ANALYZE",
            )
            .await
            .unwrap();
        let client = world.gateway(&database).await;
        // A fence alone does not help.
        let fenced = r"SELECT id FROM (SELECT id, name FROM account WHERE owner_id = 104 OFFSET 0) a
            WHERE name LIKE 'hidden valu_\'";
        let raised = crate::answer::run(&client, fenced, rowgate::rewrite::Answer::Relay).await;
        assert_eq!(raised.failed(), Some("22025"), "the test tries nothing");
        let mut outcomes = Vec::new();
        for sql in [
            r"SELECT id FROM account WHERE name LIKE 'hidden valu_\'",
            r"SELECT id FROM account a WHERE a.name NOT LIKE 'hidden valu_' || chr(92)",
            r"SELECT id FROM (SELECT id, name::varchar AS n FROM account) s WHERE n LIKE 'hidden valu_\'",
            r"WITH w AS (SELECT * FROM account) SELECT id FROM w WHERE name ILIKE 'HIDDEN valu_\'",
            r"SELECT id FROM account_names WHERE name LIKE 'hidden valu_\'",
        ] {
            let rewrite = world.rewrite(&person, sql).unwrap();
            let outcome = crate::answer::run(&client, rewrite.text(), world::answer(&rewrite)).await;
            outcomes.push((sql, outcome));
        }
        outcomes
    });
    for (sql, outcome) in outcomes {
        assert_eq!(outcome.failed(), None, "{sql}: {outcome:?}");
    }
}
