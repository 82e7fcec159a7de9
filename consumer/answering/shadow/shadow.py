"""Reads a share of the answered questions with a second model, on a thread of its own, while nothing else is to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Final

import structlog

from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.planned import PlannedQuestion, PreparedChunk
from spanstream.consumer.answering.shadow.choice import is_chosen
from spanstream.consumer.answering.shadow.model import ShadowModel
from spanstream.consumer.answering.shadow.queue import AnsweredQuestion, ShadowQueue
from spanstream.consumer.broker.protocols import Publisher
from spanstream.consumer.errors import SpanstreamError, Stop, TooLarge
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.metrics import ShadowMetrics
from spanstream.models.errors import ModelError
from spanstream.models.reader import Reader
from spanstream.models.spans.agreement import agreement

_log = structlog.get_logger(__name__)

# Seconds between two looks at a session that is busy with other work than the stream's, such as HTTP requests.
_LOOK_AGAIN_SECONDS: Final = 0.02
# Seconds that the end of the consumer waits for the window that is being read.
_CLOSE_SECONDS: Final = 2.0


class _Closed(Exception):
    """The consumer ends."""


class Shadow:
    """Tries a second model. Its methods are for the thread that talks to Kafka; the work is done on its own.

    Args:
        open_model: opens the second model; called on the shadow's thread.
        publisher: writes its answers, outside of the stream's transactions.
        first: the model that answers; nothing is read while it has work.
        queue: holds what waits.
        share: of the questions that are read, 0 to 1.
        metrics: count what is read.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
        self,
        open_model: Callable[[], ShadowModel],
        publisher: Publisher,
        *,
        first: Reader,
        queue: ShadowQueue,
        share: float,
        metrics: ShadowMetrics,
    ) -> None:
        self._open_model = open_model
        self._publisher = publisher
        self._first = first
        self._queue = queue
        self._share = share
        self._metrics = metrics
        self._may_read = Event()
        self._model: ShadowModel | None = None
        self._has_failed = False
        self._thread = Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begins to open the model and to read."""
        self._thread.start()

    def wait_while(self, busy: bool) -> None:
        """Lets the shadow read, or lets it wait while the stream has work."""
        if busy:
            self._may_read.clear()
        else:
            self._may_read.set()

    def offer(self, prepared: PreparedChunk, outcomes: Sequence[RecordOutcome]) -> None:
        """Takes a published chunk: the chosen of its answered questions wait, where there is room for them."""
        if self._queue.is_closed:
            return
        of_planned = outcomes[len(prepared.outcomes) :]
        for planned, outcome in zip(prepared.planned, of_planned, strict=True):
            if not isinstance(planned, PlannedQuestion):
                continue  # the second model reads single documents only
            if outcome.answer is None or not is_chosen(planned.question.question_id, self._share):
                continue
            if not self._queue.put(AnsweredQuestion(planned.record, planned.question, planned.plan, outcome.answer)):
                self._count("dropped")

    def forget(self, text_sha256: str) -> None:
        """Drops what is kept of a text."""
        self._queue.forget(text_sha256)
        if self._model is not None:
            self._model.reader.forget(text_sha256)

    def close(self) -> None:
        """Ends the thread; what waits is not read any more."""
        self._queue.close()
        self._may_read.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)

    # On the shadow's thread.

    def _run(self) -> None:
        try:
            self._wait_for_turn()
            self._model = model = self._open_model()
            self._metrics.build.labels(**model.facts).set(1)
            _log.info("shadow_started", share=self._share, **model.facts)
            while (question := self._queue.take()) is not None:
                self._read(model, question)
        except _Closed:
            pass
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            _log.error("shadow_stopped", **_told(error))
        finally:
            self._queue.close()
            self._metrics.build.clear()
            self._publisher.close()
            if self._model is not None:
                self._model.reader.close()

    def _read(self, model: ShadowModel, question: AnsweredQuestion) -> None:
        """Reads one question and publishes its answer.

        Raises:
            Stop: Kafka refuses the answers for good.
            _Closed: the consumer ends meanwhile.
        """
        try:
            outgoing, answer = model.answer(question, self._wait_for_turn)
            self._publisher.publish([outgoing], {})
        except _Closed:
            raise
        except Exception as error:
            if isinstance(error, Stop) and not isinstance(error, TooLarge):
                raise
            self._failed(question, error)
            return
        self._count("read")
        self._metrics.agreements.labels(agreement(question.answer.answer, answer.answer)).inc()

    def _wait_for_turn(self) -> None:
        """Waits until nothing waits for the first model.

        Raises:
            _Closed: the consumer ends meanwhile.
        """
        while True:
            self._may_read.wait()
            if self._queue.is_closed:
                raise _Closed
            if self._first.is_idle:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _failed(self, question: AnsweredQuestion, error: Exception) -> None:
        """Counts a question that has no second answer; the first one is told of, too."""
        self._count("failed")
        if not self._has_failed:
            self._has_failed = True
            _log.error("shadow_failed", question_id=question.question.question_id, once=True, **_told(error))

    def _count(self, outcome: str) -> None:
        self._metrics.questions.labels(outcome).inc()


def _told(error: Exception) -> dict[str, str]:
    """Returns what a log line says of an error: its text only where it is one of ours, which hold no text."""
    return {"detail": str(error)} if isinstance(error, SpanstreamError | ModelError) else exception_facts(error)
