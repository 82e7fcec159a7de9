"""Gives requests their turn: few are read at the same time, some wait in their order, the others are told to come back.

    place (or 503) -> body is read -> turn (or 504) -> decode, answer, encode, on a thread -> body of the response

All methods run on the event loop's thread. A request whose client has gone, or whose time is over, is not begun; one
that was begun ends after the windows that are being read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from spanstream.consumer.asking.api.problem import COME_BACK, RequestRefused
from spanstream.consumer.asking.text_answerer import TextAnswerer
from spanstream.consumer.clock import Deadline
from spanstream.schemas.codec import decode_request, encode
from spanstream.schemas.limits import Limits


class Desk:
    """Answers requests, a bounded number of them at a time.

    Args:
        answerer: reads the texts.
        limits: what a request may be.
        parallel: requests read at the same time.
        max_waiting: requests that may wait for that, or be on their way in.
    """

    def __init__(self, answerer: TextAnswerer, limits: Limits, *, parallel: int, max_waiting: int) -> None:
        self._answerer = answerer
        self._limits = limits
        self._places = parallel + max_waiting
        self._taken = 0
        self._is_closed = False
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="answers-api")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place for one request, from before its body is read.

        Raises:
            RequestRefused: there is none left, or the program is being stopped.
        """
        self._refuse_if_closed()
        if self._taken >= self._places:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many requests are waiting", COME_BACK)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def answer(
        self, body: bytes, deadline: Deadline, departure: Callable[[], Coroutine[None, None, None]]
    ) -> bytes:
        """Returns the body of the response, once it is this request's turn.

        Args:
            body: of the request.
            deadline: for the turn and the answers.
            departure: waits until the client has gone.

        Raises:
            RequestRefused: the deadline has passed, the client has gone, or the program is being stopped.
            InvalidRecord: the body is no request.
            ModelError: as `TextAnswerer.answers`.
        """
        self._refuse_if_closed()
        given_up = threading.Event()
        work = asyncio.wrap_future(self._pool.submit(self._work, body, deadline, given_up))
        gone = asyncio.ensure_future(departure())
        either: set[asyncio.Future[Any]] = {work, gone}
        try:
            await asyncio.wait(either, timeout=deadline.seconds_left, return_when=asyncio.FIRST_COMPLETED)
            if work.cancelled():
                self._refuse_if_closed()
            if work.done():
                return work.result()
            raise client_has_gone() if gone.done() else _too_late()
        finally:
            given_up.set()
            work.cancel()
            gone.cancel()

    def close(self) -> None:
        """Refuses every request that is not being read."""
        self._is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise is_stopping()

    def _work(self, body: bytes, deadline: Deadline, given_up: threading.Event) -> bytes:
        """Answers a request, on a thread of the pool; stops between two answers where nobody waits for them."""
        if deadline.has_passed:
            raise _too_late()
        answers = []
        for answer in self._answerer.answers(decode_request(body, self._limits)):
            if given_up.is_set() or deadline.has_passed:
                raise _too_late()
            answers.append(encode(answer))
        return b'{"answers":[' + b",".join(answers) + b"]}"


def client_has_gone() -> RequestRefused:
    """Returns what is counted for a request whose client has gone; nobody reads it."""
    return RequestRefused(HTTPStatus.BAD_REQUEST, "disconnected", "the client has gone")


def is_stopping() -> RequestRefused:
    """Returns what is told once the program ends."""
    return RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the program is being stopped", COME_BACK)


def _too_late() -> RequestRefused:
    return RequestRefused(HTTPStatus.GATEWAY_TIMEOUT, "deadline", "there was no time to answer all questions")
