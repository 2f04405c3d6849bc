//! `bucket`: the number becomes the lower end (towards zero) of the range of `width` it lies in:
//! with width 10, all of 30 to 39 is 30. For numbers; `width` has to be said.

use super::{MaskKind, round};

pub(super) const KIND: MaskKind = MaskKind {
    name: "bucket",
    options: &["width"],
    strength: 3,
    example: ("width: 10", "37", "30"),
    build: |target, options| round::multiple(target, options.number("width", None)?),
};
