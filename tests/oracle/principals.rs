//! Who asks, and the policy of `policy.yaml` written a second time by hand: as row security and
//! masking views. Nothing here is made from the YAML.

use rowgate::ids::{Login, RoleName};
use rowgate::policy::PersonFacts;

/// A column that this person does not see as it is stored.
pub(crate) struct Hidden {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// What is seen instead; `None`: the column does not exist for this person.
    pub(crate) mask: Option<&'static str>,
    /// Another value that looks the same through the mask. Over the row's columns.
    pub(crate) other: &'static str,
}

/// What the person may do with a table, each as a condition over its row.
pub(crate) struct Rows {
    pub(crate) table: &'static str,
    pub(crate) read: &'static str,
    pub(crate) insert: Option<&'static str>,
    pub(crate) update: Option<&'static str>,
    pub(crate) delete: Option<&'static str>,
}

pub(crate) struct Principal {
    pub(crate) name: &'static str,
    pub(crate) facts: fn() -> PersonFacts,
    pub(crate) rows: &'static [Rows],
    pub(crate) hidden: &'static [Hidden],
}

impl Principal {
    pub(crate) fn may_read(&self, table: &str) -> bool {
        self.rows.iter().any(|rows| rows.table == table)
    }

    pub(crate) fn denied(&self, table: &str, column: &str) -> bool {
        self.hidden
            .iter()
            .any(|hidden| hidden.table == table && hidden.column == column && hidden.mask.is_none())
    }

    pub(crate) fn hides_part_of(&self, table: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden.table == table)
    }
}

const fn reads(table: &'static str, read: &'static str) -> Rows {
    Rows { table, read, insert: None, update: None, delete: None }
}

const fn writes(table: &'static str, all: &'static str) -> Rows {
    Rows { table, read: all, insert: Some(all), update: Some(all), delete: Some(all) }
}

const fn denied(table: &'static str, column: &'static str, other: &'static str) -> Hidden {
    Hidden { table, column, mask: None, other }
}

const fn masked(
    table: &'static str,
    column: &'static str,
    mask: &'static str,
    other: &'static str,
) -> Hidden {
    Hidden { table, column, mask: Some(mask), other }
}

const PHONE: &str = "(CASE WHEN length(phone) <= 7 THEN repeat('*', length(phone)) ELSE \
    left(phone, 3) || repeat('*', length(phone) - 7) || right(phone, 4) END)::varchar(20)";
const OTHER_PHONE: &str = "CASE WHEN length(phone) <= 7 THEN repeat('0', length(phone)) ELSE \
    left(phone, 3) || repeat('0', length(phone) - 7) || right(phone, 4) END";
const MOBILE: &str = "NULL::crm.phone_number";
const OTHER_MOBILE: &str = "CASE WHEN id % 2 = 0 THEN '0' ELSE NULL END";
const EMAIL: &str = "CASE WHEN strpos(email, '@') > 1 THEN left(email, 1) || '***' || \
    substr(email, strpos(email, '@')) ELSE repeat('*', length(email)) END";
const OTHER_EMAIL: &str = "CASE WHEN strpos(email, '@') > 1 THEN left(email, 1) || '0' || \
    substr(email, strpos(email, '@')) ELSE repeat('0', length(email)) END";
const BIRTHDAY: &str = "date_trunc('year', birthday)::date";
const OTHER_BIRTHDAY: &str = "date_trunc('year', birthday)::date + 3";

fn person(login: &str, id: &str, roles: &[&str]) -> PersonFacts {
    PersonFacts {
        id: Some(id.to_owned()),
        roles: roles.iter().map(|role| RoleName::from(*role)).collect(),
        ..PersonFacts::new(Login::from(login))
    }
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

pub(crate) const PRINCIPALS: &[Principal] = &[
    Principal {
        name: "own_rows",
        facts: || person("alice", "104", &["rep"]),
        rows: &[
            writes("account", "owner_id = 104"),
            writes("contact", "owner_id = 104"),
            writes("event", "owner_id = 104"),
            writes("remark", "owner_id = 104"),
            reads("product", "true"),
        ],
        hidden: &[
            masked("account", "phone", PHONE, OTHER_PHONE),
            masked("account", "mobile", MOBILE, OTHER_MOBILE),
            denied("account", "secret", "42"),
        ],
    },
    Principal {
        name: "department",
        facts: || PersonFacts {
            department: Some("2".to_owned()),
            departments: strings(&["2"]),
            departments_below: strings(&["2", "21", "22"]),
            department_members: strings(&["102"]),
            department_below_members: strings(&["102", "103", "104"]),
            ..person("bob", "102", &["manager"])
        },
        rows: &[
            writes("account", "department_id IN (2, 21, 22)"),
            writes("contact", "owner_id IN (102, 103, 104)"),
            writes("event", "owner_id IN (102, 103, 104)"),
            writes("remark", "owner_id IN (102, 103, 104)"),
            reads("product", "true"),
        ],
        hidden: &[],
    },
    Principal {
        name: "all_masked",
        facts: || person("grace", "101", &["viewer"]),
        rows: &[
            reads("account", "true"),
            reads("contact", "true"),
            reads("event", "true"),
            reads("remark", "true"),
            reads("product", "true"),
        ],
        hidden: &[
            masked("account", "phone", PHONE, OTHER_PHONE),
            masked("account", "mobile", MOBILE, OTHER_MOBILE),
            masked("account", "email", EMAIL, OTHER_EMAIL),
            masked(
                "account",
                "amount",
                "(trunc(amount / 1000) * 1000)::numeric(12,2)",
                "trunc(amount / 1000) * 1000 + CASE WHEN amount < 1000 THEN 0 ELSE 42 END",
            ),
            masked("contact", "email", EMAIL, OTHER_EMAIL),
            masked("contact", "birthday", BIRTHDAY, OTHER_BIRTHDAY),
            masked("remark", "body", "'(remark)'::text", "'x' || id"),
        ],
    },
    Principal {
        name: "analyst",
        facts: || person("dave", "108", &["analyst"]),
        rows: &[reads("account", "active"), reads("event", "true"), reads("product", "true")],
        hidden: &[
            denied("account", "phone", "'x'"),
            denied("account", "email", "'x'"),
            denied("account", "mobile", "'0'"),
            denied("account", "secret", "0"),
            denied("account", "token", "NULL"),
        ],
    },
    Principal {
        name: "several_roles",
        facts: || PersonFacts {
            department: Some("22".to_owned()),
            departments: strings(&["22"]),
            departments_below: strings(&["22"]),
            department_members: strings(&["103", "105"]),
            department_below_members: strings(&["103", "105"]),
            ..person("carol", "103", &["rep", "department_viewer"])
        },
        rows: &[
            Rows {
                table: "account",
                read: "owner_id = 103 OR department_id = 22",
                insert: Some("owner_id = 103"),
                update: Some("owner_id = 103"),
                delete: Some("owner_id = 103"),
            },
            Rows {
                table: "contact",
                read: "owner_id IN (103, 105)",
                insert: Some("owner_id = 103"),
                update: Some("owner_id = 103"),
                delete: Some("owner_id = 103"),
            },
            Rows {
                table: "event",
                read: "owner_id IN (103, 105)",
                insert: Some("owner_id = 103"),
                update: Some("owner_id = 103"),
                delete: Some("owner_id = 103"),
            },
            writes("remark", "owner_id = 103"),
            reads("product", "true"),
        ],
        hidden: &[
            masked("account", "phone", PHONE, OTHER_PHONE),
            masked("account", "mobile", MOBILE, OTHER_MOBILE),
            masked(
                "account",
                "email",
                "CASE WHEN owner_id = 103 THEN email WHEN strpos(email, '@') > 1 THEN \
                 left(email, 1) || '***' || substr(email, strpos(email, '@')) \
                 ELSE repeat('*', length(email)) END",
                "CASE WHEN owner_id = 103 THEN email WHEN strpos(email, '@') > 1 THEN \
                 left(email, 1) || '0' || substr(email, strpos(email, '@')) \
                 ELSE repeat('0', length(email)) END",
            ),
            masked(
                "account",
                "amount",
                "CASE WHEN owner_id = 103 THEN amount END",
                "CASE WHEN owner_id = 103 THEN amount ELSE 42 END",
            ),
            masked(
                "contact",
                "email",
                "CASE WHEN owner_id = 103 THEN email WHEN strpos(email, '@') > 1 THEN \
                 left(email, 1) || '***' || substr(email, strpos(email, '@')) \
                 ELSE repeat('*', length(email)) END",
                "CASE WHEN owner_id = 103 THEN email WHEN strpos(email, '@') > 1 THEN \
                 left(email, 1) || '0' || substr(email, strpos(email, '@')) \
                 ELSE repeat('0', length(email)) END",
            ),
            masked(
                "contact",
                "birthday",
                "CASE WHEN owner_id = 103 THEN birthday ELSE date_trunc('year', birthday)::date END",
                "CASE WHEN owner_id = 103 THEN birthday \
                 ELSE date_trunc('year', birthday)::date + 3 END",
            ),
            denied("account", "secret", "42"),
        ],
    },
    Principal {
        name: "team_and_shared",
        facts: || PersonFacts { teams: strings(&["7"]), ..person("erin", "105", &["mate"]) },
        rows: &[
            Rows {
                table: "account",
                read: "owner_id = 105 \
                    OR id IN (SELECT t.account_id FROM crm.account_team t WHERE t.user_id = 105) \
                    OR id IN (SELECT s.record_id FROM crm.record_share s \
                        WHERE s.object = 'account' AND (s.expires_at IS NULL OR s.expires_at > now()) \
                          AND s.principal IN ('user:105', 'team:7', 'role:mate', 'everyone'))",
                insert: None,
                update: Some(
                    "owner_id = 105 \
                    OR id IN (SELECT s.record_id FROM crm.record_share s \
                        WHERE s.object = 'account' AND (s.expires_at IS NULL OR s.expires_at > now()) \
                          AND s.principal IN ('user:105', 'team:7', 'role:mate', 'everyone') \
                          AND s.level IN ('write', 'edit', 'full'))",
                ),
                delete: None,
            },
            reads(
                "contact",
                "owner_id = 105 OR EXISTS (SELECT FROM crm.account a WHERE a.id = contact.account_id)",
            ),
            reads("event", "owner_id = 105"),
            reads("remark", "owner_id = 105"),
            reads("product", "true"),
        ],
        hidden: &[],
    },
];
