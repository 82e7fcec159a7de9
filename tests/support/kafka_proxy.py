"""A proxy in front of a Kafka listener that loses one request or one reply of a given kind, and then everything.

Requests and replies are frames: their size (4 bytes), then for a request its API key, version and correlation id, for
a reply the correlation id. Source: https://kafka.apache.org/protocol
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Literal

END_TXN = 26
TXN_OFFSET_COMMIT = 28
Loss = Literal["request", "reply"]


class KafkaProxy:
    """Listens on a port that the broker advertises, so that clients who came through it stay behind it."""

    def __init__(self, port: int, upstream_port: int) -> None:
        self.lost = threading.Event()
        self._upstream_port = upstream_port
        self._losing: tuple[int, Loss] | None = None
        self._away_after = False
        self._away = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def lose(self, api_key: int, what: Loss, *, then_away: bool = True) -> None:
        """Lose the next such request, or the reply to it (the broker has done it then); after that stay away."""
        self.lost.clear()
        self._losing, self._away_after = (api_key, what), then_away

    def heal(self) -> None:
        """Let everything through again."""
        self._losing, self._away = None, False

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, or the port stays taken
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._away:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._upstream_port))
                with self._lock:
                    self._connections |= {client, server}
                awaited: set[int] = set()
                for pump in (self._requests, self._replies):
                    threading.Thread(target=pump, args=(client, server, awaited), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, awaited: set[int]) -> None:
        with contextlib.suppress(OSError), client, server:
            while frame := _frame(client):
                api_key, _, correlation = struct.unpack_from(">hhi", frame, 4)
                losing = self._losing
                if losing == (api_key, "request"):
                    self._lose()
                elif losing == (api_key, "reply"):
                    awaited.add(correlation)
                server.sendall(frame)

    def _replies(self, client: socket.socket, server: socket.socket, awaited: set[int]) -> None:
        with contextlib.suppress(OSError), client, server:
            while frame := _frame(server):
                if struct.unpack_from(">i", frame, 4)[0] in awaited:
                    self._lose()
                client.sendall(frame)

    def _lose(self) -> None:
        self._losing, self._away = None, self._away_after
        self._cut()
        self.lost.set()
        raise ConnectionAbortedError

    def _cut(self) -> None:
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _frame(connection: socket.socket) -> bytes:
    head = _exactly(connection, 4)
    return head + _exactly(connection, struct.unpack(">i", head)[0]) if head else b""


def _exactly(connection: socket.socket, size: int) -> bytes:
    """That many bytes, or none where the connection ends."""
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)
