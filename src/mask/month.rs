//! `month`: the date or time becomes the first day of its month (UTC). For date and timestamp
//! types; what lies before year 1 or is infinite becomes NULL.

use super::{MaskKind, year};

pub(super) const KIND: MaskKind = MaskKind {
    name: "month",
    options: &[],
    strength: 1,
    example: ("", "1990-05-17", "1990-05-01"),
    build: |target, _| year::truncated(target, "month", "day"),
};
