"""A proxy in front of a Kafka listener that loses one request or one reply of a given kind, and then everything; that
is cut, with or without a word to either side; or that takes the brokers out of Metadata replies, as a lone broker does
that is fenced (just started, or paused).

Requests and replies are frames: their size (4 bytes), then for a request its API key, version and correlation id, for
a reply the correlation id. Source: https://kafka.apache.org/protocol
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Literal

METADATA = 3
END_TXN = 26
TXN_OFFSET_COMMIT = 28
Loss = Literal["request", "reply"]


class KafkaProxy:
    """Listens on a port that the broker advertises, so that clients who came through it stay behind it."""

    def __init__(self, port: int, upstream_port: int) -> None:
        self.lost = threading.Event()
        self.named_none = threading.Event()
        self._upstream_port = upstream_port
        self._losing: tuple[int, Loss] | None = None
        self._away_after = False
        self._away = False
        self._names_no_brokers = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def lose(self, api_key: int, what: Loss, *, then_away: bool = True) -> None:
        """Loses the next such request, or the reply to it (the broker has done it then); after that stays away."""
        self.lost.clear()
        self._losing, self._away_after = (api_key, what), then_away

    def name_no_brokers(self) -> None:
        """Takes the brokers out of Metadata replies until `heal`; `named_none` is set by the first one."""
        self.named_none.clear()
        self._names_no_brokers = True

    def cut(self) -> None:
        """Ends all connections, and each new one at once, until `heal`."""
        self._away = True
        self._cut()

    def hold(self) -> None:
        """Passes nothing on until `heal`, and tells neither side; then what was sent meanwhile arrives."""
        self._flowing.clear()

    def heal(self) -> None:
        """Lets everything through again."""
        self._losing, self._away, self._names_no_brokers = None, False, False
        self._flowing.set()

    def close(self) -> None:
        self._flowing.set()
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
                try:
                    server = socket.create_connection(("127.0.0.1", self._upstream_port))
                except OSError:  # the broker is down
                    client.close()
                    continue
                with self._lock:
                    self._connections |= {client, server}
                awaited: set[int] = set()
                metadata: set[int] = set()
                for pump in (self._requests, self._replies):
                    threading.Thread(target=pump, args=(client, server, awaited, metadata), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, awaited: set[int], metadata: set[int]) -> None:
        with contextlib.suppress(OSError), client, server:
            while frame := _frame(client):
                self._flowing.wait()
                api_key, _, correlation = struct.unpack_from(">hhi", frame, 4)
                losing = self._losing
                if losing == (api_key, "request"):
                    self._lose()
                elif losing == (api_key, "reply"):
                    awaited.add(correlation)
                if api_key == METADATA:
                    metadata.add(correlation)
                server.sendall(frame)

    def _replies(self, client: socket.socket, server: socket.socket, awaited: set[int], metadata: set[int]) -> None:
        with contextlib.suppress(OSError), client, server:
            while frame := _frame(server):
                self._flowing.wait()
                (correlation,) = struct.unpack_from(">i", frame, 4)
                if correlation in awaited:
                    self._lose()
                if correlation in metadata and self._names_no_brokers:
                    frame = _without_brokers(frame)
                    self.named_none.set()
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


def _without_brokers(reply: bytes) -> bytes:
    """Returns a Metadata reply (version 9 or later) without brokers; lengths are varints of one byte here."""
    begin = place = 4 + 4 + 1 + 4  # size, correlation id, header tags, throttle time
    brokers, place = reply[place] - 1, place + 1
    for _ in range(brokers):
        place += 4  # node id
        place += reply[place] + 4  # host, its length counts itself; port
        place += max(reply[place], 1) + 1  # rack, 0 where there is none; tags
    rest = reply[4:begin] + b"\x01" + reply[place:]
    return struct.pack(">i", len(rest)) + rest


def _exactly(connection: socket.socket, size: int) -> bytes:
    """That many bytes, or none where the connection ends."""
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)
