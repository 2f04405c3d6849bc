"""What the Python clients share: statements every one of them runs, and how answers are printed.

A client prints one JSON object, name of the check to answer. The tests run the same client directly
and through rowgate and compare what was printed. Where to connect comes from the PG* variables.
"""

import collections.abc
import datetime
import decimal
import json
import os
import uuid

# name, SQL with named parameters in the style of psycopg, parameters
READS = [
    ("count", "SELECT count(*) FROM crm.account", {}),
    ("star", "SELECT * FROM crm.account ORDER BY id LIMIT 5", {}),
    ("by_key", "SELECT id, name, phone, email FROM crm.account WHERE id = %(id)s", {"id": 1}),
    ("not_mine", "SELECT id, name, phone FROM crm.account WHERE id = %(id)s", {"id": 4}),
    ("like", "SELECT id FROM crm.account WHERE name LIKE %(like)s ORDER BY id", {"like": "%科技%"}),
    (
        "any",
        "SELECT id, stage, tags, attributes, external_id, founded_on, created_at FROM crm.account"
        " WHERE id = ANY(%(ids)s) ORDER BY id",
        {"ids": [1, 2, 3, 41, 81]},
    ),
    (
        "join",
        "SELECT a.id, c.name, c.phone, c.birthday, o.name, o.stage, o.amount FROM crm.account a"
        " JOIN crm.contact c ON c.account_id = a.id LEFT JOIN crm.opportunity o ON o.account_id = a.id"
        " WHERE a.status = %(status)s ORDER BY 1, 2, 5 LIMIT 40",
        {"status": "active"},
    ),
    (
        "group",
        "SELECT a.id, a.name, count(o.id) AS deals, sum(o.amount) FROM crm.account a"
        " LEFT JOIN crm.opportunity o ON o.account_id = a.id GROUP BY a.id ORDER BY deals DESC, a.id LIMIT 15",
        {},
    ),
    (
        "window",
        "SELECT id, stage, row_number() OVER (PARTITION BY stage ORDER BY amount DESC, id) FROM crm.opportunity"
        " ORDER BY stage, 3 LIMIT 30",
        {},
    ),
    (
        "cte",
        "WITH mine AS (SELECT id, department_id FROM crm.account), big AS (SELECT * FROM mine WHERE id > %(id)s)"
        " SELECT department_id, count(*) FROM big GROUP BY 1 ORDER BY 1 NULLS LAST",
        {"id": 100},
    ),
    ("chinese", "SELECT 编号, 名称, 电话, 等级 FROM crm.客户 ORDER BY 编号 LIMIT 10", {}),
    ("mixed_case", 'SELECT "Id", "Name", "Stage", "Amount" FROM crm."Opportunities" ORDER BY "Id" LIMIT 10', {}),
    ("partitions", "SELECT date_trunc('month', occurred_at) AS m, count(*) FROM crm.activity GROUP BY m ORDER BY m", {}),
    ("partition", "SELECT count(*), min(id) FROM crm.activity_2026_03", {}),
    ("inheritance", "SELECT count(*), max(id) FROM crm.remark", {}),
    ("function", "SELECT crm.fmt_phone(phone) FROM crm.account ORDER BY id LIMIT 3", {}),
    ("no_table", "SELECT 1 + 1, 'x'::text, NULL::int, now() IS NOT NULL", {}),
]


def plain(value):
    """A value as JSON can hold it, with its type where that matters."""
    if isinstance(value, (datetime.datetime, datetime.date, decimal.Decimal, uuid.UUID)):
        return f"{type(value).__name__} {value}"
    if isinstance(value, datetime.timedelta):
        return f"timedelta {value.total_seconds()}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, collections.abc.Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def show(answers):
    print(json.dumps({name: plain(value) for name, value in answers.items()}, ensure_ascii=False, sort_keys=True))


def restricted():
    """Whether the login is one whose writes outside its rows are refused."""
    return os.environ.get("EXPECT_REFUSALS") == "1"


# Statements that a representative must not get through.
REFUSED = [
    ("delete", "DELETE FROM crm.account WHERE id = 1"),
    ("steal", "UPDATE crm.account SET owner_id = 104 WHERE id = 4"),
    ("give_away", "INSERT INTO crm.account (name, owner_id) VALUES ('x', 103)"),
    ("denied_column", "SELECT internal_score FROM crm.account"),
    ("other_table", "SELECT * FROM crm.payment"),
    ("authid", "SELECT rolpassword FROM pg_catalog.pg_authid"),
    ("file", "SELECT pg_read_file('/etc/passwd')"),
]
