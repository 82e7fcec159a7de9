"""The login of this process's Kafka clients: their user and password may change while they live."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final, Protocol
from weakref import WeakSet


class LoggedIn(Protocol):
    """A client of librdkafka's: it logs in with these when it connects next, and stays connected until then."""

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Replaces user and password."""


class Credentials:
    """Gives the latest user and password to all clients that live, on whichever thread.

    Attributes:
        are_watched: user or password come from a file that somebody watches.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.are_watched = False
        self._clock = clock
        self._unfit_until = clock()
        self._lock = Lock()
        self._clients: WeakSet[LoggedIn] = WeakSet()
        self._latest: tuple[str, str] | None = None

    @property
    def refusal_may_mend(self) -> bool:
        """Tells whether a login that the broker refuses is to be tried again.

        A password does not change at the broker and in a file in the same moment, and a token may be on its way.
        """
        return self.are_watched or self._clock() < self._unfit_until

    def are_unfit_for(self, seconds: float) -> None:
        """Says that clients may be refused now, and be told so at the latest after this time."""
        self._unfit_until = self._clock() + seconds

    def change(self, username: str, password: str) -> None:
        """Gives these to all clients, and to those that are made later."""
        with self._lock:
            self._latest = (username, password)
            for client in self._clients:
                client.set_sasl_credentials(username, password)

    def add(self, client: LoggedIn) -> None:
        """Keeps a new client up to date, from now until it is closed or gone."""
        with self._lock:
            self._clients.add(client)
            if self._latest is not None:
                client.set_sasl_credentials(*self._latest)

    def remove(self, client: LoggedIn) -> None:
        """Leaves a client alone that is about to be closed: librdkafka would crash."""
        with self._lock:
            self._clients.discard(client)


CREDENTIALS: Final = Credentials()
"""Of this process: all its clients log in as one user."""
