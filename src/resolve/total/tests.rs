//! Runs what is listed on a server, over values that are chosen to make it fail.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::{
    Argument, CASTS, COMPARABLE, COUNTING, FUNCTIONS, OPERATORS, Total, compares, is_plain_regex,
};
use crate::catalog::Catalog;
use crate::demo::cluster::Cluster;
use crate::ids::TypeId;

const OIDS: &[&str] = &["0", "1", "4294967295", "2147483648"];
const FLOATS: &[&str] =
    &["0", "-0", "1", "-1.5", "NaN", "Infinity", "-Infinity", "1e-37", "3e38", "-3e38"];
const RANGES: &[&str] = &["empty", "(,)", "[1,1]", "(1,)", "(,7]", "[-5,5)"];
const DAYS: &[&str] =
    &["empty", "(,)", "[2026-01-01,2026-01-01]", "(infinity,)", "[-infinity,infinity]"];

/// Values at the edges of a type, as text that the type's input function takes.
fn values(type_id: u32) -> (&'static str, Vec<String>) {
    let of = |name: &'static str, values: &[&str]| {
        (name, values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect())
    };
    let texts = |name: &'static str| {
        let mut values: Vec<String> = [
            "", " ", "%", "\\", "a\\", "_%\\", "é漢字", "İ", "ß", "-", "0", "e\u{301}", "'",
            "a b c",
        ]
        .iter()
        .map(|value| format!("'{}'", value.replace('\'', "''")))
        .collect();
        values.push("chr(1)".to_owned());
        values.push("chr(1114111)".to_owned());
        values.push("repeat('x', 3000)".to_owned());
        values.push("repeat(chr(128512), 300)".to_owned());
        (name, values)
    };
    match type_id {
        16 => of("bool", &["true", "false"]),
        17 => of("bytea", &["", "\\x00", "\\xff", "\\x0102"]),
        18 => of("\"char\"", &["", "a", "\\377"]),
        19 => texts("name"),
        20 => of("int8", &["0", "1", "-1", "9223372036854775807", "-9223372036854775808"]),
        21 => of("int2", &["0", "1", "-1", "32767", "-32768"]),
        23 => of("int4", &["0", "1", "-1", "2147483647", "-2147483648"]),
        25 => texts("text"),
        26 => of("oid", OIDS),
        24 => of("oid::regproc", OIDS),
        28 => of("xid", &["0", "1", "4294967295"]),
        114 => of("json", &["null", "1", "\"x\"", "[]", "{}", "[[[[[]]]]]", "{\"a\":{\"a\":1}}"]),
        650 => of("cidr", &["0.0.0.0/0", "10.0.0.0/8", "::/0", "::1/128"]),
        700 => of("float4", FLOATS),
        701 => {
            let mut all = FLOATS.to_vec();
            all.extend(["1e-307", "1.7e308", "-1.7e308"]);
            of("float8", &all)
        }
        774 => of("macaddr8", &["00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff"]),
        790 => of("money", &["0", "-92233720368547758.08", "92233720368547758.07"]),
        829 => of("macaddr", &["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]),
        869 => of("inet", &["0.0.0.0", "255.255.255.255/0", "::", "ffff::/3", "10.1.2.3/8"]),
        1000 => of("bool[]", &["{}", "{t}", "{NULL,f}", "{{t},{f}}"]),
        1005 => of("int2[]", &["{}", "{1}", "{NULL,-32768}", "{{1},{2}}"]),
        1007 => of("int4[]", &["{}", "{1}", "{NULL,2147483647}", "{{1},{2}}", "[-3:-2]={1,2}"]),
        1009 => of("text[]", &["{}", "{a}", "{NULL,b}", "{{a},{b}}", "{0,list}", "{n,-1}"]),
        1015 => of("varchar[]", &["{}", "{a}", "{NULL,b}", "{{a},{b}}"]),
        1016 => of("int8[]", &["{}", "{1}", "{NULL,9223372036854775807}", "{{1},{2}}"]),
        1021 => of("float4[]", &["{}", "{NaN}", "{NULL,Infinity}"]),
        1022 => of("float8[]", &["{}", "{NaN}", "{NULL,Infinity}"]),
        1042 => texts("bpchar"),
        1043 => texts("varchar"),
        1082 => of("date", &["infinity", "-infinity", "5874897-12-31", "4714-11-24 BC"]),
        1083 => of("time", &["00:00", "24:00", "23:59:59.999999"]),
        1114 | 1184 => of(
            if type_id == 1114 { "timestamp" } else { "timestamptz" },
            &[
                "infinity",
                "-infinity",
                "294276-12-31 00:00",
                "4713-01-01 00:00 BC",
                "2026-02-28 23:59:60",
            ],
        ),
        1115 => of("timestamp[]", &["{}", "{infinity}", "{NULL}"]),
        1182 => of("date[]", &["{}", "{infinity}", "{NULL}"]),
        1185 => of("timestamptz[]", &["{}", "{infinity}", "{NULL}"]),
        1186 => of(
            "interval",
            &["0", "178000000 years", "-178000000 years", "-1 mon +30 days", "2562047788 hours"],
        ),
        1231 => of("numeric[]", &["{}", "{NaN}", "{NULL,1e131000}"]),
        1266 => of("timetz", &["00:00+15:59", "24:00-15:59", "12:00+00"]),
        1560 => of("bit(3)", &["000", "111"]),
        1562 => of("varbit", &["", "0", "1111111111"]),
        1700 => of(
            "numeric",
            &["0", "-1.5", "NaN", "Infinity", "-Infinity", "9e131071", "-9e131071", "1e-16383"],
        ),
        2202..=2206 | 3734 | 3769 | 4089 | 4096 | 4191 => of(
            match type_id {
                2202 => "oid::regprocedure",
                2203 => "oid::regoper",
                2204 => "oid::regoperator",
                2205 => "oid::regclass",
                2206 => "oid::regtype",
                3734 => "oid::regconfig",
                3769 => "oid::regdictionary",
                4089 => "oid::regnamespace",
                4096 => "oid::regrole",
                _ => "oid::regcollation",
            },
            OIDS,
        ),
        2950 => of("uuid", &["00000000-0000-0000-0000-000000000000"]),
        2951 => of("uuid[]", &["{}", "{00000000-0000-0000-0000-000000000000}"]),
        3220 => of("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF"]),
        3614 => of("tsvector", &["", "a:1A b", "'a b':2"]),
        3615 => of("tsquery", &["", "a & !b", "a <-> b:*", "!a | (b & c)"]),
        3802 => of(
            "jsonb",
            &[
                "null",
                "1",
                "1e1000",
                "\"x\"",
                "[]",
                "{}",
                "[[],{}]",
                "{\"a\":{\"b\":[1,2]}}",
                "true",
                "[\"list\", 0]",
                "{\"\": \"\"}",
            ],
        ),
        3904 => of("int4range", &["empty", "(,)", "[-2147483648,2147483646]", "(1,)", "[3,3]"]),
        3906 => of("numrange", RANGES),
        3908 => of("tsrange", DAYS),
        3910 => of("tstzrange", DAYS),
        3912 => {
            of("daterange", &["empty", "(,)", "[2026-01-01,2026-01-02)", "(-infinity,infinity)"])
        }
        3926 => of("int8range", RANGES),
        4451 => of("int4multirange", &["{}", "{(,)}", "{[1,2),[5,7)}"]),
        4532 => of("nummultirange", &["{}", "{(,)}", "{[1,2),[5,7)}"]),
        4533 => of("tsmultirange", &["{}", "{(,)}"]),
        4534 => of("tstzmultirange", &["{}", "{(,)}"]),
        4535 => of("datemultirange", &["{}", "{(,)}"]),
        4536 => of("int8multirange", &["{}", "{(,)}", "{[1,2),[5,7)}"]),
        other => panic!("type {other} is listed and has no values here"),
    }
}

/// An argument in all of its forms: what stands in FROM, and what stands in the call.
fn forms(argument: Argument, number: usize) -> Vec<(Option<String>, String)> {
    match argument {
        Argument::Of(types) => types
            .iter()
            .map(|type_id| {
                let (name, values) = values(*type_id);
                // Not constants: what is constant is computed while the statement is planned.
                let from = format!("unnest(ARRAY[{}]::text[]) a{number}(v)", values.join(", "));
                (Some(from), format!("a{number}.v::{name}"))
            })
            .collect(),
        Argument::Integer(low, high) => [low, -1, 0, 1, 2, high]
            .into_iter()
            .filter(|number| (low..=high).contains(number))
            .map(|number| (None, format!("({number})")))
            .collect(),
        Argument::Divisor => {
            [1, 2, -2, 7, i32::MAX, -i32::MAX].map(|n| (None, format!("({n})"))).to_vec()
        }
        Argument::Word(words) => words.iter().map(|word| (None, format!("'{word}'"))).collect(),
        Argument::Regex => ["^a", "x*$", ".+", "[0-9]+", "", "^$", "[a-zA-Z]?b", "漢.?"]
            .map(|regex| (None, format!("'{regex}'")))
            .to_vec(),
    }
}

/// Every form of every argument at least once: beside the first forms of the others, and beside
/// those of the same number, which are of the same type where an operator wants that.
fn combinations(arguments: &[Argument]) -> Vec<(Vec<String>, Vec<String>)> {
    let forms: Vec<_> =
        arguments.iter().enumerate().map(|(number, argument)| forms(*argument, number)).collect();
    let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
    let mut chosen: Vec<Vec<usize>> = Vec::new();
    for number in 0..longest {
        chosen.push(forms.iter().map(|forms| number.min(forms.len() - 1)).collect());
        for varied in 0..forms.len() {
            let mut one = vec![0; forms.len()];
            one[varied] = number.min(forms[varied].len() - 1);
            chosen.push(one);
        }
    }
    chosen.sort();
    chosen.dedup();
    chosen
        .iter()
        .map(|indexes| {
            let picked: Vec<_> =
                indexes.iter().zip(&forms).map(|(index, forms)| forms[*index].clone()).collect();
            let from = picked.iter().filter_map(|(from, _)| from.clone()).collect();
            (from, picked.into_iter().map(|(_, term)| term).collect())
        })
        .collect()
}

fn queries(entry: &Total, call: impl Fn(&[String]) -> String) -> Vec<String> {
    combinations(entry.arguments)
        .iter()
        .map(|(from, terms)| {
            let from =
                if from.is_empty() { "(VALUES (1)) a(v)".to_owned() } else { from.join(", ") };
            format!("SELECT count({}) FROM {from}", call(terms))
        })
        .collect()
}

/// Runs the queries one by one. Some combinations of types have no such function; one has to.
async fn run(cluster: &Cluster, queries: &[String], what: &str) {
    let list: Vec<String> =
        queries.iter().map(|query| format!("'{}'", query.replace('\'', "''"))).collect();
    let timed = list.iter().any(|query| query.contains("time") || query.contains("date"));
    let zones: &[&str] =
        if timed { &["UTC", "Pacific/Kiritimati", "Etc/GMT+12"] } else { &["UTC"] };
    for zone in zones {
        let sql = format!(
            "SET timezone = '{zone}'; SET jit = off; DO $do$ DECLARE q text; ran int := 0; BEGIN \
             FOREACH q IN ARRAY ARRAY[{}]::text[] LOOP \
               BEGIN EXECUTE q; ran := ran + 1; \
               EXCEPTION WHEN undefined_function OR ambiguous_function OR datatype_mismatch \
                 OR indeterminate_datatype THEN NULL; \
                 WHEN others THEN RAISE EXCEPTION '%: %', left(q, 2000), SQLERRM; END; \
             END LOOP; \
             IF ran = 0 THEN RAISE EXCEPTION 'nothing like it exists'; END IF; END $do$",
            list.join(", ")
        );
        let outcome = cluster.run("postgres", &sql).await;
        assert!(outcome.is_ok(), "{what} ({zone}): {outcome:?}");
    }
}

#[tokio::test]
async fn something_that_is_listed_as_total_raised_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(folder.path()).await.expect("a server");
    for entry in FUNCTIONS {
        let mut queries =
            queries(entry, |terms| format!("pg_catalog.\"{}\"({})", entry.name, terms.join(", ")));
        if entry.variadic {
            queries.extend(self::queries(entry, |terms| {
                let last = terms.last().unwrap();
                format!("pg_catalog.\"{}\"({}, {last})", entry.name, terms.join(", "))
            }));
        }
        run(&cluster, &queries, &format!("{} ({})", entry.name, entry.why)).await;
    }
    for entry in OPERATORS {
        let queries = queries(entry, |terms| {
            format!("({}) OPERATOR(pg_catalog.{}) ({})", terms[0], entry.name, terms[1])
        });
        run(&cluster, &queries, &format!("{} ({})", entry.name, entry.why)).await;
    }
    for name in COUNTING {
        run(&cluster, &[format!("SELECT {name}(NULL, 1, 'x', now())")], name).await;
    }
    for (sources, targets, why) in CASTS {
        for source in *sources {
            for target in *targets {
                let (target, _) = values(*target);
                let (name, values) = values(*source);
                let query = format!(
                    "SELECT count(a.v::{name}::{target}) FROM unnest(ARRAY[{}]::text[]) a(v)",
                    values.join(", ")
                );
                let queries = [query];
                run(&cluster, &queries, &format!("{source} to {target} ({why})")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_comparison_that_is_listed_as_total_raised_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(folder.path()).await.expect("a server");
    let catalog = Catalog::default();
    for (left, why) in COMPARABLE {
        let mut queries = Vec::new();
        for (right, _) in COMPARABLE {
            let (a, b) = (TypeId(*left), TypeId(*right));
            if !compares(&catalog, a, b) || !compares(&catalog, b, a) {
                continue;
            }
            let ((left_name, left), (right_name, right)) = (values(*left), values(*right));
            for operator in ["=", "<>", "<", "<=", ">", ">="] {
                queries.push(format!(
                    "SELECT count(a.v::{left_name} {operator} b.v::{right_name}) \
                     FROM unnest(ARRAY[{}]::text[]) a(v), unnest(ARRAY[{}]::text[]) b(v)",
                    left.join(", "),
                    right.join(", ")
                ));
            }
        }
        run(&cluster, &queries, &format!("comparing {left} ({why})")).await;
    }
}

#[tokio::test]
async fn a_regular_expression_that_is_taken_for_plain_is_not_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(folder.path()).await.expect("a server");
    let strategy = proptest::collection::vec(
        prop_oneof![
            Just("a"),
            Just("9"),
            Just("."),
            Just("*"),
            Just("+"),
            Just("?"),
            Just("^"),
            Just("$"),
            Just("[0-9]"),
            Just("[a-z]"),
            Just("["),
            Just("]"),
            Just("-"),
            Just(" "),
            Just("é"),
            Just("("),
            Just("{"),
            Just("\\"),
            Just("|"),
            Just("'")
        ],
        0..9,
    );
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut plain = std::collections::BTreeSet::new();
    while plain.len() < 2_000 {
        let regex = strategy.new_tree(&mut runner).unwrap().current().concat();
        if is_plain_regex(&regex) {
            plain.insert(regex);
        }
    }
    let list: Vec<String> =
        plain.iter().map(|regex| format!("'{}'", regex.replace('\'', "''"))).collect();
    let sql = format!(
        "SELECT count(t ~ r), count(t ~* r) FROM unnest(ARRAY[{}]) r, \
         unnest(ARRAY['', 'a', repeat('a9', 500), 'é[']) t",
        list.join(", ")
    );
    let outcome = cluster.run("postgres", &sql).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}
