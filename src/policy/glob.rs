//! Table patterns: `schema.table`, where `*` stands for any run of characters within one part. Pure.

/// Whether a pattern matches a schema and a name. A star never crosses the dot: the parts are
/// compared apart.
pub(super) fn matches(pattern: &str, schema: &str, name: &str) -> bool {
    let Some((schema_pattern, name_pattern)) = pattern.split_once('.') else { return false };
    part(schema_pattern, schema) && part(name_pattern, name)
}

/// Whether the pattern is a plain name.
pub(super) fn is_exact(pattern: &str) -> bool {
    !pattern.contains('*')
}

fn part(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        // The leftmost match leaves the most for the pieces that follow.
        let Some(found) = rest.find(piece) else { return false };
        rest = rest.get(found + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_does_not_cross_the_dot() {
        assert!(matches("crm.*", "crm", "account"));
        assert!(!matches("crm.*", "crm2", "account"));
        assert!(!matches("crm*", "crm", "account"));
        assert!(!matches("*", "crm", "account"));
        assert!(matches("*.account", "crm", "account"));
        assert!(!matches("c*t", "crm", "account"));
        assert!(!matches("crm.a*t", "crm", "account_x"));
        assert!(!matches("crm.aa*aa", "crm", "aaa"));
    }

    proptest! {
        #[test]
        fn a_pattern_without_stars_matches_itself_only(schema in "[a-c]{1,3}", name in "[a-c]{1,3}",
                                                       other in "[a-c]{1,3}") {
            let pattern = format!("{schema}.{name}");
            prop_assert!(matches(&pattern, &schema, &name));
            prop_assert_eq!(matches(&pattern, &schema, &other), other == name);
            prop_assert_eq!(matches(&pattern, &other, &name), other == schema);
        }

        #[test]
        fn a_star_behaves_like_the_regular_expression(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            prop_assert_eq!(part(&pattern, &text), naive(&pattern, &text));
        }
    }

    fn naive(pattern: &str, text: &str) -> bool {
        step(pattern.as_bytes(), text.as_bytes())
    }

    fn step(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|n| step(rest, &text[n..])),
            [c, rest @ ..] => text.first() == Some(c) && step(rest, &text[1..]),
        }
    }
}
