"""Publishes, and pauses after a failure before the same is published again.

A publisher that does not know the outcome of a commit has to be asked again for exactly the same. Where that is given
up, the outcome stays in doubt until the group has said what it has committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Fenced, Retryable

_log = structlog.get_logger(__name__)

# Seconds.
_PAUSE_AFTER_FAILURE = 0.5


class PacedPublisher:
    """Publishes through another publisher, and says when to try again.

    Args:
        publisher: writes the records and commits the offsets.
        on_failure: called after every failure with its kind, `retryable` or `fenced`.
        clock: measures the pause after a failure.
    """

    def __init__(self, publisher: Publisher, on_failure: Callable[[str], None], clock: Clock) -> None:
        self._publisher = publisher
        self._on_failure = on_failure
        self._clock = clock
        self._not_before = 0.0
        # Set where publishing was given up while its outcome was not known.
        self.in_doubt = False

    @property
    def may_publish(self) -> bool:
        """Whether nothing is in doubt, and the pause after a failure is over."""
        return not self.in_doubt and self._clock.monotonic() >= self._not_before

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> bool:
        """Publishes records with their offsets.

        Returns:
            Whether it is done; if not, publish the same again once `may_publish`.

        Raises:
            Fenced: it never will be done; give the consumed records back.
            Stop: the broker refuses it for good.
        """
        try:
            self._publisher.publish(outgoing, offsets)
        except (Retryable, Fenced) as error:
            _log.warning("publish_failed", error=type(error).__name__, detail=str(error), records=len(outgoing))
            self._on_failure(type(error).__name__.lower())
            self._not_before = self._clock.monotonic() + _PAUSE_AFTER_FAILURE
            if isinstance(error, Fenced):
                raise
            return False
        return True

    def close(self) -> None:
        """Aborts what is open."""
        self._publisher.close()
