//! Runs what is listed as total on a server.

use super::TOTAL;
use crate::demo::cluster::Cluster;

const TEXTS: &str = "array['', ' ', '%', '\\', 'é漢字', 'İ', 'ß', chr(1), chr(1114111), '-', \
                     repeat('x', 100000), repeat(chr(128512), 1000)]";
const UNITS: &str = "array['microseconds', 'milliseconds', 'second', 'minute', 'hour', 'day', \
                     'week', 'month', 'quarter', 'year']";
const DAYS: &str = "array['day', 'week', 'month', 'quarter', 'year']";
const TIMES: &str = "array['infinity', '-infinity', '294276-12-31 23:59:59.999999+00', \
                     '4714-11-24 00:00:00+00 BC', '2026-02-28 23:59:60+00']";
const DATES: &str = "array['infinity', '-infinity', '5874897-12-31', '4714-11-24 BC']";
const RANGES: &str = "array['empty', '(,)', '[1,1]', '[-2147483648,2147483646]', '(1,)']";
const DOCUMENTS: &str = "array['null', '1', '\"x\"', '[]', '{}', 'true']";

/// A query that calls the function over many values in each form that is taken for total.
fn calls(name: &str) -> Vec<String> {
    match name {
        "lower" | "upper" => vec![
            format!("SELECT {name}(v) FROM unnest({TEXTS}) v"),
            format!("SELECT {name}(v::int4range) FROM unnest({RANGES}) v"),
        ],
        "initcap" | "length" | "char_length" | "character_length" | "octet_length"
        | "bit_length" | "reverse" | "md5" => {
            vec![format!("SELECT {name}(v) FROM unnest({TEXTS}) v")]
        }
        "btrim" | "ltrim" | "rtrim" => vec![format!(
            "SELECT {name}(v), {name}(v, w) FROM unnest({TEXTS}) v, unnest({TEXTS}) w"
        )],
        "strpos" | "starts_with" => {
            vec![format!("SELECT {name}(v, w) FROM unnest({TEXTS}) v, unnest({TEXTS}) w")]
        }
        "position" => {
            vec![format!("SELECT position(v IN w) FROM unnest({TEXTS}) v, unnest({TEXTS}) w")]
        }
        "isfinite" => vec![
            format!("SELECT isfinite(v::timestamptz) FROM unnest({TIMES}) v"),
            format!("SELECT isfinite(v::date) FROM unnest({DATES}) v"),
        ],
        "isempty" | "lower_inc" | "upper_inc" | "lower_inf" | "upper_inf" => {
            vec![format!("SELECT {name}(v::int4range) FROM unnest({RANGES}) v")]
        }
        "jsonb_typeof" => vec![format!("SELECT {name}(v::jsonb) FROM unnest({DOCUMENTS}) v")],
        "num_nulls" | "num_nonnulls" => vec![format!("SELECT {name}(NULL, 1, 'x', now())")],
        "date_part" | "extract" => {
            let units: Vec<&str> = UNITS
                .trim_start_matches("array[")
                .trim_end_matches(']')
                .split(',')
                .map(str::trim)
                .collect();
            let mut calls = Vec::new();
            for unit in units {
                for kind in ["timestamp", "timestamptz"] {
                    calls.push(format!(
                        "SELECT pg_catalog.{name}({unit}, v::{kind}) FROM unnest({TIMES}) v"
                    ));
                }
                if name == "extract" && DAYS.contains(unit) {
                    calls.push(format!(
                        "SELECT pg_catalog.extract({unit}, v::date) FROM unnest({DATES}) v"
                    ));
                }
            }
            calls
        }
        other => panic!("{other} is listed as total and nothing calls it here"),
    }
}

#[tokio::test]
async fn a_function_listed_as_total_raised_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(folder.path()).await.expect("a server");
    for name in TOTAL {
        for sql in calls(name) {
            for zone in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"] {
                let run = cluster.run("postgres", &format!("SET timezone = '{zone}'; {sql}")).await;
                assert!(run.is_ok(), "{sql} ({zone}): {run:?}");
            }
        }
    }
}
