//! Splits a query string into PostgreSQL's tokens, exactly where its own scanner does. Pure.
//!
//! Source of the rules: PostgreSQL documentation, 4.1 "Lexical Structure", and the behaviour of its
//! scanner, against which this one is tested. Where the two could differ (a form that older
//! servers read differently, a byte the grammar has no use for) this one refuses.

mod unicode;

use std::borrow::Cow;

use super::SqlError;

/// What a token is. Keywords are plain identifiers here: only the grammar knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An unquoted identifier or a keyword.
    Word,
    /// `"x"`
    QuotedIdentifier,
    /// `U&"x"`, with `UESCAPE 'c'` where it follows
    UnicodeIdentifier,
    /// `'x'`
    String,
    /// `E'x'`, `N'x'`, `U&'x'`: their text needs more than doubling quotes to be understood.
    SpecialString,
    /// `B'1'` or `X'f'`; a doubled quote does not continue it.
    BitString,
    /// `$tag$x$tag$`
    DollarString,
    /// A decimal integer that fits int4.
    Integer,
    /// Any other number.
    Number,
    /// `$1`
    Parameter,
    /// An operator of one or more characters, `::`, `:=`, `..` and `=>` included.
    Operator,
    /// `,` `(` `)` `[` `]` `.` `;` `:`
    Punctuation,
}

/// A token's kind and its bytes in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Byte offset of the first byte.
    pub start: u32,
    /// Byte offset behind the last byte.
    pub end: u32,
}

/// The tokens of a text, comments and white space left out.
#[derive(Debug, Clone)]
pub struct Tokens<'t> {
    text: &'t str,
    tokens: Vec<Token>,
}

/// How deep `/* /* … */ */` may nest. PostgreSQL's scanner takes quadratic time on it.
const COMMENT_DEPTH: u32 = 64;
/// How deep brackets may nest; PostgreSQL's own limit is its stack.
const BRACKET_DEPTH: u32 = 1_000;

impl<'t> Tokens<'t> {
    /// Lexes the whole text.
    pub fn new(text: &'t str) -> Result<Self, SqlError> {
        if u32::try_from(text.len()).is_err() {
            return Err(SqlError::TooLarge);
        }
        let mut lexer = Lexer { bytes: text.as_bytes(), at: 0 };
        let mut tokens = Vec::with_capacity(text.len() / 4 + 4);
        let mut depth = 0_u32;
        while let Some(token) = lexer.next_token()? {
            if token.kind == TokenKind::Punctuation {
                match lexer.bytes.get(token.start as usize) {
                    Some(b'(' | b'[') => depth += 1,
                    Some(b')' | b']') => depth = depth.saturating_sub(1),
                    Some(_) | None => {}
                }
                if depth > BRACKET_DEPTH {
                    return Err(SqlError::TooDeep);
                }
            }
            tokens.push(token);
        }
        Ok(Self { text, tokens })
    }

    /// The text that was lexed.
    pub fn source(&self) -> &'t str {
        self.text
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token at `index`.
    pub fn get(&self, index: usize) -> Option<Token> {
        self.tokens.get(index).copied()
    }

    /// All tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = Token> + '_ {
        self.tokens.iter().copied()
    }

    /// The text of the token at `index`; empty past the end.
    pub fn text(&self, index: usize) -> &'t str {
        self.get(index)
            .and_then(|token| self.text.get(token.start as usize..token.end as usize))
            .unwrap_or_default()
    }

    /// The index of the token that starts at this byte.
    pub fn at_byte(&self, offset: usize) -> Option<usize> {
        self.tokens.binary_search_by_key(&offset, |token| token.start as usize).ok()
    }

    /// The index of the first token that starts at or behind this byte.
    pub fn from_byte(&self, offset: usize) -> usize {
        self.tokens.partition_point(|token| (token.start as usize) < offset)
    }

    /// Whether the token at `index` is this keyword, given in lower case.
    pub fn is_word(&self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|token| {
            token.kind == TokenKind::Word && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
        })
    }

    fn bytes(&self, token: Token) -> &'t [u8] {
        self.text.as_bytes().get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    /// Whether the token at `index` is this operator or punctuation mark.
    pub fn is_mark(&self, index: usize, mark: &str) -> bool {
        self.get(index).is_some_and(|token| {
            matches!(token.kind, TokenKind::Operator | TokenKind::Punctuation)
                && self.bytes(token) == mark.as_bytes()
        })
    }

    /// The identifier the token at `index` means: folded to lower case when unquoted.
    ///
    /// `None` for everything else, and for `U&"x"` with an escape that PostgreSQL does not take.
    pub fn identifier(&self, index: usize) -> Option<Cow<'t, str>> {
        let token = self.get(index)?;
        let text = self.text(index);
        match token.kind {
            // PostgreSQL folds ASCII only in a UTF-8 database (downcase_identifier).
            TokenKind::Word if text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Some(Cow::Owned(text.to_ascii_lowercase()))
            }
            TokenKind::Word => Some(Cow::Borrowed(text)),
            TokenKind::QuotedIdentifier => {
                let name = text.strip_prefix('"')?.strip_suffix('"')?;
                let quotes = name.as_bytes().contains(&b'"');
                Some(if quotes { name.replace("\"\"", "\"").into() } else { Cow::Borrowed(name) })
            }
            TokenKind::UnicodeIdentifier => unicode::identifier(text).map(Cow::Owned),
            TokenKind::String
            | TokenKind::SpecialString
            | TokenKind::BitString
            | TokenKind::DollarString
            | TokenKind::Integer
            | TokenKind::Number
            | TokenKind::Parameter
            | TokenKind::Operator
            | TokenKind::Punctuation => None,
        }
    }

    /// The highest `$n` in the text, 0 without one.
    pub fn highest_parameter(&self) -> u32 {
        (0..self.len())
            .filter(|index| self.get(*index).is_some_and(|t| t.kind == TokenKind::Parameter))
            .filter_map(|index| self.text(index).strip_prefix('$')?.parse().ok())
            .max()
            .unwrap_or(0)
    }
}

struct Lexer<'b> {
    bytes: &'b [u8],
    at: usize,
}

fn starts_identifier(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_identifier(byte: u8) -> bool {
    starts_identifier(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_space(byte: u8) -> bool {
    // Vertical tab is white space to some server versions and an error to others: refused below.
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn token(&self, kind: TokenKind, start: usize) -> Result<Option<Token>, SqlError> {
        let start = u32::try_from(start).map_err(|_| SqlError::TooLarge)?;
        let end = u32::try_from(self.at).map_err(|_| SqlError::TooLarge)?;
        Ok(Some(Token { kind, start, end }))
    }

    fn skip_space(&mut self) -> Result<(), SqlError> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_space(byte) => self.at += 1,
                (Some(b'-'), Some(b'-')) => self.skip_line_comment(),
                (Some(b'/'), Some(b'*')) => self.skip_block_comment()?,
                (_, _) => return Ok(()),
            }
        }
    }

    fn skip_line_comment(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte == b'\n' || byte == b'\r' {
                return;
            }
            self.at += 1;
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), SqlError> {
        let start = self.at;
        let mut depth = 0_u32;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    if depth > COMMENT_DEPTH {
                        return Err(SqlError::TooDeep);
                    }
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    return Err(SqlError::lexical("unterminated /* comment", start));
                }
            }
        }
    }

    fn next_token(&mut self) -> Result<Option<Token>, SqlError> {
        self.skip_space()?;
        let start = self.at;
        let Some(byte) = self.peek(0) else { return Ok(None) };
        match (byte, self.peek(1), self.peek(2)) {
            (b'\'', _, _) => {
                self.quoted(start, Escapes::Doubled)?;
                self.token(TokenKind::String, start)
            }
            (b'"', _, _) => {
                self.at += 1;
                self.quoted_identifier(start)?;
                self.token(TokenKind::QuotedIdentifier, start)
            }
            (b'e' | b'E', Some(b'\''), _) => {
                self.at += 1;
                self.quoted(start, Escapes::Backslash)?;
                self.token(TokenKind::SpecialString, start)
            }
            (b'b' | b'B' | b'x' | b'X', Some(b'\''), _) => {
                self.at += 1;
                self.quoted(start, Escapes::None)?;
                self.token(TokenKind::BitString, start)
            }
            // `N'x'` is a keyword token and then a plain string.
            (b'n' | b'N', Some(b'\''), _) => {
                self.at += 1;
                self.token(TokenKind::Word, start)
            }
            (b'u' | b'U', Some(b'&'), Some(b'\'')) => {
                self.at += 2;
                self.quoted(start, Escapes::Doubled)?;
                self.uescape()?;
                self.token(TokenKind::SpecialString, start)
            }
            (b'u' | b'U', Some(b'&'), Some(b'"')) => {
                self.at += 3;
                self.quoted_identifier(start)?;
                self.uescape()?;
                self.token(TokenKind::UnicodeIdentifier, start)
            }
            (b'$', Some(next), _) if next.is_ascii_digit() => self.parameter(start),
            (b'$', Some(next), _) if next == b'$' || starts_identifier(next) => self.dollar(start),
            (b'0'..=b'9', _, _) => self.number(start),
            (b'.', Some(b'0'..=b'9'), _) => self.number(start),
            (b'.', Some(b'.'), _) | (b':', Some(b':' | b'='), _) => {
                self.at += 2;
                self.token(TokenKind::Operator, start)
            }
            (b',' | b'(' | b')' | b'[' | b']' | b'.' | b';' | b':', _, _) => {
                self.at += 1;
                self.token(TokenKind::Punctuation, start)
            }
            (byte, _, _) if starts_identifier(byte) => {
                let rest = self.bytes.get(start..).unwrap_or_default();
                let length = rest.iter().position(|byte| !continues_identifier(*byte));
                self.at = start + length.unwrap_or(rest.len());
                self.token(TokenKind::Word, start)
            }
            (byte, _, _) if is_operator(byte) => self.operator(start),
            (_, _, _) => Err(SqlError::lexical("unexpected character", start)),
        }
    }

    /// Behind `U&"x"` or `U&'x'`: `UESCAPE 'c'` belongs to it, white space and comments between
    /// them included. To the grammar it is one token.
    fn uescape(&mut self) -> Result<(), SqlError> {
        let end = self.at;
        self.skip_space()?;
        let start = self.at;
        while self.peek(0).is_some_and(continues_identifier) {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        if !word.eq_ignore_ascii_case(b"uescape") {
            self.at = end;
            return Ok(());
        }
        self.skip_space()?;
        if self.peek(0) != Some(b'\'') {
            return Err(SqlError::lexical(
                "UESCAPE must be followed by a simple string literal",
                start,
            ));
        }
        let literal = self.at;
        self.quoted(literal, Escapes::Doubled)?;
        if !unicode::is_escape(self.bytes.get(literal..self.at).unwrap_or_default()) {
            return Err(SqlError::lexical("invalid Unicode escape character", literal));
        }
        Ok(())
    }

    /// Behind the opening quote of an identifier.
    fn quoted_identifier(&mut self, start: usize) -> Result<(), SqlError> {
        let first = self.at;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'"'), Some(b'"')) => self.at += 2,
                (Some(b'"'), _) if self.at == first => {
                    return Err(SqlError::lexical("zero-length delimited identifier", start));
                }
                (Some(b'"'), _) => {
                    self.at += 1;
                    return Ok(());
                }
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    return Err(SqlError::lexical("unterminated quoted identifier", start));
                }
            }
        }
    }

    /// At the opening quote of a literal; leaves behind the last quote, continuations included.
    fn quoted(&mut self, start: usize, escapes: Escapes) -> Result<(), SqlError> {
        self.at += 1;
        loop {
            match (self.peek(0), self.peek(1), escapes) {
                (Some(b'\\'), Some(_), Escapes::Backslash)
                | (Some(b'\''), Some(b'\''), Escapes::Backslash | Escapes::Doubled) => {
                    self.at += 2;
                }
                (Some(b'\''), _, _) => {
                    self.at += 1;
                    let Some(next_quote) = self.continuation() else { return Ok(()) };
                    self.at = next_quote + 1;
                }
                (Some(_), _, _) => self.at += 1,
                (None, _, _) => {
                    return Err(SqlError::lexical("unterminated quoted string", start));
                }
            }
        }
    }

    /// A literal goes on where only white space with a newline in it, or `--` comments, stand
    /// between two quotes. Answers the position of the next opening quote.
    fn continuation(&self) -> Option<usize> {
        let mut at = self.at;
        let mut newline = false;
        loop {
            match (self.bytes.get(at), self.bytes.get(at + 1)) {
                (Some(b'\n' | b'\r'), _) => {
                    newline = true;
                    at += 1;
                }
                (Some(byte), _) if is_space(*byte) => at += 1,
                (Some(b'-'), Some(b'-')) => {
                    while self.bytes.get(at).is_some_and(|b| *b != b'\n' && *b != b'\r') {
                        at += 1;
                    }
                    // A comment that the end of the text ends continues nothing.
                    self.bytes.get(at)?;
                }
                (Some(b'\''), _) if newline => return Some(at),
                (_, _) => return None,
            }
        }
    }

    fn dollar(&mut self, start: usize) -> Result<Option<Token>, SqlError> {
        let mut end = self.at + 1;
        while self.bytes.get(end).is_some_and(|b| starts_identifier(*b) || b.is_ascii_digit()) {
            end += 1;
        }
        if self.bytes.get(end) != Some(&b'$') {
            return Err(SqlError::lexical("unexpected character", start));
        }
        let tag = self.bytes.get(start..=end).unwrap_or_default();
        let rest = self.bytes.get(end + 1..).unwrap_or_default();
        // Tags are ASCII letters, digits or parts of UTF-8 sequences between two `$`, so a match
        // of the bytes is a match of the tag; `$a$` cannot begin inside `$$`.
        let close = rest.windows(tag.len()).position(|window| window == tag);
        let Some(close) = close else {
            return Err(SqlError::lexical("unterminated dollar-quoted string", start));
        };
        self.at = end + 1 + close + tag.len();
        self.token(TokenKind::DollarString, start)
    }

    fn parameter(&mut self, start: usize) -> Result<Option<Token>, SqlError> {
        self.at += 1;
        while self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.peek(0).is_some_and(continues_identifier) {
            return Err(SqlError::lexical("trailing junk after parameter", start));
        }
        self.token(TokenKind::Parameter, start)
    }

    /// Digits with single underscores between them; `None` when there are none.
    fn digits(&mut self, is_digit: fn(&u8) -> bool) -> bool {
        if !self.peek(0).as_ref().is_some_and(is_digit) {
            return false;
        }
        while self.peek(0).as_ref().is_some_and(is_digit)
            || (self.peek(0) == Some(b'_') && self.peek(1).as_ref().is_some_and(is_digit))
        {
            self.at += 1;
        }
        true
    }

    fn number(&mut self, start: usize) -> Result<Option<Token>, SqlError> {
        let junk = || SqlError::lexical("trailing junk after numeric literal", start);
        let mut kind = TokenKind::Integer;
        let radix: Option<fn(&u8) -> bool> = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => Some(u8::is_ascii_hexdigit),
            (Some(b'0'), Some(b'o' | b'O')) => Some(|b| (b'0'..=b'7').contains(b)),
            (Some(b'0'), Some(b'b' | b'B')) => Some(|b| (b'0'..=b'1').contains(b)),
            (_, _) => None,
        };
        if let Some(is_digit) = radix {
            self.at += 2;
            if self.peek(0) == Some(b'_') {
                self.at += 1;
            }
            if !self.digits(is_digit) || self.peek(0).is_some_and(continues_identifier) {
                return Err(junk());
            }
            return self.token(TokenKind::Number, start);
        }
        self.digits(u8::is_ascii_digit);
        // `1..10` is an integer and `..`.
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            kind = TokenKind::Number;
            self.at += 1;
            self.digits(u8::is_ascii_digit);
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                kind = TokenKind::Number;
                self.at += 1 + sign;
                self.digits(u8::is_ascii_digit);
            }
        }
        if self.peek(0).is_some_and(continues_identifier) {
            return Err(junk());
        }
        if kind == TokenKind::Integer {
            let text = self.bytes.get(start..self.at).unwrap_or_default();
            // Most have fewer digits than the largest.
            let fits = || {
                let digits = std::str::from_utf8(text).ok()?;
                digits.replace('_', "").parse::<i32>().ok()
            };
            if text.len() > 9 && fits().is_none() {
                kind = TokenKind::Number;
            }
        }
        self.token(kind, start)
    }

    fn operator(&mut self, start: usize) -> Result<Option<Token>, SqlError> {
        let mut end = self.at;
        while let Some(byte) = self.bytes.get(end).copied() {
            let next = self.bytes.get(end + 1).copied();
            let comment = matches!((byte, next), (b'-', Some(b'-')) | (b'/', Some(b'*')));
            if !is_operator(byte) || comment {
                break;
            }
            end += 1;
        }
        // A multi-character operator ends in + or - only if it holds one of these.
        let special = |bytes: &[u8]| {
            bytes.iter().any(|b| {
                matches!(b, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%')
            })
        };
        while end > start + 1
            && matches!(self.bytes.get(end - 1), Some(b'+' | b'-'))
            && !special(self.bytes.get(start..end - 1).unwrap_or_default())
        {
            end -= 1;
        }
        self.at = end;
        self.token(TokenKind::Operator, start)
    }
}

#[derive(Clone, Copy)]
enum Escapes {
    /// A doubled quote is a quote.
    Doubled,
    /// That, and a backslash takes the next byte with it.
    Backslash,
    /// Bit and hex strings have neither.
    None,
}

#[cfg(test)]
mod tests;
