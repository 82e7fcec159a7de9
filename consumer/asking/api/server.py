"""Runs the HTTP application on a thread of its own, until the program is to stop."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from spanstream.consumer.asking.api.desk import Desk
from spanstream.consumer.asking.api.uvicorn_config import uvicorn_config
from spanstream.consumer.http import listening_socket

# Seconds between two looks at whether the program is to stop.
_LOOK_SECONDS = 0.1
# Longer than proxies keep an idle connection (60 seconds, commonly): it is theirs to close it, or they would send a
# request into one that is just being closed here.
_KEEP_ALIVE_SECONDS = 75


class AnswersServer:
    """Serves the application until `stop` is set or it is closed.

    Then it accepts nothing more, refuses what waits, and finishes what was begun within `drain_seconds`.

    Args:
        app: the application.
        desk: is closed when the end begins.
        host: address to listen on.
        port: 0 takes a free one.
        stop: ends it.
        drain_seconds: for what was begun.
        on_turn: called while it is at work.

    Raises:
        Stop: the port is taken.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
        self,
        app: FastAPI,
        desk: Desk,
        *,
        host: str,
        port: int,
        stop: threading.Event,
        drain_seconds: float,
        on_turn: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._stop = stop
        self._is_closing = False
        self._on_turn = on_turn
        self._socket = listening_socket(host, port, "SPANSTREAM_ANSWERS_API__PORT", dualstack=host == "::")
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn_config(app, drain_seconds=math.ceil(drain_seconds), keep_alive_seconds=_KEEP_ALIVE_SECONDS)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="answers-api", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Waits for the end."""
        self._thread.join()

    def close(self) -> None:
        """Begins the end, where it has not begun, and waits for it."""
        self._is_closing = True
        self.wait()

    async def _serve(self) -> None:
        watching = asyncio.create_task(self._end_when_told())
        await self._server.serve(sockets=[self._socket])
        watching.cancel()

    async def _end_when_told(self) -> None:
        while not (self._is_closing or self._stop.is_set()):
            self._on_turn()
            await asyncio.sleep(_LOOK_SECONDS)
        self._desk.close()
        self._server.should_exit = True
