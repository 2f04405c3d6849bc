"""What a rewritten statement costs in the database: rowgate's text, hand-written SQL with the same
predicate, and native row-level security, on a million rows.

The texts are those of `rowgate explain`, the native policies those of `rowgate export rls`. Each is run with EXPLAIN (ANALYZE, BUFFERS), directly and in
turn; reported are ratios within a round, rows and buffers. Nothing goes through the gateway here: how
much the gateway itself costs is what compare.py measures.

    python3 bench/rewritten.py [--rounds 18] [--rows 1000000]
"""

import argparse
import itertools
import json
import sys

import stage
from stage import Stage, median, spread

# Narrow: one of 2,000 owners. Wide: a department with 50 of 100 departments below it.
POLICY = """
tables:
  crm.account: { owner: owner_id, department: department_id, tags: { phone: pii.phone } }
  crm.contact: { owner: owner_id, department: department_id, tags: { phone: pii.phone } }
  crm.deal: { owner: owner_id, department: department_id }
masks:
  pii.phone: { kind: partial, first: 3, last: 4 }
roles:
  narrow:
    grants:
      - tables: ["crm.account", "crm.contact", "crm.deal"]
        read: { scope: self }
  wide:
    grants:
      - tables: ["crm.account", "crm.contact", "crm.deal"]
        read: { scope: department_and_below }
"""
OWNER = 104
DEPARTMENTS = list(range(1, 51))

TABLES = """
CREATE SCHEMA crm;
CREATE TABLE crm.account (id int PRIMARY KEY, name text NOT NULL, phone text NOT NULL,
    region text NOT NULL, amount numeric NOT NULL, created_at timestamptz NOT NULL,
    owner_id int NOT NULL, department_id int NOT NULL);
CREATE TABLE crm.contact (id int PRIMARY KEY, account_id int NOT NULL, name text NOT NULL,
    phone text NOT NULL, owner_id int NOT NULL, department_id int NOT NULL);
CREATE TABLE crm.deal (id int PRIMARY KEY, account_id int NOT NULL, amount numeric NOT NULL,
    stage text NOT NULL, owner_id int NOT NULL, department_id int NOT NULL);
INSERT INTO crm.account SELECT i, 'Account ' || md5(i::text), '138' || lpad(i::text, 8, '0'),
    (ARRAY['north','south','east','west'])[1 + (i % 4)::int], (i * 7919 % 100000)::numeric,
    timestamptz '2024-01-01' + (i * 7907 % 1000000) * interval '1 minute',
    1 + i % 2000, 1 + i % 2000 % 100 FROM generate_series(1::bigint, {rows}) AS i;
INSERT INTO crm.contact SELECT i, a, 'Contact ' || md5(i::text), '139' || lpad(i::text, 8, '0'),
    1 + a % 2000, 1 + a % 2000 % 100
    FROM (SELECT i, 1 + i * 3 % {rows} AS a FROM generate_series(1::bigint, {third}) AS i) AS s;
INSERT INTO crm.deal SELECT i, a, (i * 7919 % 50000)::numeric,
    (ARRAY['new','open','won','lost'])[1 + i % 4], 1 + a % 2000, 1 + a % 2000 % 100
    FROM (SELECT i, 1 + i * 3 % {rows} AS a FROM generate_series(1::bigint, {third}) AS i) AS s;
CREATE INDEX ON crm.account (owner_id, created_at);
CREATE INDEX ON crm.account (department_id);
CREATE INDEX ON crm.account (created_at);
CREATE INDEX ON crm.contact (account_id);
CREATE INDEX ON crm.contact (owner_id);
CREATE INDEX ON crm.deal (account_id);
CREATE INDEX ON crm.deal (owner_id);
GRANT USAGE ON SCHEMA crm TO app;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO app;
"""

# {a}, {c}, {d}: the predicate on that relation, ANDed; the client's own text has TRUE there.
SHAPES = {
    "key lookup": "SELECT a.id, a.name, a.amount FROM crm.account AS a WHERE a.id = {key} AND {a}",
    "newest with LIMIT": "SELECT a.id, a.name FROM crm.account AS a WHERE {a} "
    "ORDER BY a.created_at DESC LIMIT 20",
    "count": "SELECT count(*) FROM crm.account AS a WHERE {a}",
    "LIKE": "SELECT a.id, a.name FROM crm.account AS a WHERE a.name LIKE '%abcd%' AND {a}",
    "LIKE, most match": "SELECT count(*) FROM crm.account AS a WHERE a.name LIKE '%f%' AND {a}",
    "range": "SELECT a.id, a.amount FROM crm.account AS a WHERE a.created_at >= '2024-03-01' "
    "AND a.created_at < '2024-03-15' AND {a}",
    "numeric range": "SELECT a.id, a.amount FROM crm.account AS a WHERE a.amount >= 40000.5 "
    "AND a.amount < 41000 AND {a}",
    "largest with LIMIT": "SELECT a.id, a.amount FROM crm.account AS a WHERE {a} "
    "ORDER BY a.amount DESC, a.id LIMIT 20",
    "join of two": "SELECT a.id, a.name, c.name FROM crm.account AS a JOIN crm.contact AS c "
    "ON c.account_id = a.id WHERE a.created_at >= '2024-03-01' AND a.created_at < '2024-03-15' "
    "AND {a} AND {c}",
    "join of three": "SELECT a.id, c.name, d.amount FROM crm.account AS a JOIN crm.contact AS c "
    "ON c.account_id = a.id JOIN crm.deal AS d ON d.account_id = a.id WHERE d.stage = 'won' "
    "AND a.created_at >= '2024-03-01' AND a.created_at < '2024-03-15' AND {a} AND {c} AND {d}",
    "join of three, all": "SELECT count(*), sum(d.amount) FROM crm.account AS a JOIN crm.contact "
    "AS c ON c.account_id = a.id JOIN crm.deal AS d ON d.account_id = a.id "
    "WHERE d.amount >= 10000.5 AND {a} AND {c} AND {d}",
    "group by": "SELECT a.region, count(*), sum(a.amount) FROM crm.account AS a WHERE {a} "
    "GROUP BY a.region ORDER BY a.region",
}
LOGINS = {"narrow": "alice", "wide": "bob"}


def predicate(scope, alias):
    if scope == "narrow":
        return f"{alias}.owner_id = {OWNER}"
    numbers = ",".join(map(str, DEPARTMENTS))
    return f"{alias}.department_id = ANY ('{{{numbers}}}'::int[])"


def directory():
    verifier = stage.verifier()
    lines = ["users:"]
    for login, number, role, department in (("alice", OWNER, "narrow", 77), ("bob", 2, "wide", 1)):
        lines.append(f"  - {{ login: {login}, id: {number}, roles: [{role}], "
                     f'department: {department}, password: "{verifier}" }}')
    lines.append("departments:\n  - { id: 1, name: Sales }")
    lines += [f"  - {{ id: {number}, parent: 1, name: Sales {number} }}"
              for number in DEPARTMENTS[1:]]
    lines.append("  - { id: 77, name: Other }")
    return "\n".join(lines) + "\n"


def texts(config, scope):
    """Of each shape: rowgate's, the hand-written and the application's text."""
    # A key that is in both scopes.
    key = OWNER - 1 + (2000 * 7)
    made = {}
    for name, shape in SHAPES.items():
        own = {alias: predicate(scope, alias) for alias in "acd"}
        plain = shape.format(key=key, a="TRUE", c="TRUE", d="TRUE")
        plain = plain.replace(" WHERE TRUE AND TRUE AND TRUE", "").replace(" AND TRUE", "")
        plain = plain.replace(" WHERE TRUE", "")
        made[name] = {
            "rowgate": stage.explain(config, LOGINS[scope], plain),
            "hand-written": shape.format(key=key, **own),
            "native RLS": plain,
        }
    return made


def script(made, scope, rounds, times):
    """One session: every statement of every contender in turn, `rounds` times. Each order of the
    contenders comes equally often: the first one after another shape finds colder caches. Short
    statements are run several times in a turn."""
    orders = list(itertools.permutations(("rowgate", "hand-written", "native RLS")))
    yield "SET client_min_messages = error;\n"
    for number in range(rounds):
        for shape, contenders in made.items():
            for contender in orders[number % len(orders)]:
                text = contenders[contender].rstrip().rstrip(";")
                role = LOGINS[scope] if contender == "native RLS" else "app"
                yield f"SET ROLE {role};\n"
                for _ in range(times[shape]):
                    yield (f"\\echo === {json.dumps([number, shape, contender])}\n"
                           f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {text};\n")


def run(on, lines):
    return measure(on.psql("".join(lines), database="bench"))


def measure(output):
    """Per shape and contender: of each round the execution and the whole time in ms, medians of a
    turn; buffers, rows and plan nodes."""
    turns = {}
    found = {}
    for block in output.split("=== ")[1:]:
        head, body = block.split("\n", 1)
        number, shape, contender = json.loads(head)
        plan = json.loads(body)[0]
        run = plan["Execution Time"]
        turn = turns.setdefault((shape, contender), {}).setdefault(number, ([], []))
        turn[0].append(run)
        turn[1].append(run + plan["Planning Time"])
        top = plan["Plan"]
        found[shape, contender] = {
            "buffers": top["Shared Hit Blocks"] + top["Shared Read Blocks"],
            "rows": top["Actual Rows"],
            "nodes": nodes(top),
        }
    for key, rounds in turns.items():
        found[key]["run"] = [median(run) for run, _ in rounds.values()]
        found[key]["whole"] = [median(whole) for _, whole in rounds.values()]
    return found


def repetitions(found):
    """How often a statement runs in a turn: about 20 ms, 15 times at most."""
    longest = {}
    for (shape, _), figures in found.items():
        longest[shape] = max(longest.get(shape, 0), *figures["whole"])
    return {shape: max(1, min(15, int(20 / whole))) for shape, whole in longest.items()}


def nodes(plan):
    inner = [nodes(child) for child in plan.get("Plans", [])]
    name = plan["Node Type"].replace("Bitmap ", "Bitmap")
    return f"{name}({', '.join(inner)})" if inner else name


def main():
    parser = argparse.ArgumentParser(description="Rewritten statements in the database")
    parser.add_argument("--rounds", type=int, default=18)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    description = stage.machine()
    lines = [
        "# Rewritten statements in the database", "",
        f"{description}. {options.rows} rows, {options.rounds} rounds in turn after two to warm "
        "up. Times are ratios to the hand-written SQL in the same round (median, and lowest to "
        "highest); whole = planning and execution. What takes less than 10 ms runs up to 15 times "
        "in a turn, and the median of the turn counts.", "",
        "| scope | shape | rows | rowgate, whole | rowgate, execution | native RLS, whole "
        "| buffers: hand, rowgate, RLS | same plan as hand | hand-written ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    with Stage() as on:
        on.psql("CREATE ROLE app LOGIN PASSWORD 'bench'")
        on.psql("CREATE DATABASE bench")
        on.psql(TABLES.format(rows=options.rows, third=options.rows // 3), database="bench")
        _, _, config = on.start_rowgate("bench", POLICY, directory(), "write", 4, "alice")
        plans = {scope: texts(config, scope) for scope in LOGINS}
        on.psql(stage.exported(config), database="bench")
        on.psql("VACUUM (ANALYZE, FREEZE) crm.account, crm.contact, crm.deal", database="bench")
        for scope, made in plans.items():
            # The first run fills the server's buffers.
            times = repetitions(run(on, script(made, scope, 2, dict.fromkeys(SHAPES, 1))))
            found = run(on, script(made, scope, options.rounds, times))
            lines += [row(scope, shape, found) for shape in SHAPES]
            print(f"{scope}: done", file=sys.stderr)
    stage.write_report("rewritten.md", "\n".join(lines) + "\n")


def row(scope, shape, found):
    hand, ours, native = (found[shape, name] for name in ("hand-written", "rowgate", "native RLS"))
    if not hand["rows"] == ours["rows"] == native["rows"]:
        sys.exit(f"{scope} {shape}: different answers: {hand}, {ours}, {native}")

    def ratio(mine, theirs):
        return [a / b for a, b in zip(mine, theirs)]

    same = "yes" if hand["nodes"] == ours["nodes"] else f"no: {ours['nodes']} for {hand['nodes']}"
    return (f"| {scope} | {shape} | {hand['rows']} | {spread(ratio(ours['whole'], hand['whole']))} "
            f"| {median(ratio(ours['run'], hand['run'])):.2f} "
            f"| {median(ratio(native['whole'], hand['whole'])):.2f} "
            f"| {hand['buffers']}, {ours['buffers']}, {native['buffers']} | {same} "
            f"| {median(hand['whole']):.2f} |")


if __name__ == "__main__":
    main()
