//! The text the server will run, made from a plan and the client's text. Pure.

use std::ops::Range;
use std::sync::Arc;

use super::Plan;
use crate::policy::Hole;

/// The only thing a backend runs. Private fields: only this module makes one.
#[derive(Debug, Clone)]
pub struct Rewrite {
    plan: Arc<Plan>,
    text: String,
    statements: Vec<Range<usize>>,
    identity: Vec<Hole>,
    /// How many bind parameters are the client's own: max(declared, highest `$k` in its text).
    client_parameters: usize,
    /// (start in output, length in output, start in the client's text) of each kept run.
    kept: Vec<(usize, usize, usize)>,
}

impl Rewrite {
    /// The client's text as it is, for a principal nothing is withheld from.
    pub(crate) fn verbatim(plan: Arc<Plan>, text: &str) -> Self {
        let length = text.len();
        let whole = 0..length;
        Self {
            plan,
            text: text.to_owned(),
            statements: std::iter::once(whole).collect(),
            identity: Vec::new(),
            client_parameters: 0,
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

    /// Byte ranges of the single statements in `text`, parallel to the plan's statements.
    pub fn statements(&self) -> &[Range<usize>] {
        &self.statements
    }

    /// The identity values that follow the client's own bind parameters, in order.
    pub fn identity(&self) -> &[Hole] {
        &self.identity
    }

    /// How many bind parameters are the client's own; the identity values come after them. Not
    /// counted (0) where there are no identity values.
    pub fn client_parameters(&self) -> usize {
        self.client_parameters
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
