//! `constant`: everybody sees `value`, whatever is stored. The value has to be of the column's
//! type and fit it. NULL becomes the value too, so that nobody sees which rows are empty.

use super::{Family, MaskKind};
use crate::policy::syntax;

pub(super) const KIND: MaskKind = MaskKind {
    name: "constant",
    options: &["value"],
    strength: 5,
    example: ("value: hidden", "Alice", "hidden"),
    build: |target, options| {
        let value = options.text("value").ok_or("`value` is missing")?;
        if !syntax::is_plain(value) {
            return Err("`value` must not hold backslashes or doubled quotes".to_owned());
        }
        let fits = match target.family {
            Family::Text(None) => true,
            Family::Text(Some(length)) => value.chars().count() as u64 <= length,
            Family::Integer => value.parse::<i16>().is_ok(),
            Family::Numeric | Family::Float => value == "0" || value == "-1" || value == "1",
            Family::Date | Family::Timestamp | Family::TimestampTz => {
                value.parse::<jiff::civil::Date>().is_ok()
            }
            Family::Boolean => matches!(value, "true" | "false"),
            Family::Uuid => {
                value.len() == 36 && value.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
            }
            Family::Other => false,
        };
        if !fits {
            return Err(target.wrong_type(&format!("a column that can hold `{value}`")));
        }
        Ok(syntax::text(value))
    },
};
