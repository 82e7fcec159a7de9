"""Runs the application; a signal ends it."""

from __future__ import annotations

from typing import Final

import uvicorn
from fastapi import FastAPI

from spanstream.consumer.asking.api.uvicorn_config import uvicorn_config
from spanstream.consumer.http import listening_socket, shown_address

_CLOSE_SECONDS: Final = 3


class DeskServer:
    """Listens from the beginning on, and answers while it runs.

    Raises:
        Stop: the port is taken.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._socket = listening_socket(host, port, "SPANSTREAM_DESK__PORT")
        self.address = f"http://{shown_address(host, self._socket.getsockname()[1])}"
        self._server = uvicorn.Server(uvicorn_config(app, drain_seconds=_CLOSE_SECONDS))

    def run(self) -> None:
        """Answers until SIGTERM, Ctrl-C or `stop`."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Makes `run` end."""
        self._server.should_exit = True
