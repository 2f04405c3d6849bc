use super::*;

#[test]
fn a_pattern_that_the_server_may_refuse_counts_as_well_formed() {
    let plain = |pattern: &str| {
        is_plain_regex(&Expr {
            kind: ExprKind::Constant(Constant::String(pattern.to_owned())),
            location: None,
        })
    };
    for pattern in ["^(account)$", "^pg_", "^(crm|public)$", "^(acc.*)$", "a-b", "^(x(y|z)*)$"] {
        assert!(plain(pattern), "{pattern}");
    }
    for pattern in [
        "", "(", ")", "()", "*a", "a**", "a|", "(a|)", "[", "a{1,", "\\\\1", "(?i)a", "***=a",
        "a$*",
    ] {
        assert!(!plain(pattern), "{pattern}");
    }
}

#[test]
fn a_name_in_a_text_is_read_unlike_the_server_reads_it() {
    let found =
        |schema: Option<&str>, name: &str| Some((schema.map(str::to_owned), name.to_owned()));
    assert_eq!(parts("account"), found(None, "account"));
    assert_eq!(parts("CRM . Account"), found(Some("crm"), "account"));
    assert_eq!(parts("crm.\"Opportunities\""), found(Some("crm"), "Opportunities"));
    assert_eq!(parts("db.crm.account"), found(Some("crm"), "account"));
    assert_eq!(parts("16385"), None);
    assert_eq!(parts("a b"), None);
}
