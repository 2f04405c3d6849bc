//! What a restricted principal reads of EXPLAIN: the nodes of the plan, not the conditions, which
//! hold the policy's. An allow-list by line; the text format only. Pure.

/// Stands for what is withheld.
const WITHHELD: &str = "(withheld)";

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
    use super::line;

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
}
