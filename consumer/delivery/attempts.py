"""One attempt after the other at the publisher: what failed is repeated as it is, after a pause.

A publisher that does not know the outcome of a commit has to be asked again for exactly the same. An attempt that is
given up without knowing leaves its owner in doubt, until the group has said where it stands.
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


class Attempts:
    """Publishes, and says when it may be tried again.

    Args:
        publisher: does it.
        on_failure: told of every failure: `retryable` or `fenced`.
        clock: paces what is tried again.
    """

    def __init__(self, publisher: Publisher, on_failure: Callable[[str], None], clock: Clock) -> None:
        self._publisher = publisher
        self._on_failure = on_failure
        self._clock = clock
        self._not_before = 0.0
        # Set where an attempt was given up of which it is not known if it was published.
        self.in_doubt = False

    @property
    def may_publish(self) -> bool:
        """Whether nothing is in doubt, and the pause after a failure is over."""
        return not self.in_doubt and self._clock.monotonic() >= self._not_before

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> bool:
        """Whether it is published; if not, try the same again once `may_publish`.

        Raises:
            Fenced: it never will be; its records are to be given back.
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
        """Abort what is open."""
        self._publisher.close()
