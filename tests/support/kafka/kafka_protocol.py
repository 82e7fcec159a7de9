"""The two requests that make a Kafka group forget a living member: what a session timeout does, without the wait.

Layouts: https://kafka.apache.org/protocol - LeaveGroup version 3, ConsumerGroupHeartbeat version 0 (KIP-848).
"""

from __future__ import annotations

import socket
import struct

_LEAVE_GROUP = 13
_CONSUMER_GROUP_HEARTBEAT = 68
_LEAVING = -1  # as a member epoch


def expel_from_classic_group(bootstrap: str, group: str, member_id: str) -> None:
    members = struct.pack(">i", 1) + _string(member_id) + struct.pack(">h", -1)
    _ask(bootstrap, _LEAVE_GROUP, 3, b"", _string(group) + members)


def expel_from_consumer_group(bootstrap: str, group: str, member_id: str) -> None:
    nothing = b"\x00"
    body = _compact(group) + _compact(member_id) + struct.pack(">i", _LEAVING) + nothing * 2
    body += struct.pack(">i", -1) + nothing * 4
    _ask(bootstrap, _CONSUMER_GROUP_HEARTBEAT, 0, nothing, body)


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _compact(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()  # one byte of a varint: the tests' names are short


def _ask(bootstrap: str, key: int, version: int, header_tags: bytes, body: bytes) -> None:
    host, port = bootstrap.split(":")
    request = struct.pack(">hhi", key, version, 1) + _string("test") + header_tags + body
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        reply = connection.makefile("rb")
        (size,) = struct.unpack(">i", reply.read(4))
        # Correlation id, header tags (as the request has them), throttle time; then the error.
        answer = reply.read(size)
        (error,) = struct.unpack_from(">h", answer, 8 + len(header_tags))
    if error:
        raise RuntimeError(f"the broker did not expel the member: error {error}")
