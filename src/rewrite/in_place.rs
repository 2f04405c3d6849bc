//! A filtered relation that can stay the relation it is: its filter goes into the WHERE beside it.
//! Pure.
//!
//! The server then has nothing to take apart: no more to analyse and to plan than if the client had
//! written the filter itself.

use super::Piece;
use super::derived::{Effective, scopes_key};
use super::print::{bracketed, captures, defect, ident, pieces};
use super::statement::Rewriter;
use crate::error::Refusal;
use crate::policy::{Verb, stands_for};
use crate::resolve::{Place, RelationUse, WhereClause};
use crate::sql::TokenKind;

/// The grammar cuts names to one byte less (PostgreSQL documentation, "Identifiers and Key Words").
const NAME_BYTES: usize = 64;

impl Rewriter<'_> {
    /// Where the filter of the relation can stand; `None` where it needs a derived table.
    pub(super) fn place(
        &self,
        used: &RelationUse,
        effective: &Effective<'_>,
    ) -> Option<WhereClause> {
        let place = used.passes?;
        // `TABLE t` has no FROM. In a statement that writes, and in views, other rules hold.
        if used.place != (Place::From { sample: None, table_command: false }) {
            return None;
        }
        if self.modifies || self.in_view || stands_for(&used.relation).is_some() {
            return None;
        }
        let alias = used.alias_name();
        if effective.filters.iter().any(|filter| captures(&filter.0, alias)) {
            return None;
        }
        let clear = |number: &_| effective.mask(*number).is_none() && !effective.is_denied(*number);
        if !used.wanted()?.iter().all(clear) {
            return None;
        }
        if effective.hides_columns() && !self.hidden_are_unnamed(used, effective) {
            return None;
        }
        Some(place)
    }

    /// The relation has columns that must not be seen. Besides what references were resolved to, no
    /// word of the statement is the name of one, and no word is the row.
    fn hidden_are_unnamed(&self, used: &RelationUse, effective: &Effective<'_>) -> bool {
        let hidden: Vec<&str> = used
            .relation
            .columns
            .iter()
            .filter(|column| {
                effective.mask(column.number).is_some() || effective.is_denied(column.number)
            })
            .map(|column| &*column.name)
            .collect();
        let (name, end) = (&used.name_tokens, self.reference_range(used).end);
        let alias = used.alias_name();
        let alias_token =
            used.alias.as_ref().map(|_| end + usize::from(self.tokens.is_word(end, "as")));
        (0..self.tokens.len()).all(|index| {
            let Some(word) = self.tokens.identifier(index) else {
                // A name that is spelled in a way that is not read here.
                return self
                    .tokens
                    .get(index)
                    .is_none_or(|token| token.kind != TokenKind::UnicodeIdentifier);
            };
            if word.len() >= NAME_BYTES || hidden.contains(&&*word) {
                return false;
            }
            *word != *alias
                || name.contains(&index)
                || alias_token == Some(index)
                || (self.tokens.is_mark(index + 1, ".") && !self.tokens.is_mark(index + 2, "*"))
        })
    }

    /// Leaves the relation where it is, by its whole name; its filter goes to that place.
    pub(super) fn in_place(
        &mut self,
        used: &RelationUse,
        effective: &Effective<'_>,
        place: WhereClause,
        extra: &[Verb],
    ) -> Result<(), Refusal> {
        self.qualify(used);
        self.unqualify(used);
        if effective.is_unfiltered() {
            return Ok(());
        }
        self.out.filtered.push(used.name_tokens.clone());
        let mut print = || {
            let filter = effective.filter(&ident(used.alias_name()))?;
            pieces(&bracketed(filter.ok_or_else(|| defect("a filter that is none"))?))
        };
        let filter = if self.is_of_the_catalogue(used) {
            let mut key = scopes_key(b'f', used, extra);
            key.extend_from_slice(used.alias_name().as_bytes());
            self.context.printed.pieces(&key, &mut print)?
        } else {
            print()?
        };
        match self.conditions.iter_mut().find(|(known, _)| *known == place) {
            Some((_, conditions)) => {
                conditions.push(Piece::Text("AND".into()));
                conditions.extend(filter);
            }
            None => self.conditions.push((place, filter)),
        }
        Ok(())
    }

    /// Writes the filters of relations that were left in place: before the client's condition, in
    /// the order in which derived tables would be asked.
    pub(super) fn place_filters(&mut self) {
        for (place, mut filters) in std::mem::take(&mut self.conditions) {
            if let Some(word) = place.word {
                filters.push(Piece::Text("AND (".into()));
                self.edit(word + 1..word + 1, filters);
                self.edit(place.end..place.end, vec![Piece::Text(")".into())]);
            } else {
                filters.insert(0, Piece::Text("WHERE".into()));
                self.edit(place.end..place.end, filters);
            }
        }
    }
}
