//! rowgate's lexer against PostgreSQL's own scanner.

use rowgate::sql::{Tokens, parse};

/// Tokens ascend, and where PostgreSQL's scanner accepts a text too, it sees the same ones. Statements
/// ascend and lie inside the text.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // libpg_query takes C strings.
    if text.contains('\0') {
        return;
    }
    let Ok(tokens) = Tokens::new(text) else { return };
    let mut end = 0;
    for token in tokens.iter() {
        assert!(token.start >= end && token.end > token.start, "tokens overlap in {text:?}");
        end = token.end;
    }
    #[cfg(fuzzing)]
    compare(text, &tokens);
    if let Ok(statements) = parse(&tokens) {
        let mut end = 0;
        for statement in statements {
            let span = statement.span;
            assert!(end <= span.start && span.start <= span.end && span.end <= text.len());
            end = span.end;
        }
    }
}

/// `cargo test` has this comparison in `src/sql/lex/tests.rs`: the two crates that bring libpg_query
/// can not be linked into every program.
#[cfg(fuzzing)]
fn compare(text: &str, tokens: &Tokens<'_>) {
    // The scanner's time is not linear in the text.
    if text.len() > 4096 {
        return;
    }
    let Ok(scanned) = pg_query::scan(text) else { return };
    let ours: Vec<(u32, u32)> = tokens.iter().map(|token| (token.start, token.end)).collect();
    let comments =
        [pg_query::protobuf::Token::SqlComment as i32, pg_query::protobuf::Token::CComment as i32];
    let theirs: Vec<(u32, u32)> = scanned
        .tokens
        .iter()
        .filter(|token| !comments.contains(&token.token))
        .map(|token| (token.start.cast_unsigned(), token.end.cast_unsigned()))
        .collect();
    assert_eq!(ours, theirs, "other tokens than PostgreSQL's in {text:?}");
}
