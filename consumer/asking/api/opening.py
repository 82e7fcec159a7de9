"""The composition root of `POST /v1/answers`; imports FastAPI and uvicorn where they are used, and not before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spanstream.consumer.asking.api.desk import Desk
from spanstream.consumer.asking.text_answerer import TextAnswerer
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.http import is_loopback
from spanstream.consumer.metrics import RequestMetrics
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.answers_api import AnswersApiSettings
from spanstream.models.reader import Reader

if TYPE_CHECKING:
    from spanstream.consumer.asking.api.server import AnswersServer


def open_answers_api(  # noqa: PLR0913  built in two commands, by name
    settings: Settings,
    reader: Reader,
    metrics: RequestMetrics,
    *,
    port: int,
    parallel: int,
    stop: threading.Event,
    on_turn: Callable[[], None] = lambda: None,
) -> AnswersServer:
    """Serves `POST /v1/answers`, on threads of its own.

    Args:
        settings: all settings.
        reader: the model; it may be shared.
        metrics: count the requests.
        port: 0 takes a free one.
        parallel: requests read at the same time, unless the settings say it.
        stop: ends it.
        on_turn: called while it is at work.

    Raises:
        Stop: the extra is missing, the port is taken, or there is no token where others can reach it.
    """
    ours = settings.answers_api
    check_answers_api(ours)
    from spanstream.consumer.asking.api.app import AnswersEndpoint, create_app  # noqa: PLC0415  the extra
    from spanstream.consumer.asking.api.server import AnswersServer  # noqa: PLC0415  the extra

    clock = SystemClock()
    desk = Desk(
        TextAnswerer(reader, clock),
        settings.limits,
        parallel=ours.parallel or parallel,
        max_waiting=ours.max_waiting,
    )
    app = create_app()
    app.state.endpoint = AnswersEndpoint(desk, settings, metrics, clock)
    return AnswersServer(
        app,
        desk,
        host=ours.host,
        port=port,
        stop=stop,
        drain_seconds=settings.drain_seconds,
        on_turn=on_turn,
    )


def check_answers_api(settings: AnswersApiSettings) -> None:
    """Refuses what cannot be served. Raises `Stop`: the extra is missing, or a token where others can reach it."""
    if settings.token is None and not is_loopback(settings.host):
        raise Stop(
            f"others can reach {settings.host}, and there is no token for POST /v1/answers",
            hint="set SPANSTREAM_ANSWERS_API__TOKEN, or SPANSTREAM_ANSWERS_API__HOST to 127.0.0.1",
        )
    with _http_extra():
        import spanstream.consumer.asking.api.server  # noqa: F401, PLC0415  the extra


def openapi_document() -> dict[str, Any]:
    """Returns what `/openapi.json` says. Raises `Stop` where the extra is missing."""
    with _http_extra():
        from spanstream.consumer.asking.api.app import create_app  # noqa: PLC0415  the extra
    return create_app().openapi()


@contextmanager
def _http_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Stop(
            f"questions over HTTP need the extra http ({error.name} is missing): pip install 'spanstream[http]'"
        ) from error
