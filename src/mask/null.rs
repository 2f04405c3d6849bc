//! `"null"`: nothing is seen. For every type; write the word in quotes, YAML reads it otherwise as
//! no value.

use super::MaskKind;
use crate::policy::syntax;

pub(super) const KIND: MaskKind = MaskKind {
    name: "null",
    options: &[],
    strength: 6,
    example: ("", "13812345678", "NULL"),
    build: |_, _| Ok(syntax::null()),
};
