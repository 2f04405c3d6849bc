"""Memory of idle connections and processor time of logins, through PgBouncer and through rowgate.

Both pool by transaction: an idle client has no server connection. Every connection is a real login
with SCRAM-SHA-256, has run one query, and then waits.

    python3 bench/idle.py [--connections 10000] [--rounds 3] [--logins 1000]
"""

import argparse
import os
import resource
import ssl
import subprocess
import sys
import time

import plot
import stage
from client import Client
from compare import POLICY, directory
from stage import PASSWORD, Stage, median, spread

DATABASE = "bench"
TABLES = "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84)); " \
    "CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88)); " \
    "INSERT INTO pgbench_accounts SELECT n, n % 10 + 1, 0, '' FROM generate_series(1, 1000) n; " \
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO app"


def resident(pid):
    """Bytes of memory that are the process's own."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) * 1024
    return 0


def idle(port, pid, user, tls, count, asks):
    """Bytes per idle connection: what the last nine tenths of them add to the first."""
    clients, before = [], 0
    try:
        for number in range(count):
            if number == count // 10:
                time.sleep(2)
                before = resident(pid)
            client = Client(port, user, tls)
            if asks:
                client.query("SELECT abalance FROM pgbench_accounts WHERE aid = 7")
            clients.append(client)
        time.sleep(2)
        return (resident(pid) - before) / (count - count // 10)
    finally:
        for client in clients:
            client.close()


def logins(port, pid, user, tls, count):
    """Microseconds of processor time per login."""
    before = stage.running_cpu_seconds(pid)
    for _ in range(count):
        Client(port, user, tls).close()
    time.sleep(0.2)
    return (stage.running_cpu_seconds(pid) - before) * 1e6 / count


def certificate(on):
    key, cert = os.path.join(on.folder, "tls.key"), os.path.join(on.folder, "tls.crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    os.chmod(key, 0o644)
    return key, cert


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--logins", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    description = stage.machine()
    wanted = options.connections * 2 + 500
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < wanted:
        options.connections = (hard - 500) // 2
        print(f"no more than {hard} open files: {options.connections} connections", file=sys.stderr)
        wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    memory, processor = {}, {}

    with Stage() as on:
        on.psql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE {DATABASE}")
        on.psql(TABLES, database=DATABASE)
        files = certificate(on)
        contenders = {"rowgate": ("alice", lambda: on.start_rowgate(
            DATABASE, POLICY, directory(), "write", 20, "alice", "transaction", tls=files,
            clients=wanted))}
        if stage.bouncer():
            contenders = {"pgbouncer": ("app", lambda: on.start_bouncer(
                "transaction", "app", 20, tls=files, clients=wanted)), **contenders}
        started = {name: begin()[:2] for name, (_, begin) in contenders.items()}
        for _ in range(options.rounds):
            for kind, tls in (("plain", None), ("TLS", context)):
                for name, (user, _) in contenders.items():
                    processor.setdefault((name, kind), []).append(
                        logins(*started[name], user, tls, options.logins))
        for _, pid in started.values():
            on.end(pid)
        # A new process for each figure: none fills what another one left behind.
        for asks in (False, True):
            for kind, tls in (("plain", None), ("TLS", context)):
                for name, (user, begin) in contenders.items():
                    port, pid = begin()[:2]
                    memory[name, kind, asks] = idle(port, pid, user, tls, options.connections, asks)
                    on.end(pid)
                    print(f"{name}, {kind}: {memory[name, kind, asks]:.0f}", file=sys.stderr)

    lines = ["# Idle connections and logins", "",
             f"{description}. Pooled by transaction. {options.connections} connections; "
             f"{options.rounds} rounds of {options.logins} logins, contenders in turn.", "",
             "| | | bytes per connection after login | after one query | login, CPU µs |",
             "|---|---|---|---|---|"]
    for name in contenders:
        for kind in ("plain", "TLS"):
            lines.append(f"| {name} | {kind} | {memory[name, kind, False]:.0f} "
                         f"| {memory[name, kind, True]:.0f} | {spread(processor[name, kind], '{:.0f}')} |")
    if len(contenders) == 2:
        ratio = {kind: median(processor["rowgate", kind]) / median(processor["pgbouncer", kind])
                 for kind in ("plain", "TLS")}
        lines += ["", "Logins, rowgate to PgBouncer: " + ", ".join(
            f"{kind} {value:.2f}" for kind, value in ratio.items()) + "."]
    groups = [(f"{kind}, {'after a query' if asks else 'after login'}",
               [(name, *[memory[name, kind, asks]] * 3) for name in contenders])
              for asks in (False, True) for kind in ("plain", "TLS")]
    lines += ["", stage.write_plot("idle-memory.svg", plot.bars("Memory of an idle connection", "bytes",
                                                                groups), "Memory of an idle connection")]
    stage.write_report("idle.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
