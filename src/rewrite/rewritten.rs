//! The text the server will run, made from a plan and the client's text. Pure.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use super::{Edit, Piece, Plan};
use crate::error::Refusal;
use crate::ids::TypeId;
use crate::planner::Fill;
use crate::policy::Hole;
use crate::sql::Tokens;

/// A constant of the client's text that is sent as a bind parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// Its token in the client's text.
    pub token: usize,
    /// The parameter's type; 0 where what it meets decides.
    pub type_id: TypeId,
    /// The value in PostgreSQL's text format.
    pub value: String,
}

/// What is done to a run of the client's tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'p> {
    /// An edit of the plan.
    Edit(&'p Edit),
    /// A constant becomes the parameter of that number.
    Lifted(&'p Constant, usize),
}

impl Change<'_> {
    /// The tokens that are replaced; none for an insertion.
    pub(crate) fn tokens(&self) -> Range<usize> {
        match self {
            Self::Edit(edit) => edit.tokens.clone(),
            Self::Lifted(constant, _) => constant.token..constant.token + 1,
        }
    }
}

/// Edits and lifted constants in the order of their tokens.
pub(crate) fn changes<'p>(
    edits: &'p [Edit],
    lifted: &'p [Constant],
) -> impl Iterator<Item = Change<'p>> {
    let mut edits = edits.iter().peekable();
    let mut lifted = lifted.iter().zip(1..).peekable();
    std::iter::from_fn(move || match (edits.peek(), lifted.peek()) {
        (Some(edit), Some((constant, _))) if edit.tokens.start > constant.token => {
            lifted.next().map(|(constant, number)| Change::Lifted(constant, number))
        }
        (None, Some(_)) => lifted.next().map(|(constant, number)| Change::Lifted(constant, number)),
        (Some(_), _) => edits.next().map(Change::Edit),
        (None, None) => None,
    })
}

/// The only thing a backend runs. Private fields: only this module makes one.
#[derive(Debug, Clone)]
pub struct Rewrite {
    plan: Arc<Plan>,
    text: Arc<str>,
    statements: Vec<Range<usize>>,
    identity: Vec<Hole>,
    /// Constants of the client's that are bind parameters, the first ones.
    lifted: Vec<Constant>,
    /// How many bind parameters are the client's own: max(declared, highest `$k` in its text).
    client_parameters: usize,
    inserted: Vec<Range<usize>>,
    /// (start in output, length in output, start in the client's text) of each kept run.
    kept: Vec<(usize, usize, usize)>,
}

/// How identity values get into a spliced text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    /// As typed literals.
    Literals,
    /// As bind parameters, the first with this number.
    Parameters {
        /// The number behind the client's highest.
        first: u32,
    },
}

impl Rewrite {
    /// The client's text as it is, for a principal nothing is withheld from.
    pub(crate) fn verbatim(plan: Arc<Plan>, text: &str) -> Self {
        let length = text.len();
        let whole = 0..length;
        Self {
            plan,
            text: text.into(),
            statements: std::iter::once(whole).collect(),
            identity: Vec::new(),
            lifted: Vec::new(),
            client_parameters: 0,
            inserted: Vec::new(),
            kept: vec![(0, length, 0)],
        }
    }

    /// The plan it was made from.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The whole query string for the server.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same, for whoever keeps it.
    pub fn shared_text(&self) -> &Arc<str> {
        &self.text
    }

    /// Byte ranges of the single statements in `text`, parallel to the plan's statements.
    pub fn statements(&self) -> &[Range<usize>] {
        &self.statements
    }

    /// Byte ranges of what rowgate inserted, in order.
    pub(crate) fn inserted(&self) -> &[Range<usize>] {
        &self.inserted
    }

    /// The identity values that follow the client's own bind parameters, in order.
    pub fn identity(&self) -> &[Hole] {
        &self.identity
    }

    /// Constants of the client's text that are bind parameters, numbered from 1: the statement has to
    /// be prepared, and run with these values.
    pub fn lifted(&self) -> &[Constant] {
        &self.lifted
    }

    /// How many bind parameters are the client's own; the identity values come after them. Not
    /// counted (0) where there are no identity values.
    pub fn client_parameters(&self) -> usize {
        self.client_parameters
    }

    /// The byte offset of the parameter with this number, from 1, that stands for a constant.
    pub(crate) fn lifted_at(&self, number: usize) -> Option<usize> {
        let mut changes = changes(&self.plan.edits, &self.lifted).zip(&self.inserted);
        changes.find_map(|(change, inserted)| match change {
            Change::Lifted(_, lifted) => (lifted == number).then_some(inserted.start + 1),
            Change::Edit(_) => None,
        })
    }

    /// The byte offset in the client's text that a byte offset of the server's text stands for;
    /// `None` inside what rowgate inserted.
    pub fn client_offset(&self, offset: usize) -> Option<usize> {
        self.kept
            .iter()
            .find(|(start, length, _)| (*start..=start + length).contains(&offset))
            .map(|(start, _, client)| client + (offset - start))
    }
}

/// Applies a plan to a text that has the tokens it was made for, with these constants as parameters.
///
/// # Errors
///
/// A refusal when a value is missing: the plan was made for somebody who has it.
pub(crate) fn splice(
    tokens: &Tokens<'_>,
    plan: &Arc<Plan>,
    lifted: Vec<Constant>,
    values: Values,
    fill: &dyn Fill,
) -> Result<Rewrite, Refusal> {
    let source = tokens.source();
    let mut out = Splice {
        text: String::with_capacity(source.len() * 2 + 64),
        identity: Vec::new(),
        inserted: Vec::with_capacity(plan.edits.len()),
        kept: Vec::with_capacity(plan.edits.len() + 1),
        values,
        fill,
        tokens,
    };
    let mut at = 0;
    let mut statements = Vec::with_capacity(plan.statements.len());
    let mut open = plan.statements.iter().map(|statement| &statement.tokens);
    let mut current = open.next();
    let mut started = 0;
    for change in changes(&plan.edits, &lifted) {
        let range = change.tokens();
        // Statements that end before this change.
        while let Some(span) = current
            && span.end <= range.start
            && range.start > span.start
            && !(range.is_empty() && range.start == span.end)
        {
            let end = behind(tokens, span.end);
            out.keep(at..end);
            at = end;
            statements.push(started..out.text.len());
            started = out.text.len();
            current = open.next();
        }
        let (start, end) = bytes(tokens, &range);
        out.keep(at..start);
        match change {
            Change::Edit(edit) => out.insert(edit)?,
            Change::Lifted(_, number) => out.parameter(number, start),
        }
        at = end;
    }
    while let Some(span) = current {
        let end = behind(tokens, span.end).max(at);
        out.keep(at..end);
        at = end;
        statements.push(started..out.text.len());
        started = out.text.len();
        current = open.next();
    }
    out.keep(at..source.len());
    Ok(Rewrite {
        plan: Arc::clone(plan),
        text: out.text.into(),
        statements,
        identity: out.identity,
        lifted,
        client_parameters: match values {
            Values::Literals => 0,
            Values::Parameters { first } => (first as usize).saturating_sub(1),
        },
        inserted: out.inserted,
        kept: out.kept,
    })
}

/// Behind the last byte of the token before `index`: what is inserted there stands before a comment
/// that follows, not in it.
fn behind(tokens: &Tokens<'_>, index: usize) -> usize {
    index.checked_sub(1).and_then(|before| tokens.get(before)).map_or(0, |token| token.end as usize)
}

fn bytes(tokens: &Tokens<'_>, range: &Range<usize>) -> (usize, usize) {
    if range.is_empty() {
        let at = behind(tokens, range.start);
        return (at, at);
    }
    let start = tokens.get(range.start).map_or(tokens.source().len(), |token| token.start as usize);
    (start, behind(tokens, range.end))
}

struct Splice<'s> {
    text: String,
    identity: Vec<Hole>,
    inserted: Vec<Range<usize>>,
    kept: Vec<(usize, usize, usize)>,
    values: Values,
    fill: &'s dyn Fill,
    tokens: &'s Tokens<'s>,
}

impl Splice<'_> {
    fn keep(&mut self, range: Range<usize>) {
        if let Some(text) = self.tokens.source().get(range.clone())
            && !text.is_empty()
        {
            self.kept.push((self.text.len(), text.len(), range.start));
            self.text.push_str(text);
        }
    }

    /// A parameter in place of the constant at this byte; an error at the one is one at the other.
    fn parameter(&mut self, number: usize, constant: usize) {
        let start = self.text.len();
        self.text.push_str(" $");
        self.text.push_str(&number.to_string());
        self.kept.push((start + 1, 0, constant));
        self.text.push(' ');
        self.inserted.push(start..self.text.len());
    }

    fn insert(&mut self, edit: &Edit) -> Result<(), Refusal> {
        let start = self.text.len();
        for piece in &edit.pieces {
            self.text.push(' ');
            match piece {
                Piece::Text(text) => self.text.push_str(text),
                Piece::Identity(hole) => self.identity(*hole)?,
                Piece::StatementName(client) => {
                    let name = self.fill.statement_name(client);
                    self.text.push_str(&super::print::ident(&name).to_string());
                }
                Piece::PortalName(client) => {
                    let name = self.fill.portal_name(client);
                    self.text.push_str(&super::print::ident(&name).to_string());
                }
                Piece::Client(tokens) => {
                    let (start, end) = bytes(self.tokens, tokens);
                    if let Some(text) = self.tokens.source().get(start..end) {
                        self.text.push_str(text);
                    }
                }
            }
        }
        self.text.push(' ');
        self.inserted.push(start..self.text.len());
        Ok(())
    }

    fn identity(&mut self, hole: Hole) -> Result<(), Refusal> {
        match self.values {
            Values::Parameters { first } => {
                let index =
                    if let Some(index) = self.identity.iter().position(|known| *known == hole) {
                        index
                    } else {
                        self.identity.push(hole);
                        self.identity.len() - 1
                    };
                let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(first);
                self.text.push('$');
                self.text.push_str(&number.to_string());
            }
            Values::Literals => {
                push_literal(&mut self.text, self.fill.value(hole))?;
            }
        }
        Ok(())
    }
}

/// Appends an identity value as a string literal; a cast stands around it.
fn push_literal(text: &mut String, value: Option<String>) -> Result<(), Refusal> {
    let value = value.ok_or_else(|| super::print::defect("an identity value is missing"))?;
    if value.contains('\0') {
        return Err(super::print::defect("an identity value holds a null character"));
    }
    // `standard_conforming_strings` is pinned to on: doubling quotes is all there is.
    text.reserve(value.len() + 2);
    text.push('\'');
    // Without a quote in it, which is nearly always, the value is copied as a whole.
    for (index, part) in value.split('\'').enumerate() {
        if index > 0 {
            text.push_str("''");
        }
        text.push_str(part);
    }
    text.push('\'');
    Ok(())
}

/// A tree of policy SQL as text, with one person's values as literals in it.
///
/// # Errors
///
/// A refusal when a value is missing: the tree was made for somebody who has it.
pub(crate) fn printed(tree: &impl Display, fill: &dyn Fill) -> Result<String, Refusal> {
    let mut text = String::new();
    for piece in super::print::pieces(tree)? {
        match piece {
            Piece::Text(part) => text.push_str(&part),
            Piece::Identity(hole) => push_literal(&mut text, fill.value(hole))?,
            Piece::StatementName(_) | Piece::PortalName(_) | Piece::Client(_) => {
                return Err(super::print::defect("a client's text in a tree of the policy"));
            }
        }
    }
    Ok(text)
}

/// The pieces of a whole rewritten text, for putting one into another.
pub(super) fn flatten(tokens: &Tokens<'_>, edits: &[Edit]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let keep = |pieces: &mut Vec<Piece>, range: Range<usize>| {
        if let Some(text) = tokens.source().get(range)
            && !text.is_empty()
        {
            pieces.push(Piece::Text(text.into()));
        }
    };
    for edit in edits {
        let (start, end) = bytes(tokens, &edit.tokens);
        keep(&mut pieces, at..start);
        for piece in &edit.pieces {
            match piece {
                // Token numbers of this text mean nothing in the one around it.
                Piece::Client(range) => {
                    let (start, end) = bytes(tokens, range);
                    keep(&mut pieces, start..end);
                }
                Piece::Text(_)
                | Piece::Identity(_)
                | Piece::StatementName(_)
                | Piece::PortalName(_) => {
                    pieces.push(piece.clone());
                }
            }
        }
        at = end;
    }
    keep(&mut pieces, at..tokens.source().len());
    pieces
}
