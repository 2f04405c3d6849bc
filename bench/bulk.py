"""Large answers through PgBouncer, a blind relay and rowgate, in turn: wide and narrow rows, by SELECT
and by COPY.

The reader is `psql` that writes to nowhere for COPY, and a loop that reads and drops bytes for SELECT,
so that what is measured is the proxy and not a client that keeps the answer.

    python3 bench/bulk.py [--rounds 5] [--megabytes 2000]
"""

import argparse
import struct
import time

import plot
import stage
from client import Client, message
from stage import PASSWORD, Stage, median, spread

DATABASE = "bench"
# rowgate filters by an array of departments and hides one column of each table.
POLICY = """
tables:
  public.wide: { department: department_id, tags: { secret: hidden } }
  public.narrow: { department: department_id, tags: { secret: hidden } }
masks:
  hidden: { kind: "null" }
roles:
  teller:
    grants:
      - tables: [public.wide, public.narrow]
        read: { scope: department_and_below }
        export: { scope: department_and_below }
"""
SHAPES = {"wide": 2000, "narrow": 40}
# What the policy comes to, written by the client: the server's part of the price.
BY_HAND = "direct, filtered by hand"
MINE = " WHERE department_id = ANY ('{1,2,3,4,5,6,7,8,9,10}'::int4[])"


def directory():
    people = "users:\n  - { login: alice, id: 104, roles: [teller], department: 1, " \
        f'password: "{stage.verifier()}" }}\n'
    below = "".join(f"  - {{ id: {number}, parent: 1, name: Branch {number} }}\n"
                    for number in range(2, 11))
    return people + "departments:\n  - { id: 1, head: alice, name: Bank }\n" + below


def peak(pid):
    """The most memory a process has had, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def drain(client, sql):
    """Runs a query and drops the answer; how many bytes it had."""
    client.socket.sendall(message(b"Q", sql.encode() + b"\0"))
    taken, tail = 0, b""
    view = memoryview(bytearray(1 << 20))
    while True:
        size = client.socket.recv_into(view)
        if size == 0:
            raise ConnectionError("closed in the middle of an answer")
        taken += size
        tail = (tail + bytes(view[max(0, size - 64):size]))[-64:]
        # ReadyForQuery is the last thing that is sent.
        if tail[-6:-1] == struct.pack("!ci", b"Z", 5):
            if b"ERROR" in bytes(view[:200]):
                raise ConnectionError(bytes(view[:200]).decode(errors="replace"))
            return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=2000)
    options = parser.parse_args()
    description = stage.machine()
    results = {}

    with Stage() as on:
        on.psql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE {DATABASE}")
        # Few rows, read again and again: the server's part stays in memory.
        for name, width in SHAPES.items():
            rows = 64 * 1024 * 1024 // width
            fill = f"repeat(md5(n::text), {width // 32})" if width > 100 else "md5(n::text)"
            on.psql(f"CREATE TABLE {name} AS SELECT n AS id, n % 10 + 1 AS department_id, "
                    f"n AS secret, {fill} AS text FROM generate_series(1, {rows}) n; "
                    f"GRANT SELECT ON {name} TO app; VACUUM ANALYZE {name}", database=DATABASE)
        contenders = [("direct", on.port, None, "app"), (BY_HAND, on.port, None, "app")]
        started = on.start_bouncer("session", "app", 8)
        if started:
            contenders.append(("pgbouncer", *started, "app"))
        relay = on.start_relay()
        contenders.append(("blind relay", *relay, "app"))
        port, pid, _ = on.start_rowgate(DATABASE, POLICY, directory(), "write", 8, "alice")
        contenders.append(("rowgate", port, pid, "alice"))
        for name in SHAPES:
            for way in ("SELECT", "COPY"):
                for number in range(options.rounds):
                    order = contenders if number % 2 == 0 else list(reversed(contenders))
                    for who, port, pid, user in order:
                        sql = f"SELECT id, department_id, secret, text FROM {name}"
                        if who == BY_HAND:
                            sql = sql.replace("secret", "NULL::int4 AS secret") + MINE
                        if way == "COPY":
                            sql = f"COPY ({sql}) TO STDOUT"
                        results.setdefault((name, way, who), []).append(
                            once(port, pid, user, sql, options.megabytes * 1_000_000 // options.rounds))
    stage.write_report("bulk.md", report(results, contenders, options, description))


def once(port, pid, user, sql, wanted):
    """MB/s, CPU seconds per GB, and the growth of the proxy's memory at its peak."""
    client = Client(port, user, None)
    drain(client, sql)
    before, peak_before = 0.0, 0
    if pid:
        reset_peak(pid)
        before, peak_before = stage.cpu_seconds(pid), peak(pid)
    start, taken = time.monotonic(), 0
    while taken < wanted:
        taken += drain(client, sql)
    seconds = time.monotonic() - start
    time.sleep(0.05)
    used = stage.cpu_seconds(pid) - before if pid else 0.0
    grown = peak(pid) - peak_before if pid else 0
    client.close()
    return {"speed": taken / 1e6 / seconds, "cpu": used * 1e9 / taken, "grown": grown}


def report(results, contenders, options, description):
    lines = ["# Large answers", "",
             f"{description}. {options.megabytes} MB for each line in {options.rounds} rounds, "
             "contenders in turn; rows of about 2 kB (wide) and 50 bytes (narrow). rowgate filters by "
             "ten departments and masks one column, and so does the client by hand; the others read everything as "
             "it is.", "",
             "| rows | by | through | MB/s | to direct | CPU s per GB | to PgBouncer | peak growth, MB |",
             "|---|---|---|---|---|---|---|---|"]
    for name in SHAPES:
        for way in ("SELECT", "COPY"):
            for who, *_ in contenders:
                mine = results[name, way, who]
                direct = results[name, way, "direct"]
                speed = spread([a["speed"] / b["speed"] for a, b in zip(mine, direct)])
                cpu, ratio, grown = "–", "–", "–"
                if who not in ("direct", BY_HAND):
                    cpu = spread([each["cpu"] for each in mine])
                    grown = f"{max(each['grown'] for each in mine) / 1e6:.1f}"
                    bouncer = results.get((name, way, "pgbouncer"))
                    if bouncer:
                        ratio = spread([a["cpu"] / b["cpu"] for a, b in zip(mine, bouncer) if b["cpu"]])
                lines.append(f"| {name} | {way} | {who} | {median([each['speed'] for each in mine]):.0f} "
                             f"| {speed} | {cpu} | {ratio} | {grown} |")
    for what, title, unit in (("cpu", "Processor time of the proxy", "s per GB"),
                              ("speed", "Speed", "MB/s")):
        groups = [(f"{name}, {way}",
                   [(who, min(values), median(values), max(values)) for who, *_ in contenders
                    if what == "speed" or who not in ("direct", BY_HAND)
                    for values in [[each[what] for each in results[name, way, who]]]])
                  for name in SHAPES for way in ("SELECT", "COPY")]
        lines += ["", stage.write_plot(f"bulk-{what}.svg", plot.bars(title, unit, groups), title)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
