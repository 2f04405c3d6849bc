//! Every shape of query that PostgreSQL has, over many columns and conditions: at least 5,000
//! distinct ones, each answered as native row security answers it.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Pair, Sides, Tally, read};
use crate::principals::{PRINCIPALS, Principal};
use crate::world::{runtime, world};

/// How many queries a template makes; more by the environment.
fn variants() -> usize {
    std::env::var("ROWGATE_SHAPE_VARIANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(24)
}

struct Template {
    class: String,
    /// The first server that has such a form, as its major version.
    since: u32,
    text: String,
}

/// A class begins with `#`, and its name ends with the version where that matters; a template
/// begins where a line does not start with a space.
fn templates() -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    let mut class = String::new();
    let mut since = 0;
    for line in include_str!("shapes.sql").lines() {
        if let Some(name) = line.strip_prefix("# ") {
            name.clone_into(&mut class);
            since = name.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        } else if line.starts_with(' ') {
            let last = templates.last_mut().unwrap();
            last.text.push('\n');
            last.text.push_str(line);
        } else {
            templates.push(Template { class: class.clone(), since, text: line.to_owned() });
        }
    }
    templates
}

/// What stands for a placeholder, with the column of `account` that it reads.
const CHOICES: &[(&str, &[(&str, &str)])] = &[
    ("{i}", &[("a.id", ""), ("a.owner_id", ""), ("a.department_id", ""), ("a.score", "")]),
    (
        "{t}",
        &[
            ("a.name", ""),
            ("a.phone", "phone"),
            ("a.email", "email"),
            ("lower(a.name)", ""),
            ("coalesce(a.email, a.name)", "email"),
        ],
    ),
    ("{n}", &[("a.amount", ""), ("(a.amount + 1)", ""), ("a.id::numeric", "")]),
    ("{d}", &[("a.opened", ""), ("a.seen::date", ""), ("(a.opened + 1)", "")]),
    ("{s}", &[("a.seen", ""), ("(a.seen + INTERVAL '1 day')", "")]),
    ("{j}", &[("a.attributes", ""), ("to_jsonb(a.attributes)", "")]),
    ("{l}", &[("a.labels", ""), ("coalesce(a.labels, '{l2}')", "")]),
    ("{u}", &[("a.token", "token"), ("a.stage", "")]),
    ("{b}", &[("a.active", ""), ("(a.id > 9)", ""), ("(a.score IS NULL)", "")]),
    ("{ik}", &[("owner_id", ""), ("department_id", ""), ("stage", "")]),
    ("{m}", &[("0", ""), ("1", ""), ("2", "")]),
    (
        "{k}",
        &[
            ("1", ""),
            ("2", ""),
            ("3", ""),
            ("4", ""),
            ("5", ""),
            ("6", ""),
            ("7", ""),
            ("8", ""),
            ("9", ""),
        ],
    ),
    ("{cb}", &[("b.active", ""), ("b.id > 4", ""), ("b.owner_id = 104", "")]),
    (
        "{c}",
        &[
            ("true", ""),
            ("a.id < 20", ""),
            ("a.owner_id = 104", ""),
            ("a.active", ""),
            ("a.score > 30", ""),
            ("a.name LIKE 'account 1%'", ""),
            ("a.opened >= DATE '2024-03-01'", ""),
            ("a.stage <> 'lost'", ""),
            ("a.attributes ? 'n'", ""),
            ("a.id % 3 = 0", ""),
            ("a.amount BETWEEN 500 AND 3000", ""),
            ("a.labels IS NOT NULL", ""),
            ("a.phone LIKE '138%'", "phone"),
            ("a.email IS NOT NULL", "email"),
            ("(a.name || a.id) <> 'x'", ""),
            ("length(a.name) = 9", ""),
            ("a.department_id IN (2, 21)", ""),
            ("100 / (a.id + 1) < 50", ""),
            ("a.id IN (SELECT c.account_id FROM contact c)", ""),
        ],
    ),
];

/// A template's query of that number for a person; columns that the person has not are left out.
fn query(template: &str, number: usize, principal: &Principal) -> String {
    let mut text = template.to_owned();
    for (place, (placeholder, choices)) in CHOICES.iter().enumerate() {
        let open: Vec<&str> = choices
            .iter()
            .filter(|(_, column)| column.is_empty() || !principal.denied("account", column))
            .map(|(choice, _)| *choice)
            .collect();
        // Different placeholders step through their choices at different paces.
        let step = (number * (2 * place + 1) + number / open.len()) % open.len();
        text = text.replace(placeholder, open[step]);
    }
    text
}

#[test]
fn a_shape_of_query_gets_another_answer_than_native_row_security_gives_or_is_refused() {
    let world = world();
    let mut whole = Tally::default();
    let mut classes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut distinct: BTreeSet<String> = BTreeSet::new();
    runtime().block_on(async {
        let sides = Sides::new(world).await;
        for (index, principal) in PRINCIPALS.iter().enumerate() {
            let pair = Pair::new(world, &sides, principal).await;
            for template in templates() {
                if template.since > world.server_version() {
                    continue;
                }
                let before = (whole.compared, whole.refused);
                for number in (index..variants()).step_by(PRINCIPALS.len()) {
                    let text = query(&template.text, number, principal);
                    if distinct.insert(text.clone()) {
                        for query in read(&text) {
                            pair.ask(&query, &mut whole).await;
                        }
                    }
                }
                let class = classes.entry(template.class.clone()).or_default();
                class.0 += whole.compared - before.0;
                class.1 += whole.refused - before.1;
            }
        }
    });
    for (class, (compared, refused)) in &classes {
        println!("  {class}: {compared} compared, {refused} refused");
    }
    whole.print("shapes of queries");
    assert!(distinct.len() >= 5_000, "only {} distinct queries", distinct.len());
    assert!(whole.answered * 10 > whole.compared * 8, "too many of the queries only fail");
    assert!(whole.refused * 200 < whole.compared, "too much is refused");
    whole.check();
}

/// That a query is another one for every number, as far as its placeholders go.
#[test]
fn the_templates_make_the_same_queries_again_and_again() {
    let principal = &PRINCIPALS[1];
    let made: BTreeSet<String> =
        (0..24).map(|number| query("{i} {t} {c} {k}", number, principal)).collect();
    assert!(made.len() > 20, "{}", made.len());
}
