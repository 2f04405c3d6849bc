//! The lexer against PostgreSQL's own scanner.

use proptest::prelude::*;

use super::{TokenKind, Tokens};

/// PostgreSQL's tokens without comments, as (start, end).
fn scanned(text: &str) -> Option<Vec<(u32, u32)>> {
    let result = pg_query::scan(text).ok()?;
    let comment = |token: i32| {
        token == pg_query::protobuf::Token::SqlComment as i32
            || token == pg_query::protobuf::Token::CComment as i32
    };
    Some(
        result
            .tokens
            .iter()
            .filter(|token| !comment(token.token))
            .map(|token| (token.start.cast_unsigned(), token.end.cast_unsigned()))
            .collect(),
    )
}

fn lexed(text: &str) -> Option<Vec<(u32, u32)>> {
    Tokens::new(text).ok().map(|tokens| tokens.iter().map(|t| (t.start, t.end)).collect())
}

fn agrees(text: &str) {
    let ours = lexed(text).unwrap_or_else(|| panic!("not lexed: {text:?}"));
    assert_eq!(Some(ours), scanned(text), "{text:?}");
}

#[test]
fn a_doubled_quote_does_not_continue_a_bit_string_and_hide_what_follows() {
    agrees("SELECT B'1''0' FROM t WHERE a = 'x'");
    agrees("SELECT X'1f''0'");
}

#[test]
fn a_literal_continues_over_a_newline_and_line_comments_and_nothing_else() {
    agrees("SELECT 'x' -- c\n 'y', 1");
    agrees("SELECT 'x'\n\n'y'");
    agrees("SELECT 'x' 'y'");
    agrees("SELECT 'x' /* c \n */ 'y'");
    agrees("SELECT E'x\\''\n'y' -- '\n, \"a\"\"b\"");
}

#[test]
fn national_strings_are_a_word_and_a_string() {
    agrees("SELECT N'x', n'y''z'");
}

#[test]
fn backslashes_mean_nothing_in_plain_strings() {
    agrees(r"SELECT 'x\', 1, 'y'");
    agrees(r"SELECT E'x\', 1, ' , 2");
}

#[test]
fn operators_end_where_a_comment_begins_and_keep_signs_apart() {
    agrees("SELECT 1 - -1, 2--3\n, a->>'b', a@-1, -+5, 3*-4, a<=b, a::int4, x:=1, 5!=-3");
    agrees("SELECT a +/* c */ b, a @@ b, a ?| b, a #>> b");
}

#[test]
fn numbers_end_where_postgresql_ends_them() {
    agrees("SELECT 1.5e-3, .5, 1., 1..10, 0x1F, 0b11, 0o17, 1_000, 1e5, 2147483647, 2147483648");
    for junk in ["SELECT 1a", "SELECT 0x", "SELECT 1e", "SELECT $1a", "SELECT 1_", "SELECT 1.5x"] {
        assert!(lexed(junk).is_none(), "{junk}");
    }
}

#[test]
fn dollar_quotes_end_at_their_own_tag_only() {
    agrees("SELECT $$a'b$$, $t$ $$ $x$ $t$, $1, a$b$c");
    agrees("SELECT $é$x$é$");
}

#[test]
fn integers_that_do_not_fit_are_another_class() {
    let tokens = Tokens::new("2147483647 2147483648").expect("lexes");
    let kinds: Vec<TokenKind> = tokens.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [TokenKind::Integer, TokenKind::Number]);
}

#[test]
fn nested_comments_are_bounded_because_the_server_takes_quadratic_time() {
    assert!(lexed(&"/*".repeat(10_000)).is_none());
    agrees("SELECT /* a /* b */ c */ 1");
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("'".to_owned()),
        Just("''".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("E'".to_owned()),
        Just("B'".to_owned()),
        Just("x'".to_owned()),
        Just("U&'".to_owned()),
        Just("u&\"".to_owned()),
        Just("N'".to_owned()),
        Just("$$".to_owned()),
        Just("$a$".to_owned()),
        Just("$1".to_owned()),
        Just("--".to_owned()),
        Just("/*".to_owned()),
        Just("*/".to_owned()),
        Just("\n".to_owned()),
        Just(" ".to_owned()),
        Just("\t".to_owned()),
        "[a-z0-9_]{1,3}",
        "[-+*/<>=~!@#%^&|`?]{1,4}",
        "[0-9.e_x]{1,5}",
        "[,()\\[\\].;:]{1,2}",
        "[é漢]{1,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn where_both_accept_a_text_they_see_the_same_tokens(
        parts in prop::collection::vec(fragment(), 0..16)
    ) {
        let text = parts.concat();
        if let (Some(ours), Some(theirs)) = (lexed(&text), scanned(&text)) {
            prop_assert_eq!(ours, theirs, "{:?}", text);
        }
    }
}

/// What the grammar makes of a name.
fn parsed_name(name: &str) -> Option<String> {
    let tree =
        pg_query::parse(&format!("SELECT 1 AS {name}"), pg_query::ParserOptions::default()).ok()?;
    let statement = tree.protobuf.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let pg_query::NodeEnum::SelectStmt(select) = statement else { return None };
    match select.target_list.first()?.node.as_ref()? {
        pg_query::NodeEnum::ResTarget(target) => Some(target.name.clone()),
        _ => None,
    }
}

#[test]
fn a_name_in_unicode_escapes_is_read_as_another_one_than_the_grammar_reads() {
    let names = [
        r#"U&"d\0061t\+000061""#,
        r#"u&"a\\b""#,
        r#"U&"a""b""#,
        r#"U&"\d83d\de00""#,
        r#"U&"d!0061t!+000061" UESCAPE '!'"#,
        r#"U&"d!!a" /* c */ uescape -- c
 '!'"#,
        r#"U&"a\b" UESCAPE '!'"#,
        r#"U&"plain""#,
    ];
    for name in names {
        let text = format!("SELECT 1 AS {name}");
        let tokens = Tokens::new(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(tokens.len(), 4, "{name} is not one token");
        assert_eq!(tokens.identifier(3).as_deref(), parsed_name(name).as_deref(), "{name}");
        assert!(tokens.identifier(3).is_some(), "{name}");
    }
}

#[test]
fn a_bad_unicode_escape_is_taken_for_a_name() {
    for name in [r#"U&"\d83d""#, r#"U&"\00g1""#, r#"U&"\+110000""#, r#"U&"\0000""#, r#"U&"a\""#] {
        let text = format!("SELECT 1 AS {name}");
        let tokens = Tokens::new(&text).unwrap();
        assert_eq!(tokens.identifier(3), None, "{name}");
    }
    for junk in
        [r#"SELECT 1 AS U&"a" UESCAPE 'ab'"#, "SELECT U&'a' UESCAPE '+'", "SELECT U&'a' UESCAPE x"]
    {
        assert!(Tokens::new(junk).is_err(), "{junk}");
    }
}

#[test]
fn a_string_in_unicode_escapes_swallows_what_follows_it() {
    let tokens = Tokens::new("SELECT U&'d!0061' UESCAPE '!', 2").unwrap();
    assert_eq!((tokens.text(1), tokens.text(3)), ("U&'d!0061' UESCAPE '!'", "2"));
    let tokens = Tokens::new("SELECT U&'a' uescapes, 2").unwrap();
    assert_eq!((tokens.text(1), tokens.text(2)), ("U&'a'", "uescapes"));
}
