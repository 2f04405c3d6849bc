//! What a restricted principal reads of EXPLAIN: the nodes of the plan, not the conditions, which
//! hold the policy's. An allow-list, by line of the text format and by key of the others. Pure.

use serde_json::{Map, Value};

use crate::rewrite::PlanFormat;

/// Stands for what is withheld.
const WITHHELD: &str = "(withheld)";

/// What a node of a plan is and which relation it reads: what the first line of the text format tells
/// of it (PostgreSQL's `ExplainNode`).
const SHOWN: [&str; 25] = [
    "Node Type",
    "Strategy",
    "Partial Mode",
    "Operation",
    "Parent Relationship",
    "Subplan Name",
    "Custom Plan Provider",
    "Parallel Aware",
    "Async Capable",
    "Join Type",
    "Scan Direction",
    "Index Name",
    "Relation Name",
    "Function Name",
    "Table Function Name",
    "CTE Name",
    "Tuplestore Name",
    "Schema",
    "Alias",
    "Command",
    "Inner Unique",
    "Single Copy",
    "Disabled",
    "Planning Time",
    "Execution Time",
];

/// What holds further objects, each of which is looked at in the same way.
const NESTED: [&str; 3] = ["Plan", "Plans", "Target Tables"];

/// The answer in another format than text, from the server's JSON.
pub(super) fn document(json: &str, format: PlanFormat) -> String {
    let shown = match serde_json::from_str(json) {
        Ok(Value::Array(plans)) => Value::Array(plans.into_iter().map(object).collect()),
        Ok(_) | Err(_) => Value::Array(vec![Value::String(WITHHELD.to_owned())]),
    };
    match format {
        PlanFormat::Text | PlanFormat::Json => {
            serde_json::to_string_pretty(&shown).unwrap_or_default()
        }
        PlanFormat::Yaml => yaml(&shown),
        PlanFormat::Xml => xml(&shown),
    }
}

/// An object with its unknown keys withheld.
fn object(value: Value) -> Value {
    let Value::Object(map) = value else { return Value::String(WITHHELD.to_owned()) };
    let mut shown = Map::new();
    for (key, value) in map {
        // A key is a word of PostgreSQL's; an extension may make others.
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphabetic() || c == ' ') {
            continue;
        }
        let value = match value {
            Value::Array(items) if NESTED.contains(&key.as_str()) => {
                Value::Array(items.into_iter().map(object).collect())
            }
            Value::Object(_) if NESTED.contains(&key.as_str()) => object(value),
            Value::String(_) | Value::Bool(_) | Value::Number(_) if SHOWN.contains(&&*key) => value,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => Value::String(WITHHELD.to_owned()),
        };
        shown.insert(key, value);
    }
    Value::Object(shown)
}

/// As PostgreSQL writes it: a JSON string is one of YAML too.
fn yaml(shown: &Value) -> String {
    fn lines(value: &Value, indent: usize, text: &mut String) {
        match value {
            Value::Array(items) => {
                for item in items {
                    text.push_str(&format!("\n{:indent$}- ", ""));
                    lines(item, indent + 2, text);
                }
            }
            Value::Object(map) => {
                for (number, (key, value)) in map.iter().enumerate() {
                    if number > 0 {
                        text.push_str(&format!("\n{:indent$}", ""));
                    }
                    text.push_str(&format!("{key}: "));
                    if let Value::Object(_) = value {
                        let inner = indent + 2;
                        text.push_str(&format!("\n{:inner$}", ""));
                    }
                    lines(value, indent + 2, text);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                text.push_str(&value.to_string());
            }
        }
    }
    let mut text = String::new();
    lines(shown, 0, &mut text);
    text.trim_start().to_owned()
}

fn xml(shown: &Value) -> String {
    fn elements(name: &str, value: &Value, indent: usize, text: &mut String) {
        let tag = name.replace(' ', "-");
        let inner = match value {
            Value::Array(_) | Value::Object(_) => {
                let mut inner = "\n".to_owned();
                match value {
                    Value::Array(items) => {
                        let name = name.strip_suffix('s').unwrap_or(name);
                        for item in items {
                            elements(name, item, indent + 2, &mut inner);
                        }
                    }
                    Value::Object(map) => {
                        for (name, value) in map {
                            elements(name, value, indent + 2, &mut inner);
                        }
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                }
                format!("{inner}{:indent$}", "")
            }
            Value::String(plain) => {
                plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        };
        text.push_str(&format!("{:indent$}<{tag}>{inner}</{tag}>\n", ""));
    }
    let mut text = "<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n".to_owned();
    for plan in shown.as_array().into_iter().flatten() {
        elements("Query", plan, 2, &mut text);
    }
    text + "</explain>"
}

/// One line of the answer; `first` is the line of the top node. `None` drops it.
pub(super) fn line(line: &str, first: bool) -> Option<String> {
    // Other formats come as one value with many lines.
    if line.contains('\n') || line.trim_start().starts_with(['[', '{', '<']) {
        return Some(WITHHELD.to_owned());
    }
    let inner = line.trim_start();
    let indent = line.get(..line.len().saturating_sub(inner.len())).unwrap_or_default();
    let node = (first && indent.is_empty()) || (!indent.is_empty() && inner.starts_with("->  "));
    if node {
        return Some(line.to_owned());
    }
    if ["Planning Time: ", "Execution Time: "].iter().any(|time| line.starts_with(time)) {
        return Some(line.to_owned());
    }
    let (key, _) = inner.split_once(": ")?;
    // A literal with a line break continues on a line that looks like anything.
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
    (is_key && !indent.is_empty()).then(|| format!("{indent}{key}: {WITHHELD}"))
}

#[cfg(test)]
mod tests {
    use super::{PlanFormat, document, line};

    #[test]
    fn conditions_and_continued_literals_do_not_show() {
        let kept = "  ->  Seq Scan on customers  (cost=0.00..1.00 rows=1 width=4)";
        assert_eq!(line(kept, false).as_deref(), Some(kept));
        let top = "Limit  (cost=0.00..1.00 rows=1 width=4)";
        assert_eq!(line(top, true).as_deref(), Some(top));
        assert_eq!(
            line("        Filter: (owner_id = 7)", false).as_deref(),
            Some("        Filter: (withheld)")
        );
        assert_eq!(line("secret') AND true)", false), None);
        assert_eq!(line("  secret') = 'x: y'", false), None);
        assert_eq!(
            line("[\n {\"Plan\": {\"Filter\": \"x\"}}]", true).as_deref(),
            Some("(withheld)")
        );
    }

    const PLAN: &str = r#"[{"Plan": {"Node Type": "Hash Join", "Parallel Aware": false,
        "Join Type": "Inner", "Hash Cond": "(a.id = b.id)", "Total Cost": 12.5, "Plans": [
        {"Node Type": "Index Scan", "Relation Name": "account", "Alias": "a<b",
         "Index Cond": "(owner_id = 7)", "Output": ["secret"], "new key": "secret",
         "secret_key": "secret", "Group Key": {"Alias": "secret"}}, "secret"]},
        "Query Text": "secret"}]"#;

    #[test]
    fn a_key_that_is_not_known_shows_in_another_format() {
        insta::assert_snapshot!(document(PLAN, PlanFormat::Json));
        insta::assert_snapshot!(document(PLAN, PlanFormat::Yaml));
        insta::assert_snapshot!(document(PLAN, PlanFormat::Xml));
        for json in
            ["secret", "\"secret\"", "{\"Plan\": \"secret\"}", "[\"secret\"]", "[[\"secret\"]]"]
        {
            for format in [PlanFormat::Json, PlanFormat::Yaml, PlanFormat::Xml] {
                assert!(!document(json, format).contains("secret"), "{json}");
            }
        }
    }
}
