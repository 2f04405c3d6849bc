"""What the measurements run on: a throw-away PostgreSQL, PgBouncer and rowgate, all on loopback.

Standard library only. Every process started here is stopped by its id, also after an error.
"""

import contextlib
import glob
import json
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "bench", "out")
# Where cargo leaves what only measurements need.
BUILT = os.path.join(ROOT, "target", "release")
PASSWORD = "bench"
TICKS = os.sysconf("SC_CLK_TCK")

SERVER_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 600
shared_buffers = 512MB
work_mem = 32MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
autovacuum = off
jit = off
max_parallel_workers_per_gather = 0
password_encryption = 'scram-sha-256'
timezone = 'UTC'
"""


def binaries():
    """The folder of the newest PostgreSQL server."""
    named = os.environ.get("ROWGATE_POSTGRES_BIN")
    if named:
        return named
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    if not found:
        sys.exit("no PostgreSQL server found: apt-get install postgresql")
    newest = max(found, key=lambda path: int(path.split("/")[4]))
    return os.path.dirname(newest)


def bouncer():
    """PgBouncer's program, where it is installed."""
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")


# From this version on, PgBouncer prepares a statement where it is run (its parameter
# max_prepared_statements), so that clients that share server connections can prepare some.
KEEPS_PREPARED = (1, 21)


def bouncer_version():
    """PgBouncer's version, as numbers; nothing where there is none."""
    if bouncer() is None:
        return ()
    done = subprocess.run([bouncer(), "--version"], text=True, capture_output=True, check=False)
    return tuple(map(int, re.findall(r"\d+", done.stdout.splitlines()[0])))


def rowgate_program():
    program = os.environ.get("ROWGATE", os.path.join(BUILT, "rowgate"))
    if not os.path.exists(program):
        sys.exit(f"{program} is missing: cargo build --release")
    return program


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of a process with all its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def running_cpu_seconds(pid):
    """The same of the threads that run now, to the nanosecond instead of the clock's hundredth."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        # It may end meanwhile.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def waited_cpu_seconds():
    """User and system time of the programs that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def unprivileged():
    """Whom servers run as that refuse to run as root; None when this is not root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    sys.exit("running as root, and neither user postgres nor nobody exists")


def as_unprivileged():
    user = unprivileged()
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Stage:
    """The folder, the server and whatever is started in front of it."""

    def __init__(self):
        self.bin = binaries()
        self.folder = tempfile.mkdtemp(prefix="rowgate-bench-")
        os.chmod(self.folder, 0o755)
        self.processes = []
        self.server = None
        self.port = free_port()

    def __enter__(self):
        try:
            self.start_server()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process, how in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(how)
        for process, _ in reversed(self.processes):
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, pid):
        """Ends one of the processes before the others."""
        for process, how in self.processes:
            if process.pid == pid and process.poll() is None:
                process.send_signal(how)
                process.wait(timeout=60)

    def start(self, name, arguments, how=signal.SIGTERM, **options):
        log = open(os.path.join(self.folder, f"{name}.log"), "wb")
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **options
        )
        self.processes.append((process, how))
        return process

    def wait_for(self, name, process, **login):
        for _ in range(300):
            if process.poll() is not None:
                break
            if self.psql("SELECT 1", check=False, **login) is not None:
                return
            time.sleep(0.1)
        with open(os.path.join(self.folder, f"{name}.log"), errors="replace") as log:
            sys.exit(f"{name} does not answer:\n{log.read()[-2000:]}")

    def start_server(self):
        data = os.path.join(self.folder, "server")
        os.mkdir(data, 0o700)
        user = unprivileged()
        if user is not None:
            os.chown(data, user.pw_uid, user.pw_gid)
        password = self.write("superuser", PASSWORD)
        subprocess.run(
            [os.path.join(self.bin, "initdb"), "--username=postgres", "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
             f"--pwfile={password}", f"--pgdata={data}"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **as_unprivileged())
        with open(os.path.join(data, "postgresql.auto.conf"), "w", encoding="ascii") as file:
            file.write(SERVER_SETTINGS)
        self.run_server()

    def run_server(self):
        """Starts the server on what it has; the process."""
        data = os.path.join(self.folder, "server")
        process = self.start(
            "server", [os.path.join(self.bin, "postgres"), "-D", data, "-p", str(self.port)],
            how=signal.SIGINT, **as_unprivileged())
        self.wait_for("server", process)
        self.server = process.pid
        return process

    def server_cpu_seconds(self):
        """User and system time of the server with all its processes, running and ended. Of those that
        run to the nanosecond: there are many, and each worked for less than the clock of /proc ticks."""
        def fields(pid):
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()

        def running():
            found = {}
            for pid in filter(str.isdigit, os.listdir("/proc")):
                # It may end meanwhile.
                with contextlib.suppress(OSError):
                    if int(fields(pid)[1]) == self.server:
                        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
                            found[pid] = int(file.read().split()[0]) / 1e9
            return found
        # One that ends while they are counted would be counted twice, or not at all.
        for _ in range(100):
            before = running()
            ended = sum(map(int, fields(self.server)[11:15])) / TICKS
            if before.keys() == running().keys():
                break
            time.sleep(0.02)
        return ended + sum(before.values())

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def environment(self, port=None, user="postgres", database="postgres"):
        return {
            **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port or self.port), "PGUSER": user,
            "PGPASSWORD": PASSWORD, "PGDATABASE": database, "PGCONNECT_TIMEOUT": "10",
            "PGSSLMODE": "disable", "PGOPTIONS": "",
        }

    def psql(self, sql, check=True, **login):
        """Runs a script; its unaligned output, or None after an error that may happen."""
        done = subprocess.run(
            [os.path.join(self.bin, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input=sql, text=True, capture_output=True, env=self.environment(**login), cwd="/",
            check=False)
        if done.returncode != 0:
            if check:
                sys.exit(f"psql failed:\n{done.stderr}\n{sql[:500]}")
            return None
        return done.stdout

    def start_bouncer(self, mode, user, size, tls=None, clients=1000):
        """PgBouncer with the same login on both sides; the port and the process. `tls` names the
        files of key and certificate."""
        if bouncer() is None:
            return None
        port = free_port()
        # The server's own verifier: PgBouncer derives the keys of a plain password at every login.
        verifier = self.psql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'").strip()
        users = self.write(f"users-{mode}.txt", f'"{user}" "{verifier}"\n')
        encrypted = "" if tls is None else (
            f"client_tls_sslmode = allow\nclient_tls_key_file = {tls[0]}\n"
            f"client_tls_cert_file = {tls[1]}\n")
        prepared = "max_prepared_statements = 200\n" if bouncer_version() >= KEEPS_PREPARED else ""
        config = self.write(
            f"pgbouncer-{mode}-{port}.ini",
            f"[databases]\n* = host=127.0.0.1 port={self.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {users}\npool_mode = {mode}\n"
            f"default_pool_size = {size}\nmax_client_conn = {clients}\n{encrypted}{prepared}"
            "log_connections = 0\nlog_disconnections = 0\nlog_stats = 0\n"
            "ignore_startup_parameters = extra_float_digits,options\n")
        name = f"pgbouncer-{mode}-{port}"
        process = self.start(name, [bouncer(), config], how=signal.SIGINT, **as_unprivileged())
        self.wait_for(name, process, port=port, user=user)
        return port, process.pid

    def start_relay(self):
        """A relay that looks at nothing, in front of the server; the port and the process."""
        port = free_port()
        program = os.path.join(BUILT, "examples", "relay")
        process = self.start(
            "relay", [program, f"127.0.0.1:{port}", f"127.0.0.1:{self.port}"])
        self.wait_for("relay", process, port=port)
        return port, process.pid

    def start_rowgate(self, database, policy, directory, durability, size, login, pool="session",
                      tls=None, clients=None, more="", listen=""):
        """rowgate with that policy and directory; the port, the process and the configuration."""
        port, config = self.configure_rowgate(
            database, policy, directory, durability, size, pool, tls, clients, more, listen)
        process = self.start(f"rowgate-{port}", [rowgate_program(), "serve", "--config", config])
        self.wait_for(f"rowgate-{port}", process, port=port, user=login, database=database)
        return port, process.pid, config

    def configure_rowgate(self, database, policy, directory, durability="write", size=4,
                          pool="session", tls=None, clients=None, more="", listen=""):
        """The port and the configuration of a rowgate that is not started yet; `more` stands in
        its section on policies, `listen` in the one on clients."""
        port = free_port()
        home = os.path.join(self.folder, f"rowgate-{port}")
        os.makedirs(os.path.join(home, "policies"))

        def write(name, text):
            with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                file.write(text)

        encrypted = 'tls = { mode = "disable" }\n' if tls is None else (
            f'tls = {{ mode = "allow", private_key = "{tls[0]}", certificate = "{tls[1]}" }}\n')
        limit = "" if clients is None else f"max_connections = {clients}\n"
        write("policies/bench.yaml", policy)
        write("directory.yaml", directory)
        write(
            "rowgate.toml",
            f'[listen]\naddress = "127.0.0.1:{port}"\n{encrypted}{limit}{listen}'
            f'[backend]\nhosts = ["127.0.0.1:{self.port}"]\ndatabase = "{database}"\n'
            f'user = "app"\npassword = "{PASSWORD}"\ntls = {{ mode = "disable" }}\n'
            f'pool = {{ mode = "{pool}", size = {size} }}\n'
            f'[directory]\nfile = "directory.yaml"\n[policy]\npath = "policies"\n{more}'
            f'[audit]\npath = "audit"\ndurability = "{durability}"\n')
        return port, os.path.join(home, "rowgate.toml")


def verifier():
    """A SCRAM verifier of the one password."""
    done = subprocess.run([rowgate_program(), "user", "password"], input=PASSWORD, text=True,
                          capture_output=True, check=True)
    return done.stdout.strip()


def explain(config, user, sql):
    """What rowgate makes of a statement."""
    done = subprocess.run(
        [rowgate_program(), "explain", "--config", config, "--user", user, "--sql", sql,
         "--format", "json"], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"rowgate explain refused {sql}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)["rewritten"]


def exported(config):
    """The same policy as row-level security, for everybody in the directory."""
    done = subprocess.run(
        [rowgate_program(), "export", "rls", "--config", config, "--create-roles"],
        text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"rowgate export rls failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def metric(port, name):
    """The sum of a metric's series on rowgate's admin port; None when there is none."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
    return sum(map(float, found)) if found else None


def with_metrics():
    """A free port, and the section of the configuration that opens it for metrics."""
    port = free_port()
    return port, f'[admin]\naddress = "127.0.0.1:{port}"\n'


def versions():
    """What was measured, a line each."""
    programs = [[os.path.join(binaries(), "postgres"), "--version"], [rowgate_program(), "--version"],
                ["rustc", "--version"], ["uname", "-sr"]]
    if bouncer():
        programs.insert(1, [bouncer(), "--version"])
    found = []
    for program in programs:
        with contextlib.suppress(OSError):
            done = subprocess.run(program, text=True, capture_output=True, check=False)
            found += done.stdout.splitlines()[:1]
    return found


def write_plot(name, drawn, title):
    """Writes an SVG beside the reports; the line of Markdown that shows it."""
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as file:
        file.write(drawn)
    return f"![{title}]({name})"


def median(values):
    return statistics.median(values) if values else float("nan")


def spread(values, form="{:.2f}"):
    """`median (lowest–highest)`"""
    if not values:
        return "–"
    return f"{form.format(median(values))} ({form.format(min(values))}–{form.format(max(values))})"


def machine():
    """One line on what this ran on: enough to read the figures, not enough to find the machine."""
    model = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else ""
    version = subprocess.run([os.path.join(binaries(), "postgres"), "--version"], text=True,
                             capture_output=True, check=True).stdout.strip()
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs ({model}), load before {load:.1f}, {version}"


def write_report(name, text):
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    print(f"written to {os.path.relpath(path, ROOT)}")
