"""Runs the application; a signal ends it."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from spanstream.consumer.errors import Stop
from spanstream.consumer.http import address_family, shown_address

_CLOSE_SECONDS: Final = 3


class DeskServer:
    """Listens from the beginning on, and answers while it runs.

    Raises:
        Stop: the port is taken.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        try:
            self._socket = socket.create_server((host, port), family=address_family(host))
        except OSError as error:
            detail = f"cannot listen on {shown_address(host, port)}: {error.strerror}"
            raise Stop(detail, hint="set SPANSTREAM_DESK__PORT to a free port") from error
        self.address = f"http://{shown_address(host, self._socket.getsockname()[1])}"
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_CLOSE_SECONDS,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answers until SIGTERM, Ctrl-C or `stop`."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Makes `run` end."""
        self._server.should_exit = True
