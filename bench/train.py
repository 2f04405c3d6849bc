"""What a release build is arranged by: everything that a gateway does often, for about two minutes.

    ROWGATE=path/to/an/instrumented/rowgate python3 bench/train.py
"""

import os
import ssl
import subprocess

from bulk import drain
from client import Client
from compare import POLICY, SCALE, directory, fill
from idle import certificate
from stage import Stage

LOGINS = 200
SHAPES = 400
# Texts of the kinds that applications and BI tools send; numbers make each of them a new shape.
NEW = (
    "SELECT aid AS c{n}, abalance FROM pgbench_accounts WHERE aid = {n}",
    "SELECT a.aid AS c{n}, count(*) FROM pgbench_accounts a JOIN pgbench_branches b ON a.bid = b.bid "
    "WHERE a.aid BETWEEN {n} AND {n} + 10 AND a.abalance >= 0 GROUP BY a.aid ORDER BY 1 LIMIT 5",
    "WITH big AS (SELECT aid, bid, abalance FROM pgbench_accounts WHERE aid < {n}) "
    "SELECT b.bid, sum(big.abalance) AS c{n} FROM big LEFT JOIN pgbench_branches b USING (bid) "
    "WHERE EXISTS (SELECT 1 FROM pgbench_branches x WHERE x.bid = big.bid) GROUP BY b.bid "
    "HAVING count(*) > 0 ORDER BY CASE WHEN b.bid IS NULL THEN 1 ELSE 0 END, 1",
    "SELECT upper(filler) AS c{n} FROM pgbench_accounts WHERE filler LIKE 'a%' OR bid IN (1, 2, 3) LIMIT {n}",
)


def pgbench(on, port, user, mode, clients, seconds):
    subprocess.run(
        [os.path.join(on.bin, "pgbench"), "-n", "-S", "-M", mode, "-c", str(clients), "-j", "1",
         "-T", str(seconds), "-s", str(SCALE)],
        env=on.environment(port=port, user=user, database="bench"), check=True, cwd="/",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def visit(port, tls):
    """Logins, new shapes, and an answer of some size."""
    for _ in range(LOGINS):
        Client(port, "alice", tls).close()
    client = Client(port, "alice", tls)
    for number in range(SHAPES):
        client.query(NEW[number % len(NEW)].format(n=number))
    drain(client, "SELECT * FROM pgbench_accounts LIMIT 200000")
    client.close()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with Stage() as on:
        fill(on)
        files = certificate(on)
        for pool, durability in (("session", "write"), ("transaction", "write"), ("session", "fsync")):
            port, pid, _ = on.start_rowgate("bench", POLICY, directory(), durability, 40, "alice", pool,
                                            tls=files)
            for mode in ("simple", "extended", "prepared"):
                for clients in (1, 16):
                    pgbench(on, port, "alice", mode, clients, 2)
            pgbench(on, port, "henry", "prepared", 8, 1)
            for tls in (None, context):
                visit(port, tls)
            # A profile is written when the program ends by itself.
            on.end(pid)


if __name__ == "__main__":
    main()
