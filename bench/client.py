"""As much of PostgreSQL's protocol as the measurements need: a login and queries as text."""

import base64
import hashlib
import hmac
import os
import socket
import struct

from stage import PASSWORD

DATABASE = "bench"
# Salting takes the client longer than a login takes the server: once for each salt.
SALTED = {}


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


class ServerError(ConnectionError):
    """An ErrorResponse."""

    def __init__(self, body):
        fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
        self.state = fields.get(b"C", "")
        super().__init__(f"{self.state} {fields.get(b'M', '')}")


class Client:
    """As much of the protocol as a login and one query need (PostgreSQL documentation, 55.2)."""

    def __init__(self, port, user, tls=None, database=DATABASE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        if tls is not None:
            self.socket.sendall(struct.pack("!ii", 8, 80877103))
            if self.socket.recv(1) != b"S":
                raise ConnectionError("no TLS")
            self.socket = tls.wrap_socket(self.socket)
        self.buffer = b""
        self.key = b""
        self.login(user, database)

    def receive(self):
        while True:
            if len(self.buffer) >= 5:
                end = struct.unpack("!i", self.buffer[1:5])[0] + 1
                if len(self.buffer) >= end:
                    kind, body = self.buffer[:1], self.buffer[5:end]
                    self.buffer = self.buffer[end:]
                    if kind == b"E":
                        raise ServerError(body)
                    if kind == b"K":
                        self.key = body
                    return kind, body
            more = self.socket.recv(8192)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more

    def until_ready(self):
        while self.receive()[0] != b"Z":
            pass
        self.buffer = b""

    def login(self, user, database):
        startup = f"user\0{user}\0database\0{database}\0\0".encode()
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

    def answer(self):
        """Reads until the server is ready again: what came, and the first error among it."""
        kinds, error = [], None
        while True:
            try:
                kind, _ = self.receive()
            except ServerError as found:
                if found.state.startswith("57P") and found.state != "57P03":
                    raise
                error = error or found
                continue
            kinds.append(kind)
            if kind == b"Z":
                return kinds, error

    def ask(self, sql):
        """One query as text; its error, if it had one."""
        self.socket.sendall(message(b"Q", sql.encode() + b"\0"))
        return self.answer()[1]

    def prepare(self, name, sql):
        self.socket.sendall(message(b"P", f"{name}\0{sql}\0".encode() + b"\0\0") + message(b"S", b""))
        return self.answer()[1]

    def execute(self, name, *values):
        """Binds, executes and syncs, with all values as text."""
        bound = b"".join(struct.pack("!i", len(value)) + value
                         for value in (str(each).encode() for each in values))
        bind = b"\0" + name.encode() + b"\0" + struct.pack("!hh", 0, len(values)) + bound + struct.pack("!h", 0)
        self.socket.sendall(message(b"B", bind) + message(b"E", b"\0" + struct.pack("!i", 0))
                            + message(b"S", b""))
        return self.answer()[1]

    def copy_in(self, sql, lines):
        """COPY FROM STDIN with these lines."""
        self.socket.sendall(message(b"Q", sql.encode() + b"\0"))
        try:
            while self.receive()[0] != b"G":
                pass
        except ServerError as error:
            self.answer()
            return error
        self.socket.sendall(message(b"d", "".join(lines).encode()) + message(b"c", b""))
        return self.answer()[1]

    def cancel(self, port):
        """Asks for the end of what runs, on a connection of its own."""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as other:
            other.sendall(struct.pack("!ii", 12 + len(self.key) - 4, 80877102) + self.key)
            other.recv(1)
