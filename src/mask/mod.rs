//! Column masks: what a reader sees instead of a value. One mask per file, listed in [`MASKS`];
//! a file's doc comment is its user page. Pure: a mask is an SQL expression over the row.
//!
//! A mask has the column's own type, never fails on any value, and depends on nothing but the
//! row, its options and the gateway's hash key.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod bucket;
mod constant;
mod custom;
mod email;
mod hash;
mod month;
mod null;
mod partial;
mod round;
mod year;

use sqlparser::ast::{CharacterLength, DataType, ExactNumberInfo, Expr};

use crate::catalog::{Catalog, Column, PG_CATALOG};
use crate::policy::syntax;

/// One kind of mask.
#[derive(Debug, Clone, Copy)]
pub struct MaskKind {
    /// The word after `kind:`.
    pub name: &'static str,
    /// The options it takes.
    pub options: &'static [&'static str],
    /// How much it hides: of two masks the weaker has the smaller number. Clear is 0.
    pub strength: u8,
    /// An example for the documentation: options, value, what is seen.
    pub example: (&'static str, &'static str, &'static str),
    /// Makes the expression; the error says why it cannot.
    build: fn(&Target<'_>, &Options<'_>) -> Result<Expr, String>,
}

/// Every mask.
pub const MASKS: [MaskKind; 10] = [
    null::KIND,
    constant::KIND,
    partial::KIND,
    email::KIND,
    hash::KIND,
    year::KIND,
    month::KIND,
    round::KIND,
    bucket::KIND,
    custom::KIND,
];

/// The options of one mask as the policy writes them.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a>(pub &'a [(&'a str, &'a str)]);

impl<'a> Options<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn number(&self, name: &str, otherwise: Option<i64>) -> Result<i64, String> {
        match (self.text(name), otherwise) {
            (Some(text), _) => match text.parse::<i64>() {
                Ok(number) if (0..=1_000_000_000).contains(&number) => Ok(number),
                _ => Err(format!("`{name}` is a whole number from 0, not `{text}`")),
            },
            (None, Some(number)) => Ok(number),
            (None, None) => Err(format!("`{name}` is missing")),
        }
    }
}

/// The masked column.
#[derive(Debug)]
pub struct Target<'a> {
    /// Its name.
    pub name: &'a str,
    /// What kind of values it holds.
    pub family: Family,
    /// Its declared type with length or precision.
    pub data_type: DataType,
    /// The secret of keyed masks, as text.
    pub hash_key: Expr,
    /// The compiled `sql` option of a custom mask.
    pub custom: Option<Expr>,
}

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `text`, `varchar`, `bpchar`; the most characters it can hold.
    Text(Option<u64>),
    /// `int2`, `int4`, `int8`
    Integer,
    /// `numeric`
    Numeric,
    /// `float4`, `float8`
    Float,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `bool`
    Boolean,
    /// `uuid`
    Uuid,
    /// Anything else.
    Other,
}

impl Target<'_> {
    fn column(&self) -> Expr {
        syntax::row(self.name)
    }

    /// The value as text.
    fn as_text(&self) -> Expr {
        syntax::cast(self.column(), syntax::builtin("text"))
    }

    fn wrong_type(&self, needs: &str) -> String {
        format!("this mask needs {needs}; `{}` is {}", self.name, self.data_type)
    }
}

/// The mask of that kind.
pub fn kind_named(name: &str) -> Option<&'static MaskKind> {
    MASKS.iter().find(|kind| kind.name == name)
}

/// Makes a mask's expression, cast to the column's own type.
pub fn build(kind: &MaskKind, target: &Target<'_>, options: Options<'_>) -> Result<Expr, String> {
    let expr = (kind.build)(target, &options)?;
    Ok(syntax::cast(expr, target.data_type.clone()))
}

/// The declared type of a column, with its length or precision, and the kind of its values.
pub fn declared_type(catalog: &Catalog, column: &Column) -> Option<(DataType, Family)> {
    let declared = catalog.sql_type(column.type_id)?;
    if &*declared.schema != PG_CATALOG {
        // A cast to a domain checks its constraints, and a mask could fail them.
        let data_type = syntax::type_name(&declared.schema, &declared.name);
        return Some((data_type, Family::Other));
    }
    if let Some(element) = declared.element.and_then(|id| catalog.sql_type(id))
        && declared.category == 'A'
    {
        let element = syntax::type_name(&element.schema, &element.name);
        return Some((syntax::array_of(element), Family::Other));
    }
    // PostgreSQL stores lengths with 4 bytes of header added (src/backend/utils/adt/varchar.c).
    let length = u64::try_from(column.typmod - 4).ok().filter(|_| column.typmod >= 4);
    let sized = length.map(|length| CharacterLength::IntegerLength { length, unit: None });
    let plain = || syntax::builtin(&declared.name);
    Some(match &*declared.name {
        "varchar" => (DataType::CharacterVarying(sized), Family::Text(length)),
        "bpchar" if sized.is_some() => (DataType::Character(sized), Family::Text(length)),
        "text" | "bpchar" => (plain(), Family::Text(None)),
        "int2" | "int4" | "int8" => (plain(), Family::Integer),
        "numeric" => (numeric(column.typmod), Family::Numeric),
        "float4" | "float8" => (plain(), Family::Float),
        "date" => (plain(), Family::Date),
        "timestamp" => (plain(), Family::Timestamp),
        "timestamptz" => (plain(), Family::TimestampTz),
        "bool" => (plain(), Family::Boolean),
        "uuid" => (plain(), Family::Uuid),
        _ => (plain(), Family::Other),
    })
}

/// `numeric(p,s)` from its type modifier (src/backend/utils/adt/numeric.c); a scale that the
/// syntax tree cannot hold leaves the plain type.
fn numeric(typmod: i32) -> DataType {
    let packed = typmod - 4;
    if typmod < 4 {
        return syntax::builtin("numeric");
    }
    let precision = u64::try_from((packed >> 16) & 0xffff).unwrap_or(0);
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    match u64::try_from(scale) {
        Ok(scale) => {
            let scale = i64::try_from(scale).unwrap_or(0);
            DataType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, scale))
        }
        Err(_) => syntax::builtin("numeric"),
    }
}

#[cfg(test)]
mod tests;
