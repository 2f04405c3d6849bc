"""pgbench -S directly, through PgBouncer and through rowgate, in turn.

One round visits every contender once, then the next round begins: what else the machine does hits
all of them alike. Reported are medians over the rounds, and first of all ratios within a round.

    python3 bench/compare.py [--rounds 5] [--seconds 2] [--clients 1,16,64] [--modes simple,…]
                             [--pools session,transaction]
"""

import argparse
import os
import re
import subprocess
import sys
import time

import plot
import stage
from stage import Stage, median, spread

# Ten branches in ten departments; the person is the head of all of them, so that every row is found
# as without a policy and the filter is an array of ten values.
POLICY = """
tables:
  public.pgbench_accounts: { department: bid, tags: { abalance: balance, filler: text } }
masks:
  balance: { kind: round, step: 10 }
  text: { kind: "null" }
roles:
  teller:
    grants:
      - tables: [public.pgbench_accounts]
        read: { scope: department_and_below }
      - tables: [public.pgbench_branches]
        read: true
  dba:
    unrestricted: true
"""
SCALE = 10
# The size of a pool that nobody sets, of both proxies; others have a server connection for each client.
SHARED = 20
# One rowgate looks for work for so long before it sleeps (listen.busy_poll).
BUSY, PATIENCE = "busy poll", "60us"
DIRECT = "direct"


def directory():
    verifier = stage.verifier()
    lines = ["users:"]
    for login, number, role in (("alice", 104, "teller"), ("henry", 108, "dba")):
        lines.append(f"  - {{ login: {login}, id: {number}, roles: [{role}], department: 1, "
                     f'password: "{verifier}" }}')
    lines.append("departments:\n  - { id: 1, head: alice, name: Bank }")
    lines += [f"  - {{ id: {bid}, parent: 1, name: Branch {bid} }}" for bid in range(2, SCALE + 1)]
    return "\n".join(lines) + "\n"


def fill(on):
    """The tables of pgbench, in a database of their own."""
    on.psql(f"CREATE ROLE app LOGIN PASSWORD '{stage.PASSWORD}'")
    on.psql("CREATE DATABASE bench OWNER app")
    subprocess.run([os.path.join(on.bin, "pgbench"), "-i", "-q", "-s", str(SCALE)],
                   env=on.environment(user="app", database="bench"), check=True, cwd="/",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Contender:
    def __init__(self, name, port, user, pid=None, modes=("simple", "extended", "prepared"),
                 least=1, admin=None):
        self.name, self.port, self.user, self.pid = name, port, user, pid
        self.modes, self.least, self.admin = modes, least, admin

    def takes_part(self, mode, clients):
        return mode in self.modes and clients >= self.least

    def cpu(self):
        return stage.cpu_seconds(self.pid) if self.pid else 0.0


def run(on, contender, mode, clients, seconds):
    """One measurement; again when a busy machine let no transaction finish in time."""
    for _ in range(3):
        result = once(on, contender, mode, clients, seconds)
        if result is not None:
            return result
    sys.exit(f"no transaction finished against {contender.name} ({mode}, {clients})")


def once(on, contender, mode, clients, seconds):
    """Transactions per second, milliseconds of latency, CPU µs of proxy, pgbench and server per
    transaction."""
    jobs = 1 if clients < 16 else min(2, os.cpu_count() or 1)
    # The time includes the logins, which take seconds on a busy machine.
    seconds += 2 if clients >= 8 else 0
    before = contender.cpu()
    others = on.server_cpu_seconds(), stage.waited_cpu_seconds()
    done = subprocess.run(
        [os.path.join(on.bin, "pgbench"), "-n", "-S", "-M", mode, "-c", str(clients),
         "-j", str(jobs), "-T", str(seconds), "-s", str(SCALE)],
        env=on.environment(port=contender.port, user=contender.user, database="bench"),
        text=True, capture_output=True, check=False, cwd="/")
    if done.returncode != 0:
        sys.exit(f"pgbench failed against {contender.name} ({mode}, {clients}):\n{done.stderr}")
    # The outcomes of the last statements are still being written.
    time.sleep(0.05)
    used = contender.cpu() - before
    server, client = on.server_cpu_seconds() - others[0], stage.waited_cpu_seconds() - others[1]
    count = int(re.search(r"actually processed: (\d+)", done.stdout).group(1))
    if count == 0:
        return None
    failed = re.search(r"failed transactions: (\d+)", done.stdout)
    if failed and int(failed.group(1)):
        sys.exit(f"{failed.group(1)} transactions failed against {contender.name}")
    tps = float(re.search(r"tps = (\S+) \(without", done.stdout).group(1))
    latency = float(re.search(r"latency average = (\S+)", done.stdout).group(1))
    return {"tps": tps, "latency": latency, "cpu": used * 1e6 / count,
            "client": client * 1e6 / count, "server": server * 1e6 / count}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("BENCH_SECONDS", "2")))
    parser.add_argument("--clients", default="1,16,64")
    parser.add_argument("--modes", default="simple,extended,prepared")
    parser.add_argument("--durability", default="write", help="of rowgate's audit log")
    parser.add_argument("--pools", default="session,transaction", help="of rowgate")
    options = parser.parse_args()
    clients = [int(number) for number in options.clients.split(",")]
    modes = options.modes.split(",")
    size = max(clients) + 8
    description = stage.machine()

    with Stage() as on:
        fill(on)
        contenders = [Contender(DIRECT, on.port, "app")]
        for pooling, connections in (("session", size), ("transaction", size), ("transaction", SHARED)):
            # An older PgBouncer keeps no prepared statements apart in transaction mode.
            every = pooling == "session" or stage.bouncer_version() >= stage.KEEPS_PREPARED
            supported = ("simple", "extended", "prepared")[: 3 if every else 2]
            started = on.start_bouncer(pooling, "app", connections)
            if started:
                contenders.append(
                    Contender(f"pgbouncer {pooling}{shared(connections)}", started[0], "app",
                              started[1], supported, least=least(connections)))
        port, pid = on.start_relay()
        contenders.append(Contender("blind relay", port, "app", pid))
        people = directory()
        wanted = [("unrestricted", "henry", "session", size, options.durability, {})]
        for pool in options.pools.split(","):
            for connections in (size, SHARED) if pool == "transaction" else (size,):
                wanted.append((f"restricted, {pool}{shared(connections)}", "alice", pool, connections,
                               options.durability, {"least": least(connections)}))
        if "transaction" in options.pools.split(","):
            wanted.append((f"restricted, {BUSY}, transaction", "alice", "transaction", size, options.durability, {}))
        # What waits for the disk waits together.
        wanted.append(("restricted, fsync", "alice", "session", size, "fsync",
                       {"modes": ("prepared",), "least": max(clients)}))
        for name, login, pool, connections, durability, only in wanted:
            admin, metrics = stage.with_metrics()
            listen = f'busy_poll = "{PATIENCE}"\n' if BUSY in name else ""
            port, pid, _ = on.start_rowgate("bench", POLICY, people, durability, connections, login, pool,
                                            more=metrics, listen=listen)
            contenders.append(Contender(f"rowgate {name}", port, login, pid, admin=admin, **only))
        check_policy(on, contenders)
        results = measure(on, contenders, modes, clients, options)
        plans = {each.name: [stage.metric(each.admin, f"rowgate_plan_cache_{what}_total")
                             for what in ("hits", "misses")] for each in contenders if each.admin}
    text = report(results, contenders, modes, clients, options, description)
    stage.write_report("compare.md", text + drawn(results, contenders, modes, clients) + cached(plans))


def shared(connections):
    return f", {connections} connections" if connections == SHARED else ""


def least(connections):
    """With fewer clients it is the same as one for each."""
    return SHARED + 1 if connections == SHARED else 1


def check_policy(on, contenders):
    """The restricted contender really has a mask and loses no row."""
    query = "SELECT count(*), count(filler), sum(abalance % 10) FROM pgbench_accounts"
    answers = {each.name: on.psql(query, port=each.port, user=each.user, database="bench").strip()
               for each in contenders}
    expected = answers[DIRECT].split("|")
    for name, answer in answers.items():
        count, filled, _ = answer.split("|")
        if count != expected[0] or (filled == "0") != name.startswith("rowgate restricted"):
            sys.exit(f"the policy does not do what it should: {answers}")


def measure(on, contenders, modes, clients, options):
    results = {}
    for mode in modes:
        for count in clients:
            taking_part = [each for each in contenders if each.takes_part(mode, count)]
            for each in taking_part:
                run(on, each, mode, count, 1) if options.seconds > 1 else None
            for number in range(options.rounds):
                # Every other round runs backwards, so that nobody always follows the same one.
                order = taking_part if number % 2 == 0 else list(reversed(taking_part))
                for each in order:
                    result = run(on, each, mode, count, options.seconds)
                    results.setdefault((mode, count, each.name), []).append(result)
            print(f"{mode}, {count} clients: done", file=sys.stderr)
    return results


def column(results, key, what):
    return [each[what] for each in results.get(key, [])]


def ratios(results, mode, count, name, base, what):
    """Round by round."""
    mine = column(results, (mode, count, name), what)
    theirs = column(results, (mode, count, base), what)
    return [a / b for a, b in zip(mine, theirs) if b > 0]


def pooled_like(name):
    """The PgBouncer that pools as this rowgate does."""
    pooling = re.search(r"transaction.*", name)
    return f"pgbouncer {pooling.group() if pooling else 'session'}"


def report(results, contenders, modes, clients, options, description):
    lines = [
        "# pgbench -S through proxies", "",
        f"{description}. Rounds: {options.rounds} of {options.seconds} s, contenders in turn. "
        f"Audit durability: {options.durability}. "
        "Each cell is the median (lowest–highest).", "",
        "## Ratios to PgBouncer in the same round", "",
        "To the one that pools by session, and to the one that pools as this rowgate does.", "",
        "| protocol | clients | rowgate | throughput, to session | CPU per transaction "
        "| throughput, to the same pooling | CPU per transaction |",
        "|---|---|---|---|---|---|---|",
    ]
    gateways = [each.name for each in contenders if each.name.startswith("rowgate")]
    for mode in modes:
        for count in clients:
            for name in gateways:
                cells = [ratios(results, mode, count, name, base, what)
                         for base in ("pgbouncer session", pooled_like(name))
                         for what in ("tps", "cpu")]
                if cells[0]:
                    lines.append(f"| {mode} | {count} | {name.removeprefix('rowgate ')} | "
                                 + " | ".join(spread(cell) if cell else "–" for cell in cells) + " |")
    lines += ["", "## Throughput against a direct connection in the same round", "",
              "| protocol | clients | " + " | ".join(each.name for each in contenders[1:]) + " |",
              "|---|---|" + "---|" * len(contenders[1:])]
    for mode in modes:
        for count in clients:
            cells = [spread(ratios(results, mode, count, each.name, DIRECT, "tps"))
                     for each in contenders[1:]]
            lines.append(f"| {mode} | {count} | " + " | ".join(cells) + " |")
    lines += ["", "## Absolute figures of this machine", "",
              "CPU per transaction of the proxy, of pgbench and of all of the server's processes.", "",
              "| protocol | clients | contender | transactions/s | latency ms | proxy CPU µs | pgbench | server |",
              "|---|---|---|---|---|---|---|---|"]
    for mode in modes:
        for count in clients:
            for each in contenders:
                key = (mode, count, each.name)
                if key not in results:
                    continue
                cpu = spread(column(results, key, "cpu"), "{:.1f}") if each.pid else "–"
                others = " | ".join(spread(column(results, key, what), "{:.1f}") for what in ("client", "server"))
                lines.append(
                    f"| {mode} | {count} | {each.name} | {spread(column(results, key, 'tps'), '{:.0f}')}"
                    f" | {median(column(results, key, 'latency')):.3f} | {cpu} | {others} |")
    return "\n".join(lines) + "\n"


def cached(plans):
    lines = ["", "## Plans found and made, by rowgate's own count", "",
             "| contender | found | made | found, % |", "|---|---|---|---|"]
    for name, (hits, misses) in plans.items():
        lines.append(f"| {name} | {hits:.0f} | {misses:.0f} | {100 * hits / max(hits + misses, 1):.3f} |")
    return "\n".join(lines) + "\n"


def drawn(results, contenders, modes, clients):
    lines = [""]
    for what, title, unit in (("cpu", "Processor time of the proxy per transaction", "µs"),
                              ("tps", "Throughput", "transactions/s")):
        groups = []
        for mode in modes:
            for count in clients:
                members = []
                for each in contenders:
                    values = column(results, (mode, count, each.name), what)
                    if values and (what == "tps" or each.pid):
                        members.append((each.name, min(values), median(values), max(values)))
                groups.append((f"{mode}, {count}", members))
        lines += [stage.write_plot(f"compare-{what}.svg", plot.bars(title, unit, groups), title), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
