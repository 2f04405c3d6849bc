//! What cannot fail, whatever a row holds, and tells nothing but its result: it may run before a row
//! filter. The lists are data, each entry with its reason; `tests` runs every entry on a server over
//! values that are chosen to make it fail. Pure.
//!
//! What the reasons leave out: a value near the size limit of a field (1 GB) can exhaust memory in
//! any operation on it.

use super::scope::{Facts, KnownType};
use crate::catalog::{Catalog, TypeKind};
use crate::ids::TypeId;
use crate::sql::ast::{Constant, Expr, ExprKind};

const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const CHAR: u32 = 18;
const NAME: u32 = 19;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
pub(super) const TEXT: u32 = 25;
const JSON: u32 = 114;
const CIDR: u32 = 650;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const INET: u32 = 869;
const TEXT_ARRAY: u32 = 1009;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;
const DATE: u32 = 1082;
const TIME: u32 = 1083;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const INTERVAL: u32 = 1186;
const TIMETZ: u32 = 1266;
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;
const TSVECTOR: u32 = 3614;
const TSQUERY: u32 = 3615;
const JSONB: u32 = 3802;

/// Strings whose bytes functions see as they are.
const TEXTS: &[u32] = &[TEXT, VARCHAR, BPCHAR, NAME];
/// Strings that `||` joins as text.
const JOINED: &[u32] = &[TEXT, VARCHAR, BPCHAR];
const INTEGERS: &[u32] = &[INT2, INT4, INT8];
/// One-dimensional or not: arrays of types that compare.
#[rustfmt::skip]
const ARRAYS: &[u32] = &[
    1000, 1005, 1007, 1009, 1015, 1016, 1021, 1022, 1182, 1115, 1185, 1231, 2951,
];
/// Ranges of integers, numbers, dates and times.
#[rustfmt::skip]
const RANGES: &[u32] = &[
    3904, 3906, 3908, 3910, 3912, 3926,
];

/// Types whose comparison operators cannot fail, also with each other where PostgreSQL compares
/// them without a cast that can.
#[rustfmt::skip]
pub(super) const COMPARABLE: &[(u32, &str)] = &[
    (BOOL, "two values"), (BYTEA, "bytes"), (CHAR, "one byte"), (NAME, "64 bytes"),
    (INT8, "machine integers"), (INT2, "machine integers"), (INT4, "machine integers"),
    (TEXT, "bytes or the collation's order, which is total"),
    (26, "an unsigned machine integer"), (24, "an OID"), (2202, "an OID"), (2203, "an OID"),
    (2204, "an OID"), (2205, "an OID"), (2206, "an OID"), (3734, "an OID"), (3769, "an OID"),
    (4089, "an OID"), (4096, "an OID"), (4191, "an OID"), (28, "an unsigned machine integer: equality only"),
    (CIDR, "address, then length"), (FLOAT4, "NaN is the greatest"), (FLOAT8, "NaN is the greatest"),
    (774, "bytes"), (790, "a machine integer"), (829, "bytes"), (INET, "address, then length"),
    (BPCHAR, "as text without trailing blanks"), (VARCHAR, "as text"),
    (DATE, "a machine integer; beside a timestamp it counts as infinite where it has no equal"),
    (TIME, "a machine integer"), (TIMESTAMP, "a machine integer"),
    (TIMESTAMPTZ, "a machine integer"), (INTERVAL, "128-bit arithmetic"),
    (TIMETZ, "two machine integers"), (1560, "bits"), (1562, "bits"),
    (NUMERIC, "digit by digit; NaN is the greatest"), (UUID, "bytes"),
    (3220, "an unsigned machine integer"), (TSVECTOR, "lexeme by lexeme"),
    (TSQUERY, "item by item"), (JSONB, "container by container"),
    (3904, "by bounds"), (3906, "by bounds"), (3908, "by bounds"), (3910, "by bounds"),
    (3912, "by bounds"), (3926, "by bounds"),
    (4451, "range by range"), (4532, "range by range"), (4533, "range by range"),
    (4534, "range by range"), (4535, "range by range"), (4536, "range by range"),
];

/// What an argument has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    /// A value of one of these types, or an untyped literal that takes the type when it is parsed.
    Of(&'static [u32]),
    /// A literal integer in this range.
    Integer(i32, i32),
    /// A literal integer that is neither 0 (division by zero) nor -1 (the lowest integer has no
    /// opposite).
    Divisor,
    /// One of these words, as a literal.
    Word(&'static [&'static str]),
    /// A literal regular expression that is valid and needs no backtracking.
    Regex,
}

use Argument::{Divisor, Integer, Of, Regex, Word};

/// A function or operator over arguments with which it cannot fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total {
    /// The name in `pg_catalog`.
    pub(super) name: &'static str,
    /// What the arguments have to be; an operator has two.
    pub(super) arguments: &'static [Argument],
    /// The last one may be repeated.
    pub(super) variadic: bool,
    /// The type of the result; 0 where nothing relies on it.
    pub(super) result: u32,
    /// Why it cannot fail.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers, and for the test's message"))]
    pub(super) why: &'static str,
}

const fn total(
    name: &'static str,
    arguments: &'static [Argument],
    result: u32,
    why: &'static str,
) -> Total {
    Total { name, arguments, variadic: false, result, why }
}

const fn variadic(
    name: &'static str,
    arguments: &'static [Argument],
    result: u32,
    why: &'static str,
) -> Total {
    Total { name, arguments, variadic: true, result, why }
}

#[rustfmt::skip]
const TIME_UNITS: &[&str] = &[
    "microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter",
    "year",
];
const DAY_UNITS: &[&str] = &["day", "week", "month", "quarter", "year"];

const CASE: &str = "every character has a counterpart or is its own";
const COUNTS: &str = "counts characters or bytes";
const CUTS: &str = "cuts where the ends are, wherever the positions are";
const BOUNDS: &str = "reads a bound or a flag of it";

/// Functions.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Total] = &[
    total("lower", &[Of(TEXTS)], TEXT, CASE),
    total("upper", &[Of(TEXTS)], TEXT, CASE),
    total("initcap", &[Of(TEXTS)], TEXT, CASE),
    total("length", &[Of(TEXTS)], INT4, COUNTS),
    total("length", &[Of(&[BYTEA])], INT4, COUNTS),
    total("char_length", &[Of(TEXTS)], INT4, COUNTS),
    total("character_length", &[Of(TEXTS)], INT4, COUNTS),
    total("octet_length", &[Of(TEXTS)], INT4, COUNTS),
    total("octet_length", &[Of(&[BYTEA])], INT4, COUNTS),
    total("bit_length", &[Of(TEXTS)], INT4, COUNTS),
    total("btrim", &[Of(TEXTS)], TEXT, CUTS),
    total("ltrim", &[Of(TEXTS)], TEXT, CUTS),
    total("rtrim", &[Of(TEXTS)], TEXT, CUTS),
    total("btrim", &[Of(TEXTS), Of(TEXTS)], TEXT, CUTS),
    total("ltrim", &[Of(TEXTS), Of(TEXTS)], TEXT, CUTS),
    total("rtrim", &[Of(TEXTS), Of(TEXTS)], TEXT, CUTS),
    total("left", &[Of(TEXTS), Integer(-1_000_000, 1_000_000)], TEXT, CUTS),
    total("right", &[Of(TEXTS), Integer(-1_000_000, 1_000_000)], TEXT, CUTS),
    total("substr", &[Of(TEXTS), Integer(-1_000_000, 1_000_000)], TEXT, CUTS),
    total("substr", &[Of(TEXTS), Integer(-1_000_000, 1_000_000), Integer(0, 1_000_000)], TEXT, CUTS),
    total("substring", &[Of(TEXTS), Integer(-1_000_000, 1_000_000)], TEXT, CUTS),
    total("substring", &[Of(TEXTS), Integer(-1_000_000, 1_000_000), Integer(0, 1_000_000)], TEXT, CUTS),
    total("split_part", &[Of(TEXTS), Of(TEXTS), Integer(1, 1_000_000)], TEXT,
        "a field that is not there is empty; only field 0 is an error"),
    total("reverse", &[Of(TEXTS)], TEXT, "characters the other way round"),
    total("translate", &[Of(TEXTS), Of(TEXTS), Of(TEXTS)], TEXT, "character by character"),
    total("lpad", &[Of(TEXTS), Integer(-1_000, 10_000)], TEXT, "the length is small"),
    total("rpad", &[Of(TEXTS), Integer(-1_000, 10_000)], TEXT, "the length is small"),
    total("strpos", &[Of(TEXTS), Of(TEXTS)], INT4, "0 where there is none"),
    total("position", &[Of(TEXTS), Of(TEXTS)], INT4, "0 where there is none"),
    total("starts_with", &[Of(TEXTS), Of(TEXTS)], BOOL, "compares bytes"),
    variadic("concat", &[Of(TEXTABLE)], TEXT, "output functions of these types cannot fail"),
    variadic("concat_ws", &[Of(TEXTS), Of(TEXTABLE)], TEXT, "output functions of these types cannot fail"),
    total("isfinite", &[Of(&[DATE])], BOOL, "compares with two values"),
    total("isfinite", &[Of(&[TIMESTAMP])], BOOL, "compares with two values"),
    total("isfinite", &[Of(&[TIMESTAMPTZ])], BOOL, "compares with two values"),
    total("isempty", &[Of(RANGES)], BOOL, BOUNDS),
    total("lower_inc", &[Of(RANGES)], BOOL, BOUNDS),
    total("upper_inc", &[Of(RANGES)], BOOL, BOUNDS),
    total("lower_inf", &[Of(RANGES)], BOOL, BOUNDS),
    total("upper_inf", &[Of(RANGES)], BOOL, BOUNDS),
    total("lower", &[Of(&[3904])], INT4, BOUNDS),
    total("upper", &[Of(&[3904])], INT4, BOUNDS),
    total("lower", &[Of(&[3912])], DATE, BOUNDS),
    total("upper", &[Of(&[3912])], DATE, BOUNDS),
    total("lower", &[Of(&[3910])], TIMESTAMPTZ, BOUNDS),
    total("upper", &[Of(&[3910])], TIMESTAMPTZ, BOUNDS),
    total("jsonb_typeof", &[Of(&[JSONB])], TEXT, "every document has a type"),
    variadic("jsonb_extract_path", &[Of(&[JSONB]), Of(&[TEXT])], JSONB, "NULL where there is nothing"),
    variadic("jsonb_extract_path_text", &[Of(&[JSONB]), Of(&[TEXT])], TEXT, "NULL where there is nothing"),
    total("cardinality", &[Of(ARRAYS)], INT4, "an array's size is bounded"),
    total("array_ndims", &[Of(ARRAYS)], INT4, "an array has up to six dimensions"),
    total("array_length", &[Of(ARRAYS), Of(&[INT4])], INT4, "NULL for a dimension that is not there"),
    total("array_lower", &[Of(ARRAYS), Of(&[INT4])], INT4, "NULL for a dimension that is not there"),
    total("array_upper", &[Of(ARRAYS), Of(&[INT4])], INT4, "NULL for a dimension that is not there"),
    total("abs", &[Of(&[NUMERIC])], NUMERIC, "drops the sign"),
    total("abs", &[Of(&[FLOAT8])], FLOAT8, "drops the sign"),
    total("sign", &[Of(&[NUMERIC])], NUMERIC, "one of four values"),
    total("sign", &[Of(&[FLOAT8])], FLOAT8, "one of three values"),
    total("floor", &[Of(&[FLOAT8])], FLOAT8, "large numbers are integers"),
    total("ceil", &[Of(&[FLOAT8])], FLOAT8, "large numbers are integers"),
    total("ceiling", &[Of(&[FLOAT8])], FLOAT8, "large numbers are integers"),
    total("round", &[Of(&[FLOAT8])], FLOAT8, "large numbers are integers"),
    total("trunc", &[Of(&[FLOAT8])], FLOAT8, "large numbers are integers"),
    total("host", &[Of(&[INET])], TEXT, "prints the address"),
    total("family", &[Of(&[INET])], INT4, "4 or 6"),
    total("masklen", &[Of(&[INET])], INT4, "reads the length"),
    total("date_part", &[Word(TIME_UNITS), Of(&[TIMESTAMP])], FLOAT8, "these units fit; infinite has NULL or infinite"),
    total("date_part", &[Word(TIME_UNITS), Of(&[TIMESTAMPTZ])], FLOAT8, "these units fit; infinite has NULL or infinite"),
    total("extract", &[Word(TIME_UNITS), Of(&[TIMESTAMP])], NUMERIC, "these units fit; infinite has NULL or infinite"),
    total("extract", &[Word(TIME_UNITS), Of(&[TIMESTAMPTZ])], NUMERIC, "these units fit; infinite has NULL or infinite"),
    total("extract", &[Word(DAY_UNITS), Of(&[DATE])], NUMERIC,
        "these units fit; date_part would make it a timestamp, which has a smaller range"),
];

const LOOKS_UP: &str = "NULL where there is nothing";
const CONTAINS: &str = "compares parts that compare";
const DIVIDES: &str = "a divisor that is known makes the number no larger";
const BITS: &str = "bit by bit";
const MATCHES: &str =
    "the expression is valid, and an automaton without backtracking reads the text once";

/// Binary operators that are not comparisons.
#[rustfmt::skip]
pub(super) const OPERATORS: &[Total] = &[
    total("->", &[Of(&[JSONB]), Of(&[TEXT])], JSONB, LOOKS_UP),
    total("->", &[Of(&[JSONB]), Of(&[INT4])], JSONB, LOOKS_UP),
    total("->>", &[Of(&[JSONB]), Of(&[TEXT])], TEXT, LOOKS_UP),
    total("->>", &[Of(&[JSONB]), Of(&[INT4])], TEXT, LOOKS_UP),
    total("#>", &[Of(&[JSONB]), Of(&[TEXT_ARRAY])], JSONB, LOOKS_UP),
    total("#>>", &[Of(&[JSONB]), Of(&[TEXT_ARRAY])], TEXT, LOOKS_UP),
    total("@>", &[Of(&[JSONB]), Of(&[JSONB])], BOOL, CONTAINS),
    total("<@", &[Of(&[JSONB]), Of(&[JSONB])], BOOL, CONTAINS),
    total("?", &[Of(&[JSONB]), Of(&[TEXT])], BOOL, CONTAINS),
    total("?|", &[Of(&[JSONB]), Of(&[TEXT_ARRAY])], BOOL, CONTAINS),
    total("?&", &[Of(&[JSONB]), Of(&[TEXT_ARRAY])], BOOL, CONTAINS),
    total("@>", &[Of(ARRAYS), Of(ARRAYS)], BOOL, CONTAINS),
    total("<@", &[Of(ARRAYS), Of(ARRAYS)], BOOL, CONTAINS),
    total("&&", &[Of(ARRAYS), Of(ARRAYS)], BOOL, CONTAINS),
    total("@>", &[Of(RANGES), Of(RANGES)], BOOL, CONTAINS),
    total("<@", &[Of(RANGES), Of(RANGES)], BOOL, CONTAINS),
    total("&&", &[Of(RANGES), Of(RANGES)], BOOL, CONTAINS),
    total("<<", &[Of(RANGES), Of(RANGES)], BOOL, CONTAINS),
    total(">>", &[Of(RANGES), Of(RANGES)], BOOL, CONTAINS),
    total("@>", &[Of(&[3912]), Of(&[DATE])], BOOL, CONTAINS),
    total("@>", &[Of(&[3910]), Of(&[TIMESTAMPTZ])], BOOL, CONTAINS),
    total("@>", &[Of(&[3904]), Of(&[INT4])], BOOL, CONTAINS),
    total("<@", &[Of(&[DATE]), Of(&[3912])], BOOL, CONTAINS),
    total("<@", &[Of(&[TIMESTAMPTZ]), Of(&[3910])], BOOL, CONTAINS),
    total("<@", &[Of(&[INT4]), Of(&[3904])], BOOL, CONTAINS),
    total("@@", &[Of(&[TSVECTOR]), Of(&[TSQUERY])], BOOL, "looks lexemes up"),
    total("||", &[Of(JOINED), Of(JOINED)], TEXT, "joins bytes"),
    total("^@", &[Of(&[TEXT, VARCHAR]), Of(&[TEXT, VARCHAR])], BOOL, "compares bytes"),
    total("~", &[Of(TEXTS), Regex], BOOL, MATCHES),
    total("~*", &[Of(TEXTS), Regex], BOOL, MATCHES),
    total("!~", &[Of(TEXTS), Regex], BOOL, MATCHES),
    total("!~*", &[Of(TEXTS), Regex], BOOL, MATCHES),
    total("%", &[Of(&[INT2]), Divisor], INT4, DIVIDES),
    total("%", &[Of(&[INT4]), Divisor], INT4, DIVIDES),
    total("%", &[Of(&[INT8]), Divisor], INT8, DIVIDES),
    total("/", &[Of(&[INT2]), Divisor], INT4, DIVIDES),
    total("/", &[Of(&[INT4]), Divisor], INT4, DIVIDES),
    total("/", &[Of(&[INT8]), Divisor], INT8, DIVIDES),
    total("&", &[Of(&[INT4]), Of(&[INT4])], INT4, BITS),
    total("&", &[Of(&[INT8]), Of(INTEGERS)], INT8, BITS),
    total("|", &[Of(&[INT4]), Of(&[INT4])], INT4, BITS),
    total("|", &[Of(&[INT8]), Of(INTEGERS)], INT8, BITS),
    total("<<", &[Of(&[INET]), Of(&[INET, CIDR])], BOOL, "compares addresses"),
    total("<<=", &[Of(&[INET]), Of(&[INET, CIDR])], BOOL, "compares addresses"),
    total(">>", &[Of(&[INET, CIDR]), Of(&[INET])], BOOL, "compares addresses"),
    total(">>=", &[Of(&[INET, CIDR]), Of(&[INET])], BOOL, "compares addresses"),
];

/// Types whose output functions cannot fail, so that a cast to text cannot.
#[rustfmt::skip]
pub(super) const TEXTABLE: &[u32] = &[
    BOOL, CHAR, NAME, INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC, TEXT, BPCHAR, VARCHAR, DATE,
    TIMESTAMP, TIMESTAMPTZ, TIME, TIMETZ, INTERVAL, UUID, JSON, JSONB,
];

/// Casts: from, to, why.
#[rustfmt::skip]
pub(super) const CASTS: &[(&[u32], &[u32], &str)] = &[
    (TEXTABLE, &[TEXT, VARCHAR], "output functions of these types cannot fail"),
    (&[INT2], &[INT4, INT8, NUMERIC, FLOAT4, FLOAT8], "the wider type holds every value"),
    (&[INT4], &[INT8, NUMERIC, FLOAT8], "the wider type holds every value"),
    (&[INT8], &[NUMERIC, FLOAT8], "the wider type holds every value, if less exactly"),
    (&[FLOAT4], &[FLOAT8], "the wider type holds every value"),
    (&[BOOL], &[INT4], "0 or 1"),
    (&[TIMESTAMP, TIMESTAMPTZ], &[DATE], "dates reach further than timestamps"),
];

/// Names that are in `FUNCTIONS`, or count arguments of any type.
pub(super) fn is_listed(name: &str) -> bool {
    COUNTING.contains(&name) || FUNCTIONS.iter().any(|entry| entry.name == name)
}

/// Take anything and look only at whether it is NULL.
pub(super) const COUNTING: &[&str] = &["num_nulls", "num_nonnulls"];

/// The entry that a call means: `None` where no entry covers its arguments.
pub(super) fn entry<'t>(
    list: &'t [Total],
    name: &str,
    arguments: &[(&Expr, &Facts)],
) -> Option<&'t Total> {
    list.iter().filter(|entry| entry.name == name).find(|entry| {
        let fixed = entry.arguments.len();
        let count = arguments.len() == fixed || (entry.variadic && arguments.len() > fixed);
        count
            && arguments.iter().enumerate().all(|(index, (expr, facts))| {
                entry
                    .arguments
                    .get(index)
                    .or(entry.arguments.last())
                    .is_some_and(|argument| fits(*argument, expr, facts))
            })
            // Untyped literals alone tell PostgreSQL nothing of which function is meant: it takes
            // the one over text.
            && (arguments.iter().any(|(_, facts)| matches!(facts.known, KnownType::Type(_)))
                || entry.arguments.iter().all(|argument| match argument {
                    Of(types) => types.contains(&TEXT),
                    Integer(..) | Divisor | Word(_) | Regex => true,
                }))
    })
}

fn fits(argument: Argument, expr: &Expr, facts: &Facts) -> bool {
    if facts.composite {
        return false;
    }
    match argument {
        Of(types) => match facts.known {
            KnownType::Literal => true,
            KnownType::Type(id) => types.contains(&id.0),
            KnownType::Unknown => false,
        },
        Integer(low, high) => literal_integer(expr).is_some_and(|n| (low..=high).contains(&n)),
        Divisor => literal_integer(expr).is_some_and(|n| n != 0 && n != -1),
        Word(words) => matches!(&expr.kind,
            ExprKind::Constant(Constant::String(text)) if words.contains(&text.as_str())),
        Regex => {
            super::describe::is_plain_regex(expr)
                || matches!(&expr.kind,
                    ExprKind::Constant(Constant::String(text)) if is_plain_regex(text))
        }
    }
}

fn literal_integer(expr: &Expr) -> Option<i32> {
    let ExprKind::Constant(Constant::Integer(number)) = &expr.kind else { return None };
    Some(*number)
}

/// A regular expression of plain characters, `.`, simple sets, `*`, `+`, `?` behind one of these, and
/// anchors at the ends. All of them are valid.
pub(super) fn is_plain_regex(text: &str) -> bool {
    const SETS: &[&str] = &["[0-9]", "[a-z]", "[A-Z]", "[a-zA-Z]", "[A-Za-z]", "[a-zA-Z0-9]"];
    if text.len() > 200 {
        return false;
    }
    let text = text.strip_prefix('^').unwrap_or(text);
    let mut rest = text.strip_suffix('$').unwrap_or(text);
    let mut repeatable = false;
    while let Some(first) = rest.chars().next() {
        let set = SETS.iter().find_map(|set| rest.strip_prefix(set));
        let plain = first.is_alphanumeric() || " _-@,:;/=%&'\".".contains(first);
        let repeats = "*+?".contains(first);
        if !plain && set.is_none() && !(repeats && repeatable) {
            return false;
        }
        repeatable = !repeats;
        rest = set.or_else(|| rest.get(first.len_utf8()..)).unwrap_or_default();
    }
    true
}

/// Whether comparing two values of the type cannot fail: one of `COMPARABLE`, an enum, or an array
/// of such.
pub(super) fn is_comparable(catalog: &Catalog, id: TypeId) -> bool {
    let listed = |id: TypeId| COMPARABLE.iter().any(|(known, _)| *known == id.0);
    if listed(id) {
        return true;
    }
    let Some(found) = catalog.sql_type(id) else { return false };
    match found.kind {
        TypeKind::Enum => true,
        TypeKind::Base => found.element.is_some_and(|element| {
            listed(element)
                || catalog.sql_type(element).is_some_and(|found| found.kind == TypeKind::Enum)
        }),
        TypeKind::Composite | TypeKind::Domain | TypeKind::Pseudo | TypeKind::Range => false,
    }
}

/// Whether PostgreSQL has comparisons of its own for two values of the type.
pub(super) fn is_ordered(id: TypeId) -> bool {
    COMPARABLE.iter().any(|(known, _)| *known == id.0)
}

/// `oid` and the `reg*` types: int8 is cast to them implicitly, and that can overflow.
const OIDS: [u32; 12] = [26, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];

/// Whether a comparison of a value of type `from` with one of type `to` can be neither an error nor
/// a call of something that is not built in, as far as `from` decides it.
pub(super) fn compares(catalog: &Catalog, from: TypeId, to: TypeId) -> bool {
    // A number can be too large for a float.
    let overflows = from.0 == NUMERIC && (to.0 == FLOAT4 || to.0 == FLOAT8);
    let widens = OIDS.contains(&to.0) && !OIDS.contains(&from.0);
    is_comparable(catalog, from) && !overflows && !widens
}

/// Casts that cannot fail: widening, and to text.
pub(super) fn is_total_cast(catalog: &Catalog, from: TypeId, to: TypeId) -> bool {
    if from == to {
        return true;
    }
    CASTS.iter().any(|(sources, targets, _)| {
        sources.contains(&from.0) && targets.contains(&to.0)
    })
        // A label is looked up, and is there.
        || ([TEXT, VARCHAR].contains(&to.0)
            && catalog.sql_type(from).is_some_and(|found| found.kind == TypeKind::Enum))
}

#[cfg(test)]
mod tests;
