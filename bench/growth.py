"""How cost grows with the number of roles and rules, of tables, of ids in a person's scope and of
users in the directory.

What a statement costs has to stay level; what loading takes has to grow with what is loaded. The
first is measured in process (growth.rs), the second also on a running gateway.

    python3 bench/growth.py [--rounds 5] [--most 100000] [--parts process,gateway]
"""

import argparse
import glob
import json
import math
import os
import signal
import subprocess
import sys
import time

import plot
import stage
from client import Client
from stage import PASSWORD, Stage, median, spread

AXES = {
    "roles": (10, 100, 1000, 10000),
    "tables": (3, 10, 100, 1000, 10000),
    "ids": (1, 10, 100, 1000),
    "users": (100, 1000, 10000, 100000),
}
WHAT = {
    "roles": "roles, and as many rules", "tables": "tables",
    "ids": "ids in the scope of the person", "users": "users in the directory",
}
STATEMENT = {
    "hit": "read, same text", "hit_extended": "read, same text, extended",
    "new": "read, new shape", "first": "read, nothing remembered",
}
LOADING = {"policy_ms": "policy", "directory_ms": "directory", "mentions_ms": "roles of users",
           "catalog_ms": "catalogue"}
# With these many of the others: the sample's.
SCHEMA = """
CREATE SCHEMA crm;
CREATE TABLE crm.contact (id int PRIMARY KEY, account_id int, owner_id int, name text, email text,
    is_primary boolean);
CREATE TABLE crm.opportunity (id int PRIMARY KEY, account_id int, owner_id int, name text, stage text,
    amount numeric, close_date date);
"""
TABLE = ("CREATE TABLE crm.{name} (id int PRIMARY KEY, name text, phone text, status text, industry "
         "text, region text, owner_id int, department_id int, amount numeric, created_at timestamptz);")


def program():
    """The newest build of growth.rs."""
    folder = os.path.join(stage.BUILT, "deps")
    found = [path for path in glob.glob(os.path.join(folder, "growth-*")) if os.access(path, os.X_OK)]
    if not found:
        sys.exit("build it first: cargo build --release --bench growth")
    return max(found, key=os.path.getmtime)


def run(*arguments):
    done = subprocess.run([program(), *map(str, arguments)], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"growth {arguments} failed:\n{done.stderr}")
    return done.stdout


def in_process(options):
    """Axis, size and figure: the values of all rounds."""
    results = {}
    for number in range(options.rounds):
        for axis, sizes in AXES.items():
            for size in sizes if number % 2 == 0 else reversed(sizes):
                if size > options.most:
                    continue
                for name, value in json.loads(run(axis, size)).items():
                    results.setdefault((axis, size, name), []).append(value)
        print(f"in process, round {number + 1}: done", file=sys.stderr)
    return results


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


class Log:
    """What a process has written, by how often a word is in it."""

    def __init__(self, on, name):
        self.path = os.path.join(on.folder, f"{name}.log")

    def count(self, word):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read().count(word)

    def wait(self, word, times, process, seconds=600):
        end = time.monotonic() + seconds
        while self.count(word) < times:
            if process.poll() is not None or time.monotonic() > end:
                with open(self.path, encoding="utf-8", errors="replace") as file:
                    sys.exit(f"waited for `{word}`:\n{file.read()[-2000:]}")
            time.sleep(0.002)


def gateway(options):
    """The same for a running gateway: start, memory, reload, looks at the catalogue."""
    results = {}
    with Stage() as on:
        on.psql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE bench")
        on.psql(SCHEMA + TABLE.format(name="account"), database="bench")
        for axis in ("roles", "users", "tables"):
            made = 3
            for size in AXES[axis]:
                if size > options.most:
                    continue
                if axis == "tables":
                    on.psql("".join(TABLE.format(name=f"t{number}") for number in range(made, size)),
                            database="bench")
                    on.psql("GRANT USAGE ON SCHEMA crm TO app; GRANT ALL ON ALL TABLES IN SCHEMA crm "
                            "TO app; VACUUM ANALYZE pg_catalog.pg_class; "
                            "VACUUM ANALYZE pg_catalog.pg_attribute", database="bench")
                    made = size
                measured = one_gateway(on, axis, size, options.rounds)
                for name, values in measured.items():
                    results[axis, size, name] = values
                print(f"gateway, {size} {axis}: done", file=sys.stderr)
    return results


def one_gateway(on, axis, size, rounds):
    texts = os.path.join(on.folder, f"{axis}-{size}")
    os.mkdir(texts)
    run(axis, size, "--write", texts)
    with open(os.path.join(texts, "policy.yaml"), encoding="utf-8") as file:
        policy = file.read()
    with open(os.path.join(texts, "directory.yaml"), encoding="utf-8") as file:
        people = file.read().replace("login: alice,", f'login: alice, password: "{stage.verifier()}",', 1)
    # The self-test asks the database about every role on every table: it is measured by itself.
    quick = 'watch = false\nself_test = false\n'
    port, config = on.configure_rowgate("bench", policy, people, more=quick)
    home, measured = os.path.dirname(config), {}
    command = [stage.rowgate_program(), "serve", "--config", config]
    for number in range(rounds):
        name = f"rowgate-{port}-{number}"
        start = time.monotonic()
        process, log = on.start(name, command), Log(on, name)
        log.wait("is listening", 1, process)
        measured.setdefault("start_ms", []).append((time.monotonic() - start) * 1e3)
        measured.setdefault("memory_mb", []).append(resident(process.pid))
        if number + 1 < rounds:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    changed = os.path.join(home, "directory.yaml" if axis == "users" else "policies/bench.yaml")
    for number in range(rounds):
        with open(changed, "a", encoding="utf-8") as file:
            file.write(f"# {number}\n")
        before, start = stage.cpu_seconds(process.pid), time.monotonic()
        process.send_signal(signal.SIGHUP)
        log.wait(" reloaded", number + 1, process)
        measured.setdefault("reload_ms", []).append((time.monotonic() - start) * 1e3)
        measured.setdefault("reload_cpu_ms", []).append(
            (stage.cpu_seconds(process.pid) - before) * 1e3)
    measured["memory_after_mb"] = [resident(process.pid)]
    measured.update(questions(on, port, rounds))
    if axis == "tables":
        measured.update(polls(on, process.pid))
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    return measured


def questions(on, port, rounds):
    """What a person's question to the catalogue takes: the first, and later ones."""
    sql = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'account'"
    figures = {}
    for name, client in (("direct", Client(on.port, "app")), ("gateway", Client(port, "alice"))):
        times = []
        for _ in range(4 * rounds + 1):
            start = time.monotonic()
            client.query(sql)
            times.append((time.monotonic() - start) * 1e3)
        client.close()
        figures[f"catalogue_first_{name}_ms"] = times[:1]
        figures[f"catalogue_again_{name}_ms"] = times[1:]
    return figures


def polls(on, pid, seconds=20):
    """Processor time of gateway and server for looks at an unchanged catalogue, as ms per second."""
    looks = on.psql("SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND "
                    "query LIKE '%hashint8extended%'", database="bench").split()
    before = [stage.cpu_seconds(each) for each in (pid, *looks)]
    time.sleep(seconds)
    used = [(stage.cpu_seconds(each) - start) * 1e3 / seconds
            for each, start in zip((pid, *looks), before)]
    return {"poll_gateway_ms_per_s": [used[0]], "poll_server_ms_per_s": [sum(used[1:])]}


def points(results, axis, name):
    found = []
    for size in AXES[axis]:
        values = results.get((axis, size, name))
        if values:
            found.append((size, min(values), median(values), max(values)))
    return found


def slope(found):
    """By which power of the size it grows, over the last two sizes: 0 is level, 1 is linear."""
    if len(found) < 2 or min(found[-1][2], found[-2][2]) <= 0:
        return float("nan")
    return (math.log(found[-1][2] / found[-2][2]) / math.log(found[-1][0] / found[-2][0]))


def table(results, axis, names, form="{:.2f}"):
    sizes = [size for size in AXES[axis] if any((axis, size, name) in results for name in names)]
    lines = ["| | " + " | ".join(str(size) for size in sizes) + " | power |",
             "|---|" + "---|" * (len(sizes) + 1)]
    for name, title in names.items():
        cells = [spread(results.get((axis, size, name), []), form) for size in sizes]
        power = slope(points(results, axis, name))
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {power:.2f} |")
    return lines


def write_plot(name, title, up, series, along):
    drawn = plot.lines(title, along, up, [each for each in series if each[1]])
    return stage.write_plot(name, drawn, title)


def report(process, running, options, description):
    lines = ["# How cost grows", "",
             f"{description}. {options.rounds} rounds, all sizes in turn. Each cell is the median "
             "(lowest–highest); *power* is that of the size by which the last step grows: 0 is level, "
             "1 is linear. Plots have logarithmic axes; dotted is linear.", ""]
    for axis in AXES:
        if process:
            statements = {f"{verb}_{kind}_us": title.replace("read", verb)
                          for verb in ("read", "write") for kind, title in STATEMENT.items()}
            lines += [f"## {WHAT[axis][0].upper()}{WHAT[axis][1:]}", "",
                      "Microseconds for a statement, in process:", ""]
            lines += table(process, axis, statements)
            series = [(title, points(process, axis, name)) for name, title in statements.items()]
            lines += ["", write_plot(f"growth-{axis}-statement.svg", "A statement, by " + WHAT[axis], "µs",
                                     series, WHAT[axis]), "",
                      "Milliseconds of loading (memory in MB), in process:", ""]
            lines += table(process, axis, {**LOADING, "memory_mb": "memory, MB"})
            series = [(title, points(process, axis, name)) for name, title in LOADING.items()]
            lines += ["", write_plot(f"growth-{axis}-loading.svg", "Loading, by " + WHAT[axis], "ms",
                                     series, WHAT[axis]), ""]
        names = {"start_ms": "start, ms", "reload_ms": "reload, ms",
                 "reload_cpu_ms": "reload, ms of processor time", "memory_mb": "memory after start, MB",
                 "memory_after_mb": "memory after the reloads, MB",
                 "catalogue_first_gateway_ms": "first question to the catalogue, ms",
                 "catalogue_again_gateway_ms": "later ones, ms",
                 "catalogue_again_direct_ms": "later ones, directly, ms",
                 "poll_gateway_ms_per_s": "looks at the catalogue, gateway, ms of processor time per second",
                 "poll_server_ms_per_s": "the same, server"}
        names = {name: title for name, title in names.items()
                 if any(key[0] == axis and key[2] == name for key in running)}
        if names:
            lines += [f"A running gateway, {WHAT[axis]}:", ""]
            lines += table(running, axis, names, "{:.1f}")
            series = [(title, points(running, axis, name)) for name, title in names.items()
                      if not name.startswith("poll")]
            lines += ["", write_plot(f"growth-{axis}-gateway.svg", "A gateway, by " + WHAT[axis], "ms or MB",
                                     series, WHAT[axis]), ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=100000, help="no size above this")
    parser.add_argument("--parts", default="process,gateway")
    options = parser.parse_args()
    description, parts = stage.machine(), options.parts.split(",")
    process = in_process(options) if "process" in parts else {}
    running = gateway(options) if "gateway" in parts else {}
    stage.write_report("growth.md", report(process, running, options, description))


if __name__ == "__main__":
    main()
