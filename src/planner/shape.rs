//! Cache keys: a statement's shape, and the literals that may differ without changing its plan.
//! Pure.
//!
//! An allow-list: only literals in the listed places are left out of the key; every other literal,
//! and every literal of a utility statement, stays in it byte for byte.

use crate::sql::ast::{
    Constant, Expr, ExprKind, Insert, OperatorKind, Query, QueryBody, Select, Statement,
    StatementKind, TableExpr, Update,
};
use crate::sql::{TokenKind, Tokens};

/// Separates parts of a key; it cannot occur in UTF-8 text.
const SEPARATOR: u8 = 0xff;

/// The class of a literal that is left out.
fn class(kind: TokenKind) -> Option<u8> {
    match kind {
        TokenKind::String => Some(0xf8),
        TokenKind::Integer => Some(0xf9),
        TokenKind::Number => Some(0xfa),
        TokenKind::Word
        | TokenKind::QuotedIdentifier
        | TokenKind::UnicodeIdentifier
        | TokenKind::SpecialString
        | TokenKind::BitString
        | TokenKind::DollarString
        | TokenKind::Parameter
        | TokenKind::Operator
        | TokenKind::Punctuation => None,
    }
}

/// Appends the text's tokens, with the literals for which `abstracted` holds replaced by their
/// class.
pub(super) fn write(tokens: &Tokens<'_>, key: &mut Vec<u8>, abstracted: impl Fn(usize) -> bool) {
    for (index, token) in tokens.iter().enumerate() {
        match class(token.kind) {
            Some(class) if abstracted(index) => key.push(class),
            Some(_) | None => key.extend_from_slice(tokens.text(index).as_bytes()),
        }
        key.push(SEPARATOR);
    }
}

/// The text's tokens with every literal that could be left out as its class.
pub(super) fn of(tokens: &Tokens<'_>) -> Vec<u8> {
    let mut key = Vec::with_capacity(tokens.source().len() + tokens.len());
    write(tokens, &mut key, |_| true);
    key
}

/// The tokens of literals that cannot change the plan, ascending.
pub(super) fn abstractable(statements: &[Statement], tokens: &Tokens<'_>) -> Vec<usize> {
    let [statement] = statements else { return Vec::new() };
    let mut found = Found { tokens, literals: Vec::new() };
    match &statement.kind {
        StatementKind::Select(query) => {
            found.query(query);
            for bound in query.limit.iter().chain(&query.offset) {
                found.literal(bound);
            }
        }
        StatementKind::Insert(insert) => found.insert(insert),
        StatementKind::Update(update) => found.update(update),
        StatementKind::Delete(delete) => {
            delete.filter.iter().for_each(|filter| found.condition(filter));
        }
        // Utility statements keep every literal.
        StatementKind::Merge(_)
        | StatementKind::Copy(_)
        | StatementKind::Explain(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Execute { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Discard(_)
        | StatementKind::Definition(_)
        | StatementKind::Other(_) => {}
    }
    found.literals.sort_unstable();
    found.literals.dedup();
    found.literals
}

struct Found<'t> {
    tokens: &'t Tokens<'t>,
    literals: Vec<usize>,
}

impl Found<'_> {
    fn literal(&mut self, expr: &Expr) {
        let ExprKind::Constant(constant) = &expr.kind else { return };
        match constant {
            Constant::Integer(_) | Constant::Number(_) | Constant::String(_) => {}
            Constant::Null | Constant::Boolean(_) | Constant::Bits(_) => return,
        }
        let Some(mut index) = expr.location.and_then(|offset| self.tokens.at_byte(offset as usize))
        else {
            return;
        };
        // The position of a negative number is its sign.
        if self.tokens.is_mark(index, "-") {
            index += 1;
        }
        if self.tokens.get(index).and_then(|token| class(token.kind)).is_some() {
            self.literals.push(index);
        }
    }

    fn query(&mut self, query: &Query) {
        match &query.body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::SetOperation { left, right } => {
                self.query(left);
                self.query(right);
            }
            QueryBody::Values(_) => {}
        }
    }

    fn select(&mut self, select: &Select) {
        for table in &select.from {
            self.table(table);
        }
        select.filter.iter().for_each(|filter| self.condition(filter));
    }

    fn table(&mut self, table: &TableExpr) {
        match table {
            TableExpr::Subquery { query, .. } => self.query(query),
            TableExpr::Join(join) => {
                self.table(&join.left);
                self.table(&join.right);
                join.on.iter().for_each(|on| self.condition(on));
            }
            TableExpr::Relation(_)
            | TableExpr::Sample { .. }
            | TableExpr::Function { .. }
            | TableExpr::TableFunction { .. } => {}
        }
    }

    /// A bare operand of a comparison, IN or BETWEEN whose other side is a column.
    fn condition(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::And(parts) | ExprKind::Or(parts) => {
                parts.iter().for_each(|part| self.condition(part));
            }
            ExprKind::Not(part) => self.condition(part),
            ExprKind::Operator { form, name, left, right } => {
                let comparison = matches!(name.as_slice(), [name]
                    if ["=", "<>", "!=", "<", "<=", ">", ">="].contains(&name.as_str()));
                let column = |expr: &Expr| matches!(expr.kind, ExprKind::Column(_));
                match form {
                    OperatorKind::Plain if comparison => match (left, right.as_slice()) {
                        (Some(left), [right]) if column(left) => self.literal(right),
                        (Some(left), [right]) if column(right) => self.literal(left),
                        (_, _) => {}
                    },
                    OperatorKind::In | OperatorKind::Between => {
                        if left.as_deref().is_some_and(column) {
                            right.iter().for_each(|item| self.literal(item));
                        }
                    }
                    OperatorKind::Plain
                    | OperatorKind::Any
                    | OperatorKind::All
                    | OperatorKind::Distinct
                    | OperatorKind::NullIf
                    | OperatorKind::Like
                    | OperatorKind::ILike
                    | OperatorKind::Similar => {}
                }
            }
            ExprKind::Column(_)
            | ExprKind::Parameter(_)
            | ExprKind::Constant(_)
            | ExprKind::Sublink { .. }
            | ExprKind::Call(_)
            | ExprKind::Case { .. }
            | ExprKind::Cast { .. }
            | ExprKind::Collate(_)
            | ExprKind::NullTest(_)
            | ExprKind::BooleanTest(_)
            | ExprKind::Array(_)
            | ExprKind::Row(_)
            | ExprKind::Coalesce(_)
            | ExprKind::MinMax(_)
            | ExprKind::SqlValue(_)
            | ExprKind::Indirection { .. }
            | ExprKind::Grouping(_)
            | ExprKind::Named(_)
            | ExprKind::Default
            | ExprKind::MultiAssign(_)
            | ExprKind::CurrentOf(_)
            | ExprKind::Special(_) => {}
        }
    }

    fn insert(&mut self, insert: &Insert) {
        let Some(source) = &insert.source else { return };
        match &source.body {
            QueryBody::Values(rows) => {
                rows.iter().flatten().for_each(|item| self.literal(item));
            }
            QueryBody::Select(_) | QueryBody::SetOperation { .. } => self.query(source),
        }
    }

    fn update(&mut self, update: &Update) {
        update.assignments.iter().for_each(|assignment| self.literal(&assignment.value));
        update.filter.iter().for_each(|filter| self.condition(filter));
    }
}
