//! Random queries over the sample that are well typed. A query is read off a list of numbers, so
//! that proptest makes it smaller by making the list shorter and its numbers smaller: 0 is always
//! the plainest choice.

use std::fmt::Write as _;

use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::principals::Principal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Number,
    Text,
    Bool,
    Date,
    Time,
    Json,
    Uuid,
    Texts,
    Stage,
    Float,
}

use Kind::{Bool, Date, Float, Int, Json, Number, Stage, Text, Texts, Time, Uuid};

type Columns = Vec<(String, Kind)>;

/// A relation, the table that denies its columns, and the columns.
type Relation = (&'static str, &'static str, &'static [(&'static str, Kind)]);

const RELATIONS: &[Relation] = &[
    (
        "account",
        "account",
        &[
            ("id", Int),
            ("name", Text),
            ("phone", Text),
            ("email", Text),
            ("mobile", Text),
            ("owner_id", Int),
            ("department_id", Int),
            ("amount", Number),
            ("score", Int),
            ("active", Bool),
            ("opened", Date),
            ("seen", Time),
            ("attributes", Json),
            ("token", Uuid),
            ("labels", Texts),
            ("stage", Stage),
            ("secret", Int),
        ],
    ),
    (
        "contact",
        "contact",
        &[
            ("id", Int),
            ("account_id", Int),
            ("owner_id", Int),
            ("name", Text),
            ("email", Text),
            ("birthday", Date),
            ("note", Text),
            ("weight", Number),
        ],
    ),
    ("product", "product", &[("id", Int), ("name", Text), ("price", Number)]),
    (
        "event",
        "event",
        &[("id", Int), ("day", Date), ("owner_id", Int), ("kind", Text), ("size", Float)],
    ),
    ("remark", "remark", &[("id", Int), ("owner_id", Int), ("body", Text)]),
    ("event_2025", "event", &[("id", Int), ("day", Date), ("owner_id", Int), ("size", Float)]),
    ("remark_long", "remark", &[("id", Int), ("owner_id", Int), ("body", Text), ("extra", Text)]),
    (
        "account_names",
        "account",
        &[("id", Int), ("name", Text), ("owner_id", Int), ("phone", Text), ("email", Text)],
    ),
    ("ratios", "account", &[("id", Int), ("ratio", Int), ("n", Int)]),
    ("rated", "account", &[("id", Int), ("name", Text)]),
    (
        "name_lengths",
        "account",
        &[("id", Int), ("letters", Int), ("upper_name", Text), ("phone", Text), ("price", Number)],
    ),
];

/// What is visible while an expression is made: aliases with their columns, inner ones last.
#[derive(Debug, Clone, Default)]
struct Scope(Vec<(String, Columns)>);

struct Maker<'a> {
    principal: &'a Principal,
    choices: &'a [u32],
    at: usize,
    aliases: usize,
}

impl Maker<'_> {
    fn pick(&mut self, options: usize) -> usize {
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        choice as usize % options
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.pick(100) >= 100 - percent
    }

    fn alias(&mut self, letter: char) -> String {
        self.aliases += 1;
        format!("{letter}{}", self.aliases)
    }

    fn relation(&mut self) -> (String, Columns) {
        let denied_too = self.chance(2);
        let readable: Vec<_> = RELATIONS
            .iter()
            .filter(|(name, table, _)| {
                let shows_phone = matches!(*name, "account_names" | "name_lengths");
                denied_too
                    || (self.principal.may_read(table)
                        && !(shows_phone && self.principal.denied("account", "phone")))
            })
            .collect();
        let (name, table, columns) = readable[self.pick(readable.len())];
        let columns = columns
            .iter()
            .filter(|(column, _)| denied_too || !self.principal.denied(table, column))
            .map(|(column, kind)| ((*column).to_owned(), *kind))
            .collect();
        ((*name).to_owned(), columns)
    }

    /// A column of `kind`, inner scopes more often.
    fn column(&mut self, kind: Kind, scope: &Scope) -> Option<String> {
        let found: Vec<String> = scope
            .0
            .iter()
            .rev()
            .flat_map(|(alias, columns)| {
                columns
                    .iter()
                    .filter(|(_, of)| *of == kind)
                    .map(move |(name, _)| format!("{alias}.{name}"))
            })
            .collect();
        if found.is_empty() {
            return None;
        }
        let index = self.pick(found.len());
        found.get(index).cloned()
    }

    fn literal(&mut self, kind: Kind) -> String {
        let options: &[&str] = match kind {
            Int => &["1", "8", "104", "103", "0", "16", "-3", "42"],
            Number => &["1.5", "1000", "0", "548.25", "-2.25"],
            Text => {
                &["'a'", "'account 8'", "'138%'", "''", "'42'", "'user8@example.com'", "'visit'"]
            }
            Bool => &["true", "false", "NULL::bool"],
            Date => &["DATE '2025-06-01'", "DATE '2024-05-05'", "DATE '1985-01-01'"],
            Time => &["TIMESTAMPTZ '2025-01-05 00:00+00'", "TIMESTAMPTZ '2026-01-01 12:00+00'"],
            Json => &["'{\"n\": 8}'::jsonb", "'[]'::jsonb", "'null'::jsonb"],
            Uuid => &["'00000000-0000-0000-0000-000000000008'::uuid"],
            Texts => &["ARRAY['l1']", "'{}'::text[]", "ARRAY['m0', 'l2']"],
            Stage => &["'won'::crm.stage", "'lead'::crm.stage"],
            Float => &["0.5::float8", "4::float8", "0::float8"],
        };
        options[self.pick(options.len())].to_owned()
    }

    fn expr(&mut self, kind: Kind, scope: &Scope, depth: usize) -> String {
        if depth == 0 || self.pick(3) == 0 {
            return match self.column(kind, scope) {
                Some(column) if !self.chance(10) => column,
                _ => self.literal(kind),
            };
        }
        let d = depth - 1;
        let e = |maker: &mut Self, kind| maker.expr(kind, scope, d);
        match kind {
            Int => match self.pick(14) {
                0 => format!("({} + {})", e(self, Int), e(self, Int)),
                1 => format!("({} * 2)", e(self, Int)),
                2 => format!("length({})", e(self, Text)),
                3 => format!("coalesce({}, {})", e(self, Int), e(self, Int)),
                4 => format!(
                    "CASE WHEN {} THEN {} ELSE {} END",
                    e(self, Bool),
                    e(self, Int),
                    e(self, Int)
                ),
                5 => format!("(100 / {})", e(self, Int)),
                6 => format!("({} % {})", e(self, Int), e(self, Int)),
                7 => format!("({})::int", e(self, Text)),
                8 => format!("cardinality({})", e(self, Texts)),
                9 => format!("extract(year FROM {})::int", e(self, Date)),
                10 => format!("abs({})", e(self, Int)),
                11 => self.scalar(Int, scope, d),
                12 => format!("({} ->> 'n')::int", e(self, Json)),
                _ => format!("nullif({}, {})", e(self, Int), e(self, Int)),
            },
            Number => match self.pick(7) {
                0 => format!("({} + {})", e(self, Number), e(self, Number)),
                1 => format!("round({}, 1)", e(self, Number)),
                2 => format!("({}::numeric * 1.5)", e(self, Int)),
                3 => format!("(10.0 / {})", e(self, Number)),
                4 => format!("coalesce({}, 0)", e(self, Number)),
                5 => self.scalar(Number, scope, d),
                _ => format!("sqrt({})", e(self, Number)),
            },
            Text => match self.pick(12) {
                0 => format!("upper({})", e(self, Text)),
                1 => format!("({} || {})", e(self, Text), e(self, Text)),
                2 => format!("left({}, 4)", e(self, Text)),
                3 => format!("coalesce({}, '-')", e(self, Text)),
                4 => format!("{}::text", e(self, Int)),
                5 => format!("({} ->> 'city')", e(self, Json)),
                6 => format!("({})[1]", e(self, Texts)),
                7 => format!("{}::text", e(self, Stage)),
                8 => format!("substring({} FROM 2 FOR {})", e(self, Text), e(self, Int)),
                9 => self.scalar(Text, scope, d),
                10 => format!("to_char({}, 'YYYY-MM')", e(self, Date)),
                _ => format!("CASE WHEN {} THEN {} END", e(self, Bool), e(self, Text)),
            },
            Bool => self.condition(scope, depth),
            Date => match self.pick(4) {
                0 => format!("({} + 7)", e(self, Date)),
                1 => format!("({} - {})", e(self, Date), e(self, Int)),
                2 => format!("greatest({}, {})", e(self, Date), e(self, Date)),
                _ => format!("({})::date", e(self, Text)),
            },
            Time => match self.pick(2) {
                0 => format!("({} + INTERVAL '1 hour')", e(self, Time)),
                _ => format!("date_trunc('day', {})", e(self, Time)),
            },
            Json => match self.pick(4) {
                0 => format!("({} -> 'list')", e(self, Json)),
                1 => format!("to_jsonb({})", e(self, Int)),
                2 => format!("jsonb_build_object('t', {})", e(self, Text)),
                _ => format!("jsonb_build_array({}, {})", e(self, Int), e(self, Text)),
            },
            Uuid | Stage => self.column(kind, scope).unwrap_or_else(|| self.literal(kind)),
            Texts => match self.pick(3) {
                0 => format!("({} || {})", e(self, Texts), e(self, Texts)),
                1 => format!("ARRAY[{}, {}]", e(self, Text), e(self, Text)),
                _ => format!("string_to_array({}, ' ')", e(self, Text)),
            },
            Float => match self.pick(3) {
                0 => format!("({} * 2)", e(self, Float)),
                1 => format!("{}::float8", e(self, Int)),
                _ => format!("(8 / {})", e(self, Float)),
            },
        }
    }

    fn scalar(&mut self, kind: Kind, scope: &Scope, depth: usize) -> String {
        if depth == 0 {
            return self.literal(kind);
        }
        let (from, inner) = self.source(scope, depth - 1);
        let value = self.expr(kind, &inner, depth - 1);
        let condition = self.condition(&inner, depth - 1);
        let function = match kind {
            Int => ["max", "count", "min", "sum"][self.pick(4)],
            _ => ["max", "min"][self.pick(2)],
        };
        let cast = if kind == Int { "::int" } else { "" };
        format!("(SELECT {function}({value}){cast} FROM {from} WHERE {condition})")
    }

    fn condition(&mut self, scope: &Scope, depth: usize) -> String {
        let kinds = [Int, Text, Number, Date, Int, Stage, Bool, Time, Uuid, Float, Texts];
        let kind = kinds[self.pick(kinds.len())];
        if depth == 0 {
            let operator = ["=", "<", ">", "<>", "<="][self.pick(5)];
            let left = self.column(kind, scope).unwrap_or_else(|| self.literal(kind));
            let right = self.literal(kind);
            return format!("{left} {operator} {right}");
        }
        let d = depth - 1;
        match self.pick(17) {
            0 | 1 => {
                let operator = ["=", "<", ">", "<>", ">="][self.pick(5)];
                format!("{} {operator} {}", self.expr(kind, scope, d), self.expr(kind, scope, d))
            }
            2 => format!("({} AND {})", self.condition(scope, d), self.condition(scope, d)),
            3 => format!("({} OR {})", self.condition(scope, d), self.condition(scope, d)),
            4 => format!("NOT ({})", self.condition(scope, d)),
            5 => format!("{} IS NULL", self.expr(kind, scope, d)),
            6 => format!("{} LIKE '%1%'", self.expr(Text, scope, d)),
            7 => format!(
                "{} IN ({}, {})",
                self.expr(kind, scope, d),
                self.literal(kind),
                self.literal(kind)
            ),
            8 => format!(
                "{} BETWEEN {} AND {}",
                self.expr(Int, scope, d),
                self.literal(Int),
                self.expr(Int, scope, d)
            ),
            9 => {
                let (from, inner) = self.source(scope, d);
                format!("EXISTS (SELECT 1 FROM {from} WHERE {})", self.condition(&inner, d))
            }
            10 => {
                let left = self.expr(Int, scope, d);
                let (from, inner) = self.source(&Scope::default(), d);
                let value = self.expr(Int, &inner, 0);
                let not = if self.chance(30) { "NOT " } else { "" };
                format!(
                    "{left} {not}IN (SELECT {value} FROM {from} WHERE {})",
                    self.condition(&inner, d)
                )
            }
            11 => format!("{} = ANY ({})", self.expr(Text, scope, d), self.expr(Texts, scope, d)),
            12 => format!(
                "{} IS DISTINCT FROM {}",
                self.expr(kind, scope, d),
                self.expr(kind, scope, d)
            ),
            13 => format!("({} IS TRUE)", self.expr(Bool, scope, d)),
            14 => format!("{} @> '{{\"city\": \"Beijing\"}}'", self.expr(Json, scope, d)),
            15 => format!(
                "({}, {}) < ({}, {})",
                self.expr(Int, scope, d),
                self.expr(Text, scope, d),
                self.literal(Int),
                self.literal(Text)
            ),
            _ => format!("{} ~ '[0-9]{{2}}'", self.expr(Text, scope, d)),
        }
    }

    /// One item of FROM and the scope inside.
    fn item(&mut self, outer: &Scope, depth: usize) -> (String, String, Columns) {
        match if depth == 0 { 0 } else { self.pick(8) } {
            5 | 6 => {
                let alias = self.alias('s');
                let (query, columns) = self.select(&Scope::default(), depth - 1);
                (format!("({query}) AS {alias}"), alias, columns)
            }
            7 => {
                let alias = self.alias('v');
                let text = format!("(VALUES (1, 'a'), (8, 'b'), (16, NULL)) AS {alias} (id, name)");
                (text, alias, vec![("id".to_owned(), Int), ("name".to_owned(), Text)])
            }
            _ => {
                let _ = outer;
                let (relation, columns) = self.relation();
                let alias = self.alias('t');
                let schema = if self.chance(20) { "crm." } else { "" };
                (format!("{schema}{relation} AS {alias}"), alias, columns)
            }
        }
    }

    /// FROM with its joins, and what is visible behind it.
    fn source(&mut self, outer: &Scope, depth: usize) -> (String, Scope) {
        let (mut text, alias, columns) = self.item(outer, depth);
        let mut scope = outer.clone();
        scope.0.push((alias, columns));
        if depth == 0 {
            return (text, scope);
        }
        for _ in 0..self.pick(3) {
            let join =
                ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS", "LATERAL"][self.pick(6)];
            if join == "LATERAL" && !text.contains("RIGHT") && !text.contains("FULL") {
                let alias = self.alias('l');
                let (query, columns) = self.select(&scope, depth - 1);
                let _ = write!(text, " LEFT JOIN LATERAL ({query}) AS {alias} ON true");
                scope.0.push((alias, columns));
                continue;
            }
            let (item, alias, columns) = self.item(outer, depth - 1);
            let before: Vec<String> = scope
                .0
                .iter()
                .skip(outer.0.len())
                .flat_map(|(alias, columns)| {
                    columns.iter().filter(|c| c.1 == Int).map(move |c| format!("{alias}.{}", c.0))
                })
                .collect();
            let ours: Vec<&String> = columns.iter().filter(|c| c.1 == Int).map(|c| &c.0).collect();
            if join == "CROSS" || join == "LATERAL" || before.is_empty() || ours.is_empty() {
                let _ = write!(text, " CROSS JOIN {item}");
                scope.0.push((alias, columns));
                continue;
            }
            let left = before[self.pick(before.len())].clone();
            let right = format!("{alias}.{}", ours[self.pick(ours.len())]);
            scope.0.push((alias, columns));
            // FULL JOIN takes conditions it can hash only.
            let extra = if join != "FULL JOIN" && self.chance(30) {
                format!(" AND {}", self.condition(&scope, depth - 1))
            } else {
                String::new()
            };
            let _ = write!(text, " {join} {item} ON {left} = {right}{extra}");
        }
        (text, scope)
    }

    fn kind(&mut self) -> Kind {
        [Int, Text, Number, Bool, Date, Stage, Time, Json, Uuid, Texts, Float][self.pick(11)]
    }

    /// A SELECT with named, typed columns.
    fn select(&mut self, outer: &Scope, depth: usize) -> (String, Columns) {
        let (from, scope) = self.source(outer, depth);
        let mut text;
        let mut columns: Columns = Vec::new();
        let mut list: Vec<String> = Vec::new();
        let condition = if self.chance(70) {
            format!(" WHERE {}", self.condition(&scope, depth))
        } else {
            String::new()
        };
        match self.pick(6) {
            3 | 4 => {
                let keys: Vec<Kind> = (0..=self.pick(2)).map(|_| self.kind()).collect();
                let mut groups = Vec::new();
                for kind in keys {
                    let key = self.expr(kind, &scope, depth.min(1));
                    // A constant in GROUP BY is a position.
                    let key = if key.contains('.') { key } else { format!("({key} || '')") };
                    if key.contains("||") && !key.contains('.') {
                        continue;
                    }
                    list.push(format!("{key} AS c{}", list.len()));
                    columns.push((format!("c{}", columns.len()), kind));
                    groups.push(key);
                }
                for _ in 0..=self.pick(2) {
                    let (aggregate, kind) = self.aggregate(&scope, depth);
                    list.push(format!("{aggregate} AS c{}", list.len()));
                    columns.push((format!("c{}", columns.len()), kind));
                }
                text = format!("SELECT {} FROM {from}{condition}", list.join(", "));
                if !groups.is_empty() {
                    let form =
                        ["", "ROLLUP ", "CUBE "][if self.chance(15) { self.pick(3) } else { 0 }];
                    let groups = groups.join(", ");
                    let _ = match form {
                        "" => write!(text, " GROUP BY {groups}"),
                        form => write!(text, " GROUP BY {form}({groups})"),
                    };
                }
                if self.chance(30) {
                    let (aggregate, kind) = self.aggregate(&scope, 0);
                    let literal = self.literal(kind);
                    let _ = write!(text, " HAVING {aggregate} >= {literal}");
                }
            }
            shape => {
                for _ in 0..=self.pick(4) {
                    let kind = self.kind();
                    let value = self.expr(kind, &scope, depth);
                    list.push(format!("{value} AS c{}", list.len()));
                    columns.push((format!("c{}", columns.len()), kind));
                }
                if shape == 5 {
                    let value = self.expr(Int, &scope, 0);
                    let all = Self::total_order(&scope);
                    let window = match self.pick(3) {
                        0 => format!("count(*) OVER (PARTITION BY {value})"),
                        1 => format!("sum({value}) OVER (ORDER BY {all})::int"),
                        _ => format!(
                            "max({value}) OVER (ORDER BY {all} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"
                        ),
                    };
                    list.push(format!("{window} AS c{}", list.len()));
                    columns.push((format!("c{}", columns.len()), Int));
                }
                let distinct = if shape != 5 && self.chance(15) { "DISTINCT " } else { "" };
                text = format!("SELECT {distinct}{} FROM {from}{condition}", list.join(", "));
            }
        }
        if self.chance(20) {
            let positions: Vec<String> = (1..=columns.len()).map(|n| n.to_string()).collect();
            let _ = write!(text, " ORDER BY {} LIMIT {}", positions.join(", "), self.pick(7) + 1);
        }
        (text, columns)
    }

    /// Every column of the scope: rows that are equal in all of them cannot be told apart.
    fn total_order(scope: &Scope) -> String {
        scope
            .0
            .iter()
            .flat_map(|(alias, columns)| columns.iter().map(move |c| format!("{alias}.{}", c.0)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn aggregate(&mut self, scope: &Scope, depth: usize) -> (String, Kind) {
        let filter = if depth > 0 && self.chance(20) {
            format!(" FILTER (WHERE {})", self.condition(scope, depth - 1))
        } else {
            String::new()
        };
        let depth = depth.min(1);
        let (text, kind) = match self.pick(8) {
            0 => ("count(*)".to_owned(), Int),
            1 => (format!("count(DISTINCT {})", self.expr(Int, scope, depth)), Int),
            2 => (format!("max({})", self.expr(Int, scope, depth)), Int),
            3 => (format!("sum({})", self.expr(Number, scope, depth)), Number),
            4 => (format!("min({})", self.expr(Text, scope, depth)), Text),
            5 => {
                let value = self.expr(Text, scope, depth);
                (format!("string_agg({value}, ',' ORDER BY {value})"), Text)
            }
            6 => (format!("bool_or({})", self.expr(Bool, scope, depth)), Bool),
            _ => {
                let value = self.expr(Text, scope, depth);
                (format!("array_agg({value} ORDER BY {value})"), Texts)
            }
        };
        (format!("{text}{filter}"), kind)
    }

    fn write(&mut self) -> String {
        let (target, _, columns) = RELATIONS[[0, 1, 3, 4][self.pick(4)]];
        let columns = columns
            .iter()
            .filter(|(column, _)| !self.principal.denied(target, column) || self.chance(10))
            .map(|(column, kind)| ((*column).to_owned(), *kind))
            .collect();
        let scope = Scope(vec![(target.to_owned(), columns)]);
        let depth = 1 + self.pick(2);
        let condition = self.condition(&scope, depth);
        let returning = ["", " RETURNING id", " RETURNING *"][self.pick(3)];
        let form = self.pick(8);
        if form < 2 {
            return format!("DELETE FROM {target} WHERE {condition}{returning}");
        }
        let column = match target {
            "account" | "contact" => "name",
            "event" => "kind",
            _ => "body",
        };
        let value = self.expr(Text, &scope, depth - 1);
        let update = format!("UPDATE {target} SET {column} = {value} WHERE {condition}{returning}");
        match form {
            // In WITH, read or not.
            4 if returning.is_empty() => format!("WITH w AS ({update}) SELECT 1"),
            4 => format!("WITH w AS ({update}) SELECT * FROM w"),
            5 => {
                let delete = format!("DELETE FROM {target} WHERE {condition} RETURNING *");
                format!("WITH w AS ({delete}) SELECT count(*), min(id) FROM w WHERE id > 5")
            }
            // Onto rows that are there: those that are visible, and one that may not be.
            6 => {
                let key = if target == "event" { "id, day" } else { "id" };
                let also = if target == "account" { ", department_id" } else { "" };
                let taken = self.pick(60);
                format!(
                    "INSERT INTO {target} ({key}, owner_id, {column}{also}) \
                     SELECT {key}, owner_id, 'new'{also} FROM {target} WHERE id % 7 = {taken} % 7 \
                     ON CONFLICT ({key}) DO UPDATE SET {column} = {value} WHERE {condition}{returning}"
                )
            }
            7 => {
                let then = ["DELETE", "DO NOTHING", "UPDATE SET"][self.pick(3)];
                let then = match then {
                    "UPDATE SET" => format!("UPDATE SET {column} = {value}"),
                    other => other.to_owned(),
                };
                format!(
                    "MERGE INTO {target} USING (SELECT id AS n FROM product) p ON p.n = {target}.id \
                     WHEN MATCHED AND {condition} THEN {then}"
                )
            }
            _ => update,
        }
    }

    fn statement(&mut self) -> String {
        let depth = 1 + self.pick(3);
        match self.pick(10) {
            7 => {
                let operator = ["UNION", "UNION ALL", "EXCEPT", "INTERSECT"][self.pick(4)];
                let one = self.pick(2) == 0;
                let kind = if one { Int } else { Text };
                let mut sides = Vec::new();
                for _ in 0..2 {
                    let (from, scope) = self.source(&Scope::default(), depth - 1);
                    let value = self.expr(kind, &scope, depth - 1);
                    let condition = self.condition(&scope, depth - 1);
                    sides.push(format!("SELECT {value} AS c0 FROM {from} WHERE {condition}"));
                }
                sides.join(&format!(" {operator} "))
            }
            8 => {
                let (query, columns) = self.select(&Scope::default(), depth);
                let scope = Scope(vec![("w".to_owned(), columns)]);
                let condition = self.condition(&scope, depth - 1);
                let hint = ["", "MATERIALIZED ", "NOT MATERIALIZED "][self.pick(3)];
                format!("WITH w AS {hint}({query}) SELECT * FROM w WHERE {condition}")
            }
            9 => {
                let (relation, columns) = self.relation();
                let scope = Scope(vec![(relation.clone(), columns)]);
                let condition = self.condition(&scope, depth);
                let list = ["*", "count(*)"][self.pick(2)];
                format!("SELECT {list} FROM {relation} WHERE {condition}")
            }
            _ => {
                let (query, columns) = self.select(&Scope::default(), depth);
                if self.chance(50) && !query.contains(" LIMIT ") {
                    let positions: Vec<String> =
                        (1..=columns.len()).map(|n| n.to_string()).collect();
                    return format!("{query} ORDER BY {}", positions.join(", "));
                }
                query
            }
        }
    }
}

/// The query that a list of numbers stands for.
pub(crate) fn query(principal: &Principal, choices: &[u32]) -> String {
    Maker { principal, choices, at: 0, aliases: 0 }.statement()
}

/// The UPDATE or DELETE that a list of numbers stands for.
pub(crate) fn write(principal: &Principal, choices: &[u32]) -> String {
    Maker { principal, choices, at: 0, aliases: 0 }.write()
}

/// Lists of numbers that proptest can make smaller. The seed is fixed, so a failure comes back.
pub(crate) struct Generator {
    runner: TestRunner,
}

impl Generator {
    pub(crate) fn new(seed: u8) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        Self { runner: TestRunner::new_with_rng(Config::default(), rng) }
    }

    pub(crate) fn next(&mut self) -> impl ValueTree<Value = Vec<u32>> + use<> {
        proptest::collection::vec(any::<u16>().prop_map(u32::from), 20..160)
            .new_tree(&mut self.runner)
            .unwrap()
    }
}

/// How many queries are generated in all; more by the environment.
pub(crate) fn how_many() -> usize {
    std::env::var("ROWGATE_GENERATED_QUERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_400)
}
