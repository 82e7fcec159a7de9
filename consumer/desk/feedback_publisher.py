"""Publishes what people say on the pages, and shows it on them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from spanstream.consumer.broker.protocols import Publisher
from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.rows import feedback_row
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.operations.publishing import feedback_record
from spanstream.schemas.codec import encode
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits


class FeedbackPublisher:
    """May be called from many threads; it connects when the first feedback is published.

    Args:
        view: keeps the feedback for the pages.
        open_publisher: opens what publishes.
        writer: writes feedback in the form that its topic has.
        topic: of feedback.
        limits: how large feedback may be.
    """

    def __init__(
        self, view: LiveView, open_publisher: Callable[[], Publisher], writer: EventWriter, topic: str, limits: Limits
    ) -> None:
        self._view = view
        self._open_publisher = open_publisher
        self._writer = writer
        self._topic = topic
        self._limits = limits
        self._publisher: Publisher | None = None
        self._lock = threading.Lock()

    def publish(self, feedback: Feedback) -> None:
        """Publishes what somebody said.

        Raises:
            Retryable: Kafka did not answer in time.
            Stop: Kafka refuses.
            InvalidRecord: the feedback is larger than it may be.
        """
        record = feedback_record(encode(feedback), self._topic, self._limits, self._writer)
        with self._lock:
            self._publisher = self._publisher or self._open_publisher()
            self._publisher.publish([record], {})
        self._view.take_feedback(feedback_row(feedback))

    def close(self) -> None:
        """Lets go of the connections."""
        with self._lock:
            if self._publisher is not None:
                self._publisher.close()
