//! `custom`: an SQL expression over the row's columns and `:user.*` in `sql`; its result is cast to
//! the column's type. Where an identity value it needs is missing, the column is NULL.

use super::MaskKind;

pub(super) const KIND: MaskKind = MaskKind {
    name: "custom",
    options: &["sql"],
    strength: 4,
    example: ("sql: \"upper(left(name, 1))\"", "alice", "A"),
    build: |target, _| target.custom.clone().ok_or_else(|| "`sql` is missing".to_owned()),
};
