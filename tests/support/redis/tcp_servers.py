"""Servers that a test makes up: one that answers with whatever bytes the test says, and a TLS front for a real one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Respond = Callable[[bytes], Iterable[bytes]]


class ScriptedServer:
    """Answers every read with the pieces that `respond` yields; the connection is closed when it raises EOFError."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.connections = 0
        self.requests = 0
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        _close(self._listener)

    def sleep(self, seconds: float) -> None:
        """For `respond`: wait, but not past the end of the test."""
        self._closing.wait(seconds)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, EOFError):
            while request := connection.recv(1 << 16):
                self.requests += 1
                for piece in self.respond(request):
                    if self._closing.is_set():
                        return
                    connection.sendall(piece)


@contextlib.contextmanager
def scripted(respond: Respond) -> Iterator[ScriptedServer]:
    server = ScriptedServer(respond)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1, as files."""

    certificate: Path
    key: Path


def self_signed(folder: Path, openssl: str) -> Certificate:
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run([openssl, *kind, *names, *files], check=True, capture_output=True)
    return made


@contextlib.contextmanager
def tls_front(port: int, certificate: Certificate) -> Iterator[int]:
    """Takes TLS connections and passes what they say to a plain port; yields the port to connect to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            plain,
            context.wrap_socket(plain, server_side=True) as front,
            socket.create_connection(("127.0.0.1", port)) as back,
        ):
            while request := front.recv(1 << 16):  # small requests: each is answered before the next one is sent
                back.sendall(request)
                front.sendall(back.recv(1 << 16))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        _close(listener)


def _close(listener: socket.socket) -> None:
    listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; closing alone leaves the port open
    listener.close()
