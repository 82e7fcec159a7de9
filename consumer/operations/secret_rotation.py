"""Reads the files of secrets again while a stream runs: every few seconds, and at once when it is asked to.

    files as they are now ──> the settings anew ──┬── the Kafka user or password: every client has the new one
                                                  ├── what Redis is reached by: connected anew
                                                  ├── the token of the model's server: nothing, before the next start
                                                  └── anything else: the stream ends as by SIGTERM, and starts anew

A file is compared by its content, so it does not matter how it is replaced (kubelet swaps a symbolic link).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol, runtime_checkable

import structlog

from spanstream.consumer.broker.kafka.credentials import CREDENTIALS
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
_LOGIN: Final = ("sasl.username", "sasl.password")
# Files that Kafka's and the registry's clients read when they are made; redis-py reads its own with every connection.
_READ_ONCE: Final[tuple[str, ...]] = (
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
)


@runtime_checkable
class Reconnecting(Protocol):
    """A store that can be reached by another URL from now on."""

    def reconnect(self, url: str, client: Mapping[str, object]) -> None:
        """Goes on with these."""


class SecretRotation:
    """Watches the files; see the module.

    Args:
        settings: as the stream was built with.
        load: reads the settings anew.
        files: whose content is the value of a setting, by the setting's variable.
        store: the cache's Redis.
        restart: ends the stream.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        files: Mapping[str, Path],
        store: object,
        restart: Callable[[], None],
    ) -> None:
        self._settings, self._load, self._store, self._restart = settings, load, store, restart
        self._read_once = _files_of(settings.kafka.client) | _files_of(settings.registry.client, "the registry's ")
        self._files: dict[str, Path] = {**files, **self._read_once}
        self._seen: dict[str, str] = {name: _fingerprint(file) for name, file in self._read_once.items()}
        self._wake = Event()
        self._closing = False
        self._restarts_for = ""

    @property
    def has_files(self) -> bool:
        """Tells whether there is anything to watch."""
        return bool(self._files)

    def look_now(self) -> None:
        """Has the files looked at before their time; may be called by a signal's handler."""
        self._wake.set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Looks at the files, on a thread of its own, until the block ends.

        Raises:
            Stop: after the block, where what has changed takes a new start.
        """
        if not self.has_files:
            yield
            return
        CREDENTIALS.are_watched = any(_is_login(name) for name in self._files)
        thread = Thread(target=self._watch, name="secret-files", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._closing = True
            self._wake.set()
            thread.join()
        if self._restarts_for:
            raise Stop(f"{self._restarts_for}: changed, which takes a new start", hint="start it again")

    def look(self) -> None:
        """Applies what has changed since the last look."""
        found = {name: _fingerprint(file) for name, file in self._files.items()}
        changed = [name for name in found if found[name] != self._seen.get(name)]
        self._seen = found
        if not changed:
            return
        if read_once := [name for name in changed if name in self._read_once]:
            self._end(read_once)
            return
        try:
            self._apply(self._load(), changed)
        except Stop as error:  # half written, perhaps: it is read again when it changes again
            _log.warning("secret_unusable", detail=str(error))

    def _apply(self, settings: Settings, changed: list[str]) -> None:
        before = self._settings
        if _without_logins(before) != _without_logins(settings):
            self._end(changed)
            return
        login, redis = _login_of(settings), settings.redis
        if login != _login_of(before):
            CREDENTIALS.change(*login)
            _log.info("secret_changed", of="kafka", user=login[0])
        if redis != before.redis and redis.url is not None and isinstance(self._store, Reconnecting):
            self._store.reconnect(redis.url.get_secret_value(), redis.client)
            _log.info("secret_changed", of="redis")
        self._settings = settings

    def _end(self, changed: list[str]) -> None:
        self._restarts_for = ", ".join(sorted(changed))
        _log.warning("secret_changed", of=self._restarts_for, restarts=True)
        self._restart()

    def _watch(self) -> None:
        while not self._closing and not self._restarts_for:
            self._wake.clear()
            self.look()
            self._wake.wait(LOOK_SECONDS)


def _login_of(settings: Settings) -> tuple[str, str]:
    username, password = (str(settings.kafka.client.get(name, "")) for name in _LOGIN)
    return username, password


def _without_logins(settings: Settings) -> Settings:
    """Returns the settings without what can change while the stream runs; a model's token is used at a start only."""
    client = {name: value for name, value in settings.kafka.client.items() if name not in _LOGIN}
    kafka = settings.kafka.model_copy(update={"client": client})
    redis = settings.redis.model_copy(update={"url": settings.redis.url and "given", "client": {}})
    model = settings.model.model_copy(update={"token": None})
    return settings.model_copy(update={"kafka": kafka, "redis": redis, "model": model})


def _files_of(client: Mapping[str, object], whose: str = "") -> dict[str, Path]:
    """Returns the files that a client reads once, by what they are told as."""
    return {f"{whose}{name}": Path(str(client[name])) for name in _READ_ONCE if name in client}


def _is_login(variable: str) -> bool:
    return variable.lower().replace("_", ".").endswith(tuple(f"{name}.file" for name in _LOGIN))


def _fingerprint(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
