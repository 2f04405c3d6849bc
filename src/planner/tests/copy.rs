//! COPY FROM STDIN whose rows are judged when they are stored.

use super::{World, catalog, plan, world_as};
use crate::error::Refusal;
use crate::planner::Protocol;

/// Rows of `note` may be written where a sub-select says so.
const GRANTED: &str = r#"      - tables: [crm.note]
        create: { scope: all, where: "id in (select account_id from crm.contact where owner_id = :user.id)" }
"#;

fn copier() -> World {
    world_as(catalog(), GRANTED)
}

fn refused(protocol: Protocol<'_>, sql: &str) -> Refusal {
    plan(&copier(), protocol, sql).expect_err(sql)
}

#[test]
fn a_check_with_a_sub_select_judges_rows_before_they_are_stored() {
    let text = |sql: &str| {
        let text = plan(&copier(), Protocol::Simple, sql).unwrap_or_else(|r| panic!("{sql}: {r}"));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(text("COPY note (id, day) FROM STDIN WITH (FORMAT csv)"));
    insta::assert_snapshot!(text("COPY crm.note FROM STDIN WHERE id = 1 OR note.day IS NULL -- ;"));
}

#[test]
fn what_cannot_be_kept_on_the_way_is_lost() {
    for sql in [
        "COPY note (id, day) FROM STDIN WHERE tags IS NULL",
        "COPY note FROM STDIN WITH (DEFAULT 'x')",
        "COPY note FROM STDIN WITH (FREEZE)",
    ] {
        assert_eq!(refused(Protocol::Simple, sql).sqlstate.0, "0A000", "{sql}");
    }
    let extended = Protocol::Extended { declared: &[] };
    assert_eq!(refused(extended, "COPY note FROM STDIN").sqlstate.0, "0A000");
}
