//! `has_table_privilege` and its like: answered by what the policy grants, not by what the
//! gateway's role may do. Pure.

use super::describe::{among, literal, source};
use super::query::Resolver;
use super::scope::Facts;
use crate::error::Refusal;
use crate::ids::RelationId;
use crate::policy::Verb;
use crate::sql::ast::{Call, ExprKind, Location};

/// Functions about relations (PostgreSQL documentation, 9.27.2 "Access Privilege Inquiry
/// Functions"), how many arguments stand from the relation to the end.
const RELATIONS: &[(&str, usize)] = &[
    ("has_table_privilege", 2),
    ("has_any_column_privilege", 2),
    ("has_sequence_privilege", 2),
    ("has_column_privilege", 3),
];

impl Resolver<'_> {
    /// Replaces a question about privileges by the answer; `false` for every other call.
    pub(super) fn privilege(
        &mut self,
        call: &Call,
        location: Location,
        parts: &[Facts],
    ) -> Result<bool, Refusal> {
        let Some(function) = self.built_in_name(&call.name) else { return Ok(false) };
        if function == "has_schema_privilege" {
            let place = call.arguments.len().saturating_sub(2);
            if let Some(argument) = call.arguments.get(place)
                && let Some(name) = literal(argument)
            {
                self.named_schema(name, argument.location)?;
            }
            return Ok(false);
        }
        let Some((_, behind)) = RELATIONS.iter().find(|(name, _)| *name == function) else {
            return Ok(false);
        };
        let refused = || {
            Refusal::unsupported(format!(
                "this call of {function} is not supported for a restricted principal"
            ))
        };
        let count = call.arguments.len();
        let place = count.checked_sub(*behind).filter(|place| *place <= 1).ok_or_else(refused)?;
        // Whoever is asked about, only the principal's own rights are told.
        let about = call.arguments.get(..place).unwrap_or_default();
        let plain = about.iter().all(|user| {
            matches!(&user.kind, ExprKind::Constant(_) | ExprKind::SqlValue(_))
                || matches!(&user.kind, ExprKind::Column(column) if column.parts.len() <= 2)
        });
        if !plain {
            return Err(refused());
        }
        let (Some(relation), Some(facts), Some(privilege)) =
            (call.arguments.get(place), parts.get(place), call.arguments.last())
        else {
            return Err(refused());
        };
        let privilege = literal(privilege).ok_or_else(refused)?;
        if let Some(name) = literal(relation) {
            self.named_relation(name, relation.location)?;
        }
        // The server says what is wrong with a privilege that there is not.
        let Some(verbs) = verbs(privilege) else { return Ok(false) };
        let granted = self.granted(function, &verbs);
        let whole = self.whole_call(call, location)?;
        let tokens = self.argument(call, location, place)?;
        let (source, end) = source(facts.known, "to_regclass");
        let hidden = self.hidden_condition();
        let quoted = privilege.replace('\'', "''");
        let answer = |on_column: &str| {
            format!(
                "(SELECT CASE WHEN rowgate_object.oid IS NULL OR {hidden} THEN NULL WHEN \
                 rowgate_object.oid OPERATOR(pg_catalog.<) CAST('16384' AS pg_catalog.oid) THEN \
                 pg_catalog.has_table_privilege(rowgate_object.oid, '{quoted}') ELSE \
                 {granted}{on_column} END AS {function} FROM"
            )
        };
        if *behind == 3 {
            let column = self.argument(call, location, place + 1)?;
            let denied = self.denied_condition();
            let on_column = format!(
                " AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS rowgate_column WHERE \
                 rowgate_column.attrelid OPERATOR(pg_catalog.=) rowgate_object.oid AND \
                 rowgate_object.key IN (CAST(rowgate_column.attname AS pg_catalog.text), \
                 CAST(rowgate_column.attnum AS pg_catalog.text)){denied})"
            );
            let prefix = format!(
                "{} (SELECT rowgate_relation.oid, rowgate_key.key FROM {source}",
                answer(&on_column)
            );
            // The relation is in a table of its own here.
            let end = end.replace("rowgate_object", "rowgate_relation");
            self.around(
                whole.start..tokens.start,
                tokens.end..column.start,
                prefix,
                format!("{end}, (SELECT CAST(("),
            );
            self.instead(
                column.end..whole.end,
                ") AS pg_catalog.text)) AS rowgate_key (key)) AS rowgate_object (oid, key))"
                    .to_owned(),
            );
            return Ok(true);
        }
        self.around(
            whole.start..tokens.start,
            tokens.end..whole.end,
            format!("{} {source}", answer("")),
            format!("{end})"),
        );
        Ok(true)
    }

    /// Whether the verbs are granted on `rowgate_object.oid`.
    fn granted(&self, function: &str, verbs: &[Verb]) -> String {
        let visible = (self.context.visible)();
        let sequences = function == "has_sequence_privilege";
        let granted = |relation: RelationId| {
            visible.verbs(relation).iter().any(|verb| verbs.contains(verb))
                || (sequences && (self.context.sequences)(relation))
        };
        among(&self.relations_that(granted))
    }

    /// The user's relations for which something holds, as a multirange of their OIDs.
    fn relations_that(&self, holds: impl Fn(RelationId) -> bool) -> String {
        let mut relations: Vec<u32> = self
            .context
            .catalog
            .relations()
            .filter(|relation| !relation.is_system())
            .map(|relation| relation.id.0)
            .collect();
        relations.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut before = false;
        for relation in relations {
            let now = holds(RelationId(relation));
            match ranges.last_mut() {
                Some((_, last)) if now && before => *last = relation,
                Some(_) | None if now => ranges.push((relation, relation)),
                Some(_) | None => {}
            }
            before = now;
        }
        let ranges: Vec<String> =
            ranges.iter().map(|(first, last)| format!("[{first},{last}]")).collect();
        format!("{{{}}}", ranges.join(","))
    }

    fn denied_condition(&self) -> String {
        let visible = (self.context.visible)();
        let mut pairs = Vec::new();
        for relation in self.context.catalog.relations() {
            for column in visible.denied(relation.id).into_iter().flatten() {
                pairs.push(format!("({},{})", relation.id, column));
            }
        }
        if pairs.is_empty() {
            return String::new();
        }
        format!(
            " AND (CAST(rowgate_column.attrelid AS pg_catalog.int8), \
             CAST(rowgate_column.attnum AS pg_catalog.int8)) NOT IN ({})",
            pairs.join(",")
        )
    }
}

/// The verbs of a list of privileges; `None` when one of them is none.
fn verbs(privileges: &str) -> Option<Vec<Verb>> {
    let mut verbs = Vec::new();
    for privilege in privileges.split(',') {
        let privilege = privilege.trim().to_ascii_lowercase();
        let plain = privilege.strip_suffix(" with grant option");
        match plain.unwrap_or(&privilege).trim() {
            // Nobody passes a right on, or empties a table.
            "select" | "insert" | "update" | "delete" | "usage" if plain.is_some() => {}
            "truncate" | "references" | "trigger" | "maintain" => {}
            "select" | "usage" => verbs.push(Verb::Read),
            "insert" => verbs.push(Verb::Create),
            "update" => verbs.push(Verb::Update),
            "delete" => verbs.push(Verb::Delete),
            _ => return None,
        }
    }
    Some(verbs)
}
