"""Answers a prepared chunk: runs the model, validates the spans, makes one outcome for each record.

A question that fails is read once more where its document's tokens, which may come out of a cache that others write to,
are not those that the text has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.planned import AnyPlannedQuestion, PlannedQuestion, PreparedChunk
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.logs import exception_facts
from spanstream.models.collection import CollectionReader
from spanstream.models.drift.figures import QuestionRead
from spanstream.models.errors import DocumentChanged, InferenceFailed, SpanMismatch
from spanstream.models.inference.runner import WindowOutcome
from spanstream.models.reader import Reader
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.models.text.windowing import Window
from spanstream.schemas.dead_letters import Reason, Stage

_log = structlog.get_logger(__name__)


class Answerer:
    """Answers chunks. Safe to call from several threads: their windows share the session.

    Args:
        reader: runs the model.
        collections: concludes over the documents of a collection.
        outcomes: makes answers and dead letters.
        cache: gave the tokens; what it gave wrong is made anew.
    """

    def __init__(
        self, reader: Reader, collections: CollectionReader, outcomes: Outcomes, cache: TokenCache[TokenizedDocument]
    ) -> None:
        self._reader = reader
        self._collections = collections
        self._outcomes = outcomes
        self._cache = cache

    def answer(self, prepared: PreparedChunk, waiting_windows: int = 0) -> list[RecordOutcome]:
        """Answers a chunk.

        Args:
            prepared: the chunk.
            waiting_windows: windows queued behind it.

        Returns:
            One outcome for each of its records: first those that preparing made, then those of its planned questions.
        """
        return [*prepared.outcomes, *self._read(prepared.planned, waiting_windows)]

    def _read(self, chunk: Sequence[AnyPlannedQuestion], waiting_windows: int) -> list[RecordOutcome]:
        """Reads all questions at once; if that raises, halves the chunk until the question that raises is alone."""
        try:
            scores = self._reader.score(
                [plan for planned in chunk for plan in planned.plans], waiting_windows=waiting_windows
            )
            return [self._conclude(planned, scores) for planned in chunk]
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            if len(chunk) == 1:
                if (renewed := self._renewed(chunk[0])) is not None:
                    return self._read([renewed], waiting_windows)
                _log.error("reading_failed", **self._facts(chunk[0]), **exception_facts(error))
                detail = f"reading raised {type(error).__name__}"
                return [self._outcomes.dead_letter(chunk[0].record, Reason.INFERENCE_FAILED, detail, Stage.INFER)]
            middle = len(chunk) // 2
            return [*self._read(chunk[:middle], waiting_windows), *self._read(chunk[middle:], waiting_windows)]

    def _conclude(self, planned: AnyPlannedQuestion, scores: Mapping[Window, WindowOutcome]) -> RecordOutcome:
        try:
            return self._answer(planned, scores)
        except DocumentChanged as error:
            return self._failed_validation(planned, Reason.DOCUMENT_CHANGED, error)
        except (InferenceFailed, SpanMismatch) as error:
            if (renewed := self._renewed(planned)) is not None:
                return self._read([renewed], 0)[0]
            if isinstance(error, SpanMismatch):
                return self._failed_validation(planned, Reason.SPAN_MISMATCH, error)
            return self._outcomes.dead_letter(planned.record, Reason.INFERENCE_FAILED, str(error), Stage.INFER)

    def _answer(self, planned: AnyPlannedQuestion, scores: Mapping[Window, WindowOutcome]) -> RecordOutcome:
        """Makes the answer out of the windows' scores; raises as `Reader.conclude`."""
        record, question = planned.record, planned.question
        if not isinstance(planned, PlannedQuestion):
            found = self._collections.conclude(planned.plans, planned.places, scores)
            return self._outcomes.collection_answer(record, question, found, planned.versions, planned.passages)
        reading, document = self._reader.conclude(planned.plan, scores), planned.plan.document
        outcome = self._outcomes.answer(record, question, document.text_sha256, reading)
        if outcome.outcome == "dead_letter":
            return outcome
        answered = outcome.outcome == "answered"
        return replace(outcome, read=QuestionRead.of(reading, document, answered=answered))

    def _renewed(self, planned: AnyPlannedQuestion) -> AnyPlannedQuestion | None:
        """Plans a question that failed with its documents tokenized again; None where that gives the same tokens."""
        try:
            renewed = [self._renewed_plan(plan) for plan in planned.plans]
        except Exception as error:  # noqa: BLE001  whatever it is, the question fails as it did before
            _log.error("renewing_failed", **self._facts(planned), **exception_facts(error))
            return None
        for plan in renewed:
            if plan is not None:
                _log.warning("wrong_tokens_renewed", **self._facts(planned), text_sha256=plan.document.text_sha256)
        if not any(renewed):
            return None
        return planned.with_plans([new or plan for new, plan in zip(renewed, planned.plans, strict=True)])

    def _renewed_plan(self, plan: ReadPlan) -> ReadPlan | None:
        document = self._cache.renew(plan.document.text_sha256, plan.text, plan.document)
        if document is None:
            return None
        [renewed] = self._reader.plan(
            plan.text, document, [plan.question.text], max_answers=plan.max_answers, places=plan.places
        )
        return renewed

    def _failed_validation(
        self, planned: AnyPlannedQuestion, reason: Reason, error: SpanMismatch | DocumentChanged
    ) -> RecordOutcome:
        _log.error("span_failed_validation", **self._facts(planned), reason=reason, detail=str(error))
        return self._outcomes.dead_letter(planned.record, reason, str(error), Stage.VALIDATE, error.candidate)

    def _facts(self, planned: AnyPlannedQuestion) -> Mapping[str, str]:
        """Returns what a log line says of a question."""
        return {"question_id": planned.question.question_id, **self._outcomes.log_ids(planned.record)}
