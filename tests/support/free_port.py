"""Finds a port for a server that a test starts."""

from __future__ import annotations

import socket

# Asked twice in a row, the system may name one port twice: a broker with five of them would then not start.
_given: set[int] = set()


def free_port() -> int:
    """Returns a TCP port of this machine that nobody listens on now; each time another one."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port
