"""Asks the consumers themselves, while somebody looks, how they are: their probes and some of their metrics."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

from prometheus_client.parser import text_string_to_metric_families

from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop

# Seconds that one answer is shown.
_FRESH_SECONDS: Final = 5.0
# Seconds that a consumer may take, and that a page waits for all of them.
_ANSWER_SECONDS: Final = 2.0
_PAGE_SECONDS: Final = 0.3
_AT_ONCE: Final = 8
_MOST_BYTES: Final = 4 * 1024 * 1024
_MOST_DETAIL_BYTES: Final = 256
_BUILD: Final = "spanstream_build_info"
_WAITING: Final = "spanstream_work_waiting_seconds"
_RATE: Final = "spanstream_cpu_windows_per_second"


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """How one consumer is.

    Attributes:
        address: where it was asked.
        verdict: one word for a person: `ready`, `waiting`, `stuck` or `silent`.
        detail: what it says itself, or why it says nothing.
        model: its name and version; None where the metrics do not tell, as of those below.
        version: of its program.
        waiting_seconds: of work that it has read and not done.
        windows_per_second: the measured rate of its processor.
    """

    address: str
    verdict: str
    detail: str
    model: str | None = None
    version: str | None = None
    waiting_seconds: float | None = None
    windows_per_second: float | None = None


class HealthWatch:
    """Keeps the last answers for a few seconds; a page never waits long for a consumer that is silent.

    Args:
        addresses: of the consumers' probes: `host:port`, `http://` or `https://`.
        clock: measures how old the answers are.

    Raises:
        Stop: one of the addresses is none.
    """

    def __init__(self, addresses: Sequence[str], clock: Clock) -> None:
        self._addresses = [_address(text) for text in addresses]
        self._clock = clock
        self._last: list[ConsumerHealth] = []
        self._asked_at = -_FRESH_SECONDS
        self._asking: list[Future[ConsumerHealth]] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="desk-health")

    def states(self) -> list[ConsumerHealth]:
        """Returns how the consumers are, in the order of their addresses, as far as they have answered."""
        with self._lock:
            is_old = self._clock.monotonic() - self._asked_at >= _FRESH_SECONDS
            if is_old and not self._asking:
                self._asked_at = self._clock.monotonic()
                self._asking = [self._pool.submit(_ask, address) for address in self._addresses]
            asking = self._asking
        if not wait(asking, _PAGE_SECONDS).not_done and asking:
            self._last, self._asking = [one.result() for one in asking], []
        return self._last

    def close(self) -> None:
        """Asks no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _address(text: str) -> SplitResult:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise Stop(
            "SPANSTREAM_DESK__CONSUMERS holds what is no address of a consumer",
            hint="write host:port, http:// or https://, comma-separated",
        )
    return parts


def _ask(address: SplitResult) -> ConsumerHealth:
    try:
        for path, verdict in (("/healthz", "stuck"), ("/readyz", "waiting")):
            status, body = _get(address, path)
            if status != HTTPStatus.OK:
                return ConsumerHealth(address.netloc, verdict, body[:_MOST_DETAIL_BYTES].decode(errors="replace"))
        _, metrics = _get(address, "/metrics")
    except TimeoutError:
        return ConsumerHealth(address.netloc, "silent", f"no answer in {_ANSWER_SECONDS:g} s")
    except (OSError, HTTPException) as error:
        return ConsumerHealth(address.netloc, "silent", getattr(error, "strerror", None) or type(error).__name__)
    return _with_metrics(ConsumerHealth(address.netloc, "ready", ""), metrics.decode(errors="replace"))


def _get(address: SplitResult, path: str) -> tuple[int, bytes]:
    """Asks without a proxy, and follows no redirect."""
    connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = connect(address.netloc, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", address.path.rstrip("/") + path)
        reply = connection.getresponse()
        return reply.status, reply.read(_MOST_BYTES)
    finally:
        connection.close()


def _with_metrics(health: ConsumerHealth, text: str) -> ConsumerHealth:
    """Adds what the metrics tell; where they cannot be read, nothing."""
    try:
        samples = {one.name: one for family in text_string_to_metric_families(text) for one in family.samples}
    except ValueError:
        return health
    build, work, rate = (samples.get(name) for name in (_BUILD, _WAITING, _RATE))
    return replace(
        health,
        model=f"{build.labels['model']} {build.labels.get('model_version', '')}"
        if build and "model" in build.labels
        else None,
        version=build.labels.get("version") if build else None,
        waiting_seconds=work.value if work else None,
        windows_per_second=rate.value if rate else None,
    )
