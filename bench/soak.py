"""A bounded soak: clients of all kinds for some minutes, with disconnects in the middle of answers,
cancels, restarts of the server and reloads.

At the end memory has not grown since the warm-up, no client was stuck, no server connection is left,
every answered statement is on record, and the audit log verifies. Ends with an error otherwise.

    python3 bench/soak.py [--minutes 30] [--pool transaction] [--clients 12]
"""

import argparse
import collections
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import stage
from bulk import drain
from client import Client, ServerError, message
from stage import PASSWORD, Stage, median, metric

POLICY = """
tables:
  public.account: { owner: owner_id, department: department_id, tags: { phone: phone } }
  public.note: { owner: owner_id }
masks:
  phone: { kind: partial, first: 3, last: 4 }
roles:
  rep:
    grants:
      - tables: [public.account]
        read: { scope: department }
        export: { scope: department }
      - tables: [public.note]
        read: { scope: self }
        create: { scope: self }
        update: { scope: self, columns: [text] }
        delete: { scope: self }
        export: { scope: self }
"""
TABLES = """
CREATE TABLE account (id int PRIMARY KEY, name text, phone text, owner_id int, department_id int);
INSERT INTO account SELECT n, 'name ' || n, '1380000' || lpad((n % 10000)::text, 4, '0'), n % 20, n % 10
  FROM generate_series(1, 20000) n;
CREATE TABLE note (id bigint, owner_id int, text text);
GRANT SELECT ON account TO app; GRANT SELECT, INSERT, UPDATE, DELETE ON note TO app;
ANALYZE;
"""
PEOPLE = 8
# While the server is away or a client was cut off: connection lost or refused (08, 57P, 53300),
# cancelled (57014); the catalogue is not confirmed (57P03). Deadlock and serialization: 40.
EXPECTED = re.compile("08|57P|57014|53300|40|55000")
# A client that waits longer for an answer is stuck; the gateway gives up on a lost server sooner.
PATIENCE = 60


class Soak:
    """What the clients share."""

    def __init__(self, on, port, options):
        self.on, self.port = on, port
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.number = 0
        self.answered, self.counts, self.wrong = set(), collections.Counter(), []
        self.random = random.Random(options.seed)

    def tag(self):
        with self.lock:
            self.number += 1
            return f"soak{self.number:08d}x"

    def note(self, tag, kind, error):
        """One answer: on record from now on, and with an error only where one may be."""
        with self.lock:
            if error is None:
                self.answered.add(tag)
                self.counts[kind] += 1
            else:
                self.counts[f"{kind}, {error.state}"] += 1
                if not EXPECTED.match(error.state):
                    self.wrong.append(f"{kind}: {error}")

    def fail(self, what):
        with self.lock:
            self.wrong.append(what)


def simple(soak, client, _):
    for _ in range(soak.random.randint(1, 20)):
        tag = soak.tag()
        number = soak.random.randint(1, 20000)
        error = client.ask(f"SELECT name, phone FROM account WHERE id = {number} /* {tag} */")
        soak.note(tag, "simple", error)


def prepared(soak, client, _):
    tag = soak.tag()
    error = client.prepare(tag, f"SELECT id, phone FROM account WHERE owner_id = $1 /* {tag} */")
    if error is None:
        for _ in range(soak.random.randint(1, 20)):
            error = client.execute(tag, soak.random.randint(0, 19))
            soak.note(tag, "prepared", error)
    else:
        soak.note(tag, "prepare", error)


def cursor(soak, client, _):
    tag = soak.tag()
    error = client.ask("BEGIN") or client.ask(f"DECLARE c CURSOR FOR SELECT * FROM account /* {tag} */")
    for _ in range(5):
        error = error or client.ask("FETCH 50 FROM c")
    soak.note(tag, "cursor", error)
    client.ask(soak.random.choice(("CLOSE c; COMMIT", "COMMIT", "ROLLBACK")))


def transaction(soak, client, person):
    tag = soak.tag()
    key = soak.random.randint(1, 10**9)
    error = (client.ask("BEGIN")
             or client.ask(f"INSERT INTO note VALUES ({key}, {person}, '{tag}')")
             or client.ask(f"UPDATE note SET text = text || '.' WHERE id = {key}")
             or client.ask(f"DELETE FROM note WHERE id = {key}"))
    soak.note(tag, "transaction", error)
    client.ask(soak.random.choice(("COMMIT", "ROLLBACK")))


def copy_out(soak, client, _):
    tag = soak.tag()
    soak.note(tag, "copy out", client.ask(f"COPY (SELECT id, name, phone FROM account /* {tag} */) TO STDOUT"))


def copy_in(soak, client, person):
    tag = soak.tag()
    lines = [f"{number}\t{person}\t{tag}\n" for number in range(200)]
    error = client.copy_in(f"COPY note (id, owner_id, text) FROM STDIN /* {tag} */", lines)
    soak.note(tag, "copy in", error)
    client.ask("DELETE FROM note WHERE id < 200")


def refused(soak, client, _):
    error = client.ask("SELECT pg_sleep(1)")
    if error is None or error.state not in ("42501", "57P03", "25P02"):
        soak.fail(f"a refused statement: {error}")
    soak.counts["refused"] += 1


LARGE = "SELECT a.*, b.name FROM account a JOIN account b ON b.id < 400 AND a.owner_id >= 0"


def large(soak, client, _):
    """An answer that is read as fast as it comes, and a short one right behind it."""
    tag = soak.tag()
    drain(client, f"{LARGE} /* {tag} */")
    soak.note(tag, "large", client.ask("SELECT 1"))


def vanishes(soak, client, _):
    """Goes away in the middle of an answer, or of a transaction."""
    if soak.random.random() < 0.5:
        client.ask("BEGIN")
    client.socket.sendall(message(b"Q", LARGE.encode() + b"\0"))
    if soak.random.random() < 0.7:
        client.socket.recv(4096)
    client.socket.close()
    soak.counts["vanished"] += 1
    raise ConnectionAbortedError("on purpose")


def cancelled(soak, client, _):
    client.socket.sendall(message(b"Q", LARGE.encode() + b"\0"))
    client.socket.recv(4096, socket.MSG_PEEK)
    client.cancel(soak.port)
    # It may have been answered before it was cancelled.
    error = client.answer()[1]
    soak.counts["answered before it was cancelled" if error is None else f"cancelled, {error.state}"] += 1
    if error is not None and not EXPECTED.match(error.state):
        soak.fail(f"cancelled: {error}")


ACTIONS = ((simple, 40), (prepared, 25), (cursor, 10), (transaction, 20), (copy_out, 5), (copy_in, 10),
           (refused, 3), (large, 1), (vanishes, 3), (cancelled, 3))


def client_loop(soak, person):
    """Connects, does some of everything, goes away; again until the end."""
    client = None
    while not soak.over.is_set():
        doing = "login"
        try:
            if client is None:
                client = Client(soak.port, f"u{person}")
                client.socket.settimeout(PATIENCE)
            for action in soak.random.choices([each for each, _ in ACTIONS],
                                              [weight for _, weight in ACTIONS], k=20):
                if soak.over.is_set():
                    break
                doing = action.__name__
                action(soak, client, person)
            client.socket.sendall(message(b"X", b""))
            client.close()
        except ConnectionAbortedError:
            pass
        except TimeoutError:
            soak.fail(f"{doing}: no answer for {PATIENCE} s")
        except ServerError as error:
            soak.counts[f"{doing}, {error.state}"] += 1
            if not EXPECTED.match(error.state):
                soak.fail(f"{doing}: {error}")
            time.sleep(0.2)
        except OSError as error:
            soak.counts[f"{doing}, {type(error).__name__}"] += 1
            time.sleep(0.2)
        except Exception as error:  # noqa: a broken protocol ends the run with its reason
            soak.fail(f"{doing}: {error!r}")
        if client is not None:
            client.close()
        client = None


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS:"))


def server_connections(on):
    return int(on.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'"))


def disturb(soak, pid, home, minutes, server):
    """Reloads and restarts, and looks at the memory, until the time is over."""
    end, memory = time.monotonic() + minutes * 60, []
    restart_every = max(30.0, min(180.0, minutes * 60 / 6))
    next_restart, next_reload = time.monotonic() + restart_every, time.monotonic() + 10
    while time.monotonic() < end:
        time.sleep(2)
        memory.append(resident(pid))
        if time.monotonic() > next_reload:
            with open(os.path.join(home, "policies/bench.yaml"), "a", encoding="utf-8") as file:
                file.write(f"# {time.monotonic()}\n")
            soak.counts["reloads"] += 1
            next_reload = time.monotonic() + 10
        # Not in the last minute: the memory is looked at with everything in use.
        if time.monotonic() > next_restart and time.monotonic() < end - 20:
            soak.on.end(server.pid)
            time.sleep(soak.random.choice((0, 3)))
            server = soak.on.run_server()
            soak.counts["restarts"] += 1
            next_restart = time.monotonic() + restart_every
    return memory


def on_record(config, tags):
    """Which of the tags the audit log does not know."""
    search = subprocess.Popen(
        [stage.rowgate_program(), "audit", "search", "--config", config, "--sql-like", "soak",
         "--limit", "100000000", "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True)
    missing = set(tags)
    for line in search.stdout:
        missing.difference_update(re.findall(r"soak\d{8}x", line))
    if search.wait() != 0:
        sys.exit(f"audit search failed:\n{search.stderr.read()[-2000:]}")
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--pool", default="transaction", choices=("session", "transaction"))
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--durability", default="fsync", help="of the audit log")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    description, wrong = stage.machine(), []
    people = "users:\n" + "".join(
        f"  - {{ login: u{number}, id: {number}, roles: [rep], department: {number}, "
        f'password: "{stage.verifier()}" }}\n' for number in range(1, PEOPLE + 1))
    people += "departments:\n" + "".join(f"  - {{ id: {number} }}\n" for number in range(1, PEOPLE + 1))
    with Stage() as on:
        on.psql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE bench")
        on.psql(TABLES, database="bench")
        admin, metrics = stage.with_metrics()
        size = options.clients if options.pool == "session" else max(2, options.clients // 3)
        port, pid, config = on.start_rowgate(
            "bench", POLICY, people, options.durability, size, "u1", options.pool,
            more=metrics + "[limits]\ndata_errors = 0\n")
        gateway = next(process for process, _ in on.processes if process.pid == pid)
        server = next(process for process, how in on.processes if how == signal.SIGINT)
        soak = Soak(on, port, options)
        threads = [threading.Thread(target=client_loop, args=(soak, number % PEOPLE + 1), daemon=True)
                   for number in range(options.clients)]
        for thread in threads:
            thread.start()
        memory = disturb(soak, pid, os.path.dirname(config), options.minutes, server)
        soak.over.set()
        for thread in threads:
            thread.join(timeout=PATIENCE + 10)
            if thread.is_alive():
                wrong.append("a client is stuck")
        wrong += soak.wrong
        if gateway.poll() is not None:
            wrong.append("the gateway has ended")
        else:
            time.sleep(3)
            if metric(admin, "rowgate_sessions"):
                wrong.append(f"{metric(admin, 'rowgate_sessions'):.0f} sessions are left")
            hits, misses = (metric(admin, f"rowgate_plan_cache_{each}_total") for each in ("hits", "misses"))
            busy = on.psql("SELECT state, query FROM pg_stat_activity WHERE usename = 'app' "
                           "AND state <> 'idle'").strip()
            if busy:
                wrong.append(f"server connections are not idle: {busy}")
            # Its pool, and one for the catalogue.
            left = server_connections(on)
            if left > size + 2:
                wrong.append(f"{left} server connections, the pool has {size}")
            if metric(admin, "rowgate_verifier_refusals_total"):
                wrong.append("the verifier refused a rewriting")
            gateway.send_signal(signal.SIGTERM)
            try:
                gateway.wait(timeout=70)
            except subprocess.TimeoutExpired:
                wrong.append("the gateway does not end")
        time.sleep(1)
        if server_connections(on):
            wrong.append(f"{server_connections(on)} server connections are left behind")
        quarter = len(memory) // 4
        warm, last = median(memory[quarter:2 * quarter]), median(memory[-quarter:])
        if last > warm * 1.2 + 5:
            wrong.append(f"memory grew from {warm:.1f} to {last:.1f} MB")
        verified = subprocess.run([stage.rowgate_program(), "audit", "verify", "--config", config],
                                  text=True, capture_output=True, check=False)
        if verified.returncode != 0:
            wrong.append(f"audit verify: {verified.stdout}{verified.stderr}")
        missing = on_record(config, soak.answered)
        if missing:
            wrong.append(f"{len(missing)} answered statements are not on record: {sorted(missing)[:5]}")
        with open(os.path.join(on.folder, f"rowgate-{port}.log"), errors="replace") as file:
            said = file.read()
        panics = [line for line in said.splitlines() if "panicked" in line]
        if panics:
            wrong.append(f"panics: {panics[:3]}")
        if wrong:
            os.makedirs(stage.OUT, exist_ok=True)
            with open(os.path.join(stage.OUT, f"soak-{options.pool}.log"), "w", encoding="utf-8") as file:
                file.write(said)

    lines = [f"# Soak, pooled by {options.pool}", "",
             f"{description}. {options.minutes:g} minutes, {options.clients} clients, seed {options.seed}.", "",
             f"- memory: {warm:.1f} MB after the warm-up, {last:.1f} MB at the end",
             f"- statements answered and on record: {len(soak.answered) - len(missing)} of {len(soak.answered)}",
             f"- plans found {hits:.0f}, made {misses:.0f}" if gateway.returncode == 0 else "", "",
             "| what happened | times |", "|---|---|"]
    lines += [f"| {what} | {count} |" for what, count in sorted(soak.counts.items())]
    lines += ["", "## Wrong" if wrong else "Nothing was wrong.", ""]
    lines += [f"- {what} ({count} times)" for what, count in collections.Counter(wrong).most_common(50)]
    stage.write_report(f"soak-{options.pool}.md", "\n".join(lines) + "\n")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
