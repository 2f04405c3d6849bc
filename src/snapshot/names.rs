//! Whether names still mean what they mean in the catalogue in force: how long ago the database
//! said so, and which relations have changed since, where the policy does not fit what they are now.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::error::{Refusal, SqlState};
use crate::ids::RelationId;
use crate::rewrite::Touched;

/// For how long a picture of the catalogue is good after the database has confirmed it, in seconds.
const GOOD_FOR: i64 = 15;

#[derive(Debug)]
pub(super) struct Names {
    /// The second of the last confirmation.
    confirmed: AtomicI64,
    /// `None` while the policy fits.
    moved: ArcSwapOption<HashSet<RelationId>>,
}

impl Names {
    pub(super) fn confirmed(now: Timestamp) -> Self {
        Self { confirmed: AtomicI64::new(now.as_second()), moved: ArcSwapOption::empty() }
    }

    pub(super) fn confirm(&self, now: Timestamp) {
        self.confirmed.store(now.as_second(), Ordering::Relaxed);
    }

    /// These relations are not what they were; none when the policy fits.
    pub(super) fn moved(&self, relations: HashSet<RelationId>) {
        self.moved.store((!relations.is_empty()).then(|| Arc::new(relations)));
    }

    pub(super) fn hold(&self, touched: &[Touched], now: Timestamp) -> Result<(), Refusal> {
        if touched.is_empty() {
            return Ok(());
        }
        let age = now.as_second().saturating_sub(self.confirmed.load(Ordering::Relaxed));
        if age > GOOD_FOR {
            return Err(Refusal::new(
                SqlState::CANNOT_CONNECT_NOW,
                "the database's catalogue cannot be read at the moment",
                "names are not trusted to mean what they meant",
            ));
        }
        let moved = self.moved.load();
        let Some(moved) = moved.as_ref() else { return Ok(()) };
        match touched.iter().find(|touched| depends(touched, moved)) {
            None => Ok(()),
            Some(touched) => Err(Refusal::new(
                SqlState("55000"),
                format!("relation \"{}\" has changed", touched.name),
                "the policy does not fit the schema of the database any more",
            )),
        }
    }
}

/// Whether a relation, or one that its rules may read in a sub-select or a mask, has changed.
fn depends(touched: &Touched, moved: &HashSet<RelationId>) -> bool {
    moved.contains(&touched.relation)
        || touched.filter.to_ascii_lowercase().contains("select")
        || touched.masks.iter().any(|mask| mask.contains("custom"))
}
