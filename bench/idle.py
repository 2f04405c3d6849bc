"""Memory of idle connections and processor time of logins, through PgBouncer and through rowgate.

Both pool by transaction: an idle client has no server connection. Every connection is a real login
with SCRAM-SHA-256, has run one query, and then waits.

    python3 bench/idle.py [--connections 10000] [--rounds 3] [--logins 1000]
"""

import argparse
import base64
import hashlib
import hmac
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import time

import stage
from compare import POLICY, directory
from stage import PASSWORD, Stage, median, spread

DATABASE = "bench"
TABLES = "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84)); " \
    "CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88)); " \
    "INSERT INTO pgbench_accounts SELECT n, n % 10 + 1, 0, '' FROM generate_series(1, 1000) n; " \
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO app"
SALTED = {}


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


class Client:
    """As much of the protocol as a login and one query need (PostgreSQL documentation, 55.2)."""

    def __init__(self, port, user, tls):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        if tls is not None:
            self.socket.sendall(struct.pack("!ii", 8, 80877103))
            if self.socket.recv(1) != b"S":
                raise ConnectionError("no TLS")
            self.socket = tls.wrap_socket(self.socket)
        self.buffer = b""
        self.login(user)

    def receive(self):
        while True:
            if len(self.buffer) >= 5:
                end = struct.unpack("!i", self.buffer[1:5])[0] + 1
                if len(self.buffer) >= end:
                    kind, body = self.buffer[:1], self.buffer[5:end]
                    self.buffer = self.buffer[end:]
                    if kind == b"E":
                        raise ConnectionError(body.decode(errors="replace"))
                    return kind, body
            more = self.socket.recv(8192)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more

    def until_ready(self):
        while self.receive()[0] != b"Z":
            pass
        self.buffer = b""

    def login(self, user):
        startup = f"user\0{user}\0database\0{DATABASE}\0\0".encode()
        self.socket.sendall(struct.pack("!ii", len(startup) + 8, 196608) + startup)
        self.receive()
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n=,r={nonce}"
        body = ("n,," + first).encode()
        self.socket.sendall(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(body)) + body))
        server_first = self.receive()[1][4:].decode()
        parts = dict(part.split("=", 1) for part in server_first.split(","))
        key = (parts["s"], parts["i"])
        if key not in SALTED:
            salt = base64.b64decode(parts["s"])
            SALTED[key] = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, int(parts["i"]))
        salted = SALTED[key]
        without_proof = f"c=biws,r={parts['r']}"
        transcript = f"{first},{server_first},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), transcript, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        final = f"{without_proof},p={base64.b64encode(proof).decode()}"
        self.socket.sendall(message(b"p", final.encode()))
        self.until_ready()

    def query(self, sql):
        self.socket.sendall(message(b"Q", sql.encode() + b"\0"))
        self.until_ready()

    def close(self):
        self.socket.close()


def resident(pid):
    """Bytes of memory that are the process's own."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) * 1024
    return 0


def idle(port, pid, user, tls, count, asks):
    """Bytes per idle connection."""
    warm = [Client(port, user, tls) for _ in range(200)]
    for client in warm:
        client.query("SELECT 1")
    for client in warm:
        client.close()
    time.sleep(1)
    before = resident(pid)
    clients = []
    try:
        for _ in range(count):
            client = Client(port, user, tls)
            if asks:
                client.query("SELECT abalance FROM pgbench_accounts WHERE aid = 7")
            clients.append(client)
        time.sleep(2)
        return (resident(pid) - before) / count
    finally:
        for client in clients:
            client.close()
        time.sleep(2)


def logins(port, pid, user, tls, count):
    """Microseconds of processor time per login."""
    before = stage.cpu_seconds(pid)
    for _ in range(count):
        Client(port, user, tls).close()
    time.sleep(0.2)
    return (stage.cpu_seconds(pid) - before) * 1e6 / count


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
        sys.exit(f"this needs {wanted} open files: ulimit -Hn {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    memory, processor = {}, {}

    with Stage() as on:
        on.psql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE {DATABASE}")
        on.psql(TABLES, database=DATABASE)
        files = certificate(on)
        contenders = []
        started = on.start_bouncer("transaction", "app", 20, tls=files, clients=wanted)
        if started:
            contenders.append(("pgbouncer", started[0], started[1], "app"))
        port, pid, _ = on.start_rowgate(DATABASE, POLICY, directory(), "write", 20, "alice",
                                        "transaction", tls=files, clients=wanted)
        contenders.append(("rowgate", port, pid, "alice"))
        for _ in range(options.rounds):
            for kind, tls in (("plain", None), ("TLS", context)):
                for name, port, pid, user in contenders:
                    processor.setdefault((name, kind), []).append(
                        logins(port, pid, user, tls, options.logins))
        for asks in (False, True):
            for kind, tls in (("plain", None), ("TLS", context)):
                for name, port, pid, user in contenders:
                    memory[name, kind, asks] = idle(port, pid, user, tls, options.connections, asks)
                    print(f"{name}, {kind}: {memory[name, kind, asks]:.0f}", file=sys.stderr)

    lines = ["# Idle connections and logins", "",
             f"{description}. Pooled by transaction. {options.connections} connections; "
             f"{options.rounds} rounds of {options.logins} logins, contenders in turn.", "",
             "| | | bytes per connection after login | after one query | login, CPU µs |",
             "|---|---|---|---|---|"]
    for name, *_ in contenders:
        for kind in ("plain", "TLS"):
            lines.append(f"| {name} | {kind} | {memory[name, kind, False]:.0f} "
                         f"| {memory[name, kind, True]:.0f} | {spread(processor[name, kind], '{:.0f}')} |")
    if len(contenders) == 2:
        ratio = {kind: median(processor["rowgate", kind]) / median(processor["pgbouncer", kind])
                 for kind in ("plain", "TLS")}
        lines += ["", "Logins, rowgate to PgBouncer: " + ", ".join(
            f"{kind} {value:.2f}" for kind, value in ratio.items()) + "."]
    stage.write_report("idle.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
