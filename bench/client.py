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
        self.login(user, database)

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
