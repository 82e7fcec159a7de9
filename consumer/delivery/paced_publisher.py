"""Publishes, and pauses after a failure before the same is published again.

A publisher that does not know the outcome of a commit has to be asked again for exactly the same. Where that is given
up, the outcome stays in doubt until the group has said what it has committed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Fenced, Retryable
from spanstream.consumer.health import Health

_log = structlog.get_logger(__name__)

# Seconds.
_PAUSE_AFTER_FAILURE = 0.5


class PacedPublisher:
    """Publishes through another publisher, and says when to try again.

    Args:
        publisher: writes the records and commits the offsets.
        on_failure: called after every failure with its kind, `retryable` or `fenced`.
        health: told before and after every attempt, which may be long, that the loop is at work.
        clock: measures the pause after a failure.
    """

    def __init__(
        self, publisher: Publisher, on_failure: Callable[[str], None], *, health: Health, clock: Clock
    ) -> None:
        self._publisher = publisher
        self._on_failure = on_failure
        self._health = health
        self._clock = clock
        self._deadline: Deadline | None = None
        self._not_before = 0.0
        # Set where publishing was given up while its outcome was not known.
        self.in_doubt = False

    @property
    def may_publish(self) -> bool:
        """Whether nothing is in doubt, the pause after a failure is over, and time is left."""
        is_late = self._deadline is not None and self._deadline.has_passed
        return not self.in_doubt and not is_late and self._clock.monotonic() >= self._not_before

    @contextmanager
    def until(self, deadline: Deadline) -> Iterator[None]:
        """Lets no attempt that begins in here go on past the deadline."""
        self._deadline = deadline
        try:
            yield
        finally:
            self._deadline = None

    def prepare(self) -> bool:
        """Ends what a predecessor with the same transactional id left open, before its offsets are asked for.

        Returns:
            Whether it is done; if not, call it again.

        Raises:
            Stop: the broker refuses it for good.
        """
        self._health.beat()
        try:
            self._publisher.prepare()
        except Retryable as error:
            _log.warning("publisher_waits_for_kafka", detail=str(error))
            return False
        finally:
            self._health.beat()
        return True

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> bool:
        """Publishes records with their offsets.

        Returns:
            Whether it is done; if not, publish the same again once `may_publish`.

        Raises:
            Fenced: it never will be done; give the consumed records back.
            Stop: the broker refuses it for good.
        """
        self._health.beat()
        try:
            self._publisher.publish(outgoing, offsets, self._deadline.seconds_left if self._deadline else math.inf)
        except (Retryable, Fenced) as error:
            _log.warning("publish_failed", error=type(error).__name__, detail=str(error), records=len(outgoing))
            self._on_failure(type(error).__name__.lower())
            self._not_before = self._clock.monotonic() + _PAUSE_AFTER_FAILURE
            if isinstance(error, Fenced):
                raise
            return False
        finally:
            self._health.beat()
        return True

    def close(self) -> None:
        """Aborts what is open."""
        self._publisher.close()
