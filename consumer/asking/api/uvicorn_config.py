"""Configures uvicorn, for the answers over HTTP and for the desk's pages."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

# uvicorn's own default.
_KEEP_ALIVE_SECONDS = 5


def uvicorn_config(
    app: FastAPI, *, drain_seconds: int, keep_alive_seconds: int = _KEEP_ALIVE_SECONDS
) -> uvicorn.Config:
    """Returns a configuration that logs nothing of requests and says nothing of the server.

    Args:
        app: the application.
        drain_seconds: for what was begun when the end begins.
        keep_alive_seconds: how long a connection may be idle.
    """
    return uvicorn.Config(
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
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=drain_seconds,
    )
