"""Concludes over several documents that were read for one question: the best calibrated candidate is the answer.

[ReadPlan] with the places that were retrieved -> conclude each document -> the surest candidate -> CollectionAnswer
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spanstream.models.inference.runner import WindowOutcome
from spanstream.models.reader import Answer, Reader
from spanstream.models.spans.collection_calibration import CollectionFeatures, log_odds
from spanstream.models.spans.quotes import AlternativeQuote
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.windowing import Window


@dataclass(frozen=True, slots=True)
class RetrievedPlace:
    """A passage of a document, with its ranks among all passages of the question, counted from 1.

    `dense_rank` and `lexical_rank` are None where it was not found by meaning, or not by words.
    """

    char_start: int
    char_end: int
    rank: int
    dense_rank: int | None
    lexical_rank: int | None


@dataclass(frozen=True, slots=True)
class DocumentReading:
    """What one document says, and its places that were retrieved, the best first."""

    answer: Answer
    places: tuple[RetrievedPlace, ...]


@dataclass(frozen=True, slots=True)
class DocumentAlternative:
    """Another answer; `document` is which of the documents it is quoted of, counted from 0."""

    document: int
    alternative: AlternativeQuote


@dataclass(frozen=True, slots=True)
class CollectionAnswer:
    """The result of reading several documents for one question.

    Attributes:
        reading: the best document's, with the confidence among all documents, and the windows of all together. Its
            alternatives are in `alternatives`.
        document: which of the documents it is of, counted from 0; None where no document gave a candidate.
        alternatives: other answers of any document, the best first; none unless they were asked for.
    """

    reading: Answer
    document: int | None
    alternatives: tuple[DocumentAlternative, ...] = ()


class CollectionReader:
    """Concludes over documents. Safe from any thread.

    Args:
        reader: concludes over each of them.
        threshold: the confidence from which on the candidate is the answer; None: the artifact's default.
    """

    def __init__(self, reader: Reader, threshold: float | None = None) -> None:
        calibration = reader.artifact.manifest.calibration
        self._reader = reader
        self._calibration = calibration.collection
        self._threshold = calibration.collection_threshold("default") if threshold is None else threshold

    def nothing(self, question: str) -> CollectionAnswer:
        """Returns the answer where nothing was retrieved, and nothing is read."""
        precision = self._reader.backends.choose(0).precision
        return CollectionAnswer(Answer(question, None, 0.0, self._threshold, None, 0, 0, precision), None)

    def conclude(
        self,
        plans: Sequence[ReadPlan],
        places: Sequence[tuple[RetrievedPlace, ...]],
        outcomes: Mapping[Window, WindowOutcome],
    ) -> CollectionAnswer:
        """Returns the answer of the plans, of which each has retrieved places.

        Raises:
            InferenceFailed, InvalidSpan: as `Reader.conclude`, of any of the documents.
        """
        answers = [self._reader.conclude(plan, outcomes) for plan in plans]
        readings = [DocumentReading(*both) for both in zip(answers, places, strict=True)]
        best = best_document(readings)
        read = sum(answer.windows_read for answer in answers)
        total = sum(answer.windows_total for answer in answers)
        if best is None:
            answer = replace(answers[0], confidence=0.0, threshold=self._threshold)
            return CollectionAnswer(replace(answer, windows_read=read, windows_total=total), None)
        confidence = answers[best].confidence
        if self._calibration is not None:
            confidence = self._calibration.confidence(features_of(readings, best))
        reading = replace(
            answers[best],
            confidence=confidence,
            threshold=self._threshold,
            windows_read=read,
            windows_total=total,
            alternatives=(),
        )
        most = plans[best].max_answers - 1
        return CollectionAnswer(reading, best, _alternatives(answers, best, confidence)[:most] if most else ())


def best_document(readings: Sequence[DocumentReading]) -> int | None:
    """Returns which document has the surest candidate, of equals the one retrieved first; None where none has one."""
    with_candidate = [number for number, one in enumerate(readings) if one.answer.candidate is not None]
    return max(with_candidate, key=lambda number: readings[number].answer.confidence, default=None)


def features_of(readings: Sequence[DocumentReading], best: int) -> CollectionFeatures:
    """Returns what a calibration may weigh of the best document's candidate, which is there.

    A candidate outside of all retrieved places was read beside its document's best one.
    """
    answer, places = readings[best].answer, readings[best].places
    candidate = answer.candidate
    holding = [
        place
        for place in places
        if candidate and place.char_start < candidate.char_end and candidate.char_start < place.char_end
    ]
    place = (holding or places)[0]
    odds = log_odds(answer.confidence)
    others = [
        log_odds(one.answer.confidence)
        for number, one in enumerate(readings)
        if number != best and one.answer.candidate is not None
    ]
    return CollectionFeatures(
        log_odds=odds,
        margin=odds - max(others) if others else 0.0,
        log_rank=math.log(place.rank),
        log_windows=math.log(max(1, sum(one.answer.windows_read for one in readings))),
        dense=1 / place.dense_rank if place.dense_rank else 0.0,
        lexical=1 / place.lexical_rank if place.lexical_rank else 0.0,
    )


def _alternatives(answers: Sequence[Answer], best: int, confidence: float) -> tuple[DocumentAlternative, ...]:
    """Returns all other answers, each text once, the best first; none is surer than the candidate."""
    found = [
        DocumentAlternative(number, alternative)
        for number, answer in enumerate(answers)
        for alternative in (*(() if number == best else _as_alternative(answer)), *answer.alternatives)
    ]
    found.sort(key=lambda one: (one.alternative.null_score_diff, one.document))
    candidate = answers[best].candidate
    texts = {candidate.text if candidate else ""}
    kept: list[DocumentAlternative] = []
    for one in found:
        if one.alternative.quote.text in texts:
            continue
        texts.add(one.alternative.quote.text)
        known = one.alternative.confidence
        at_most = None if known is None else min(known, confidence)
        kept.append(replace(one, alternative=replace(one.alternative, confidence=at_most)))
    return tuple(kept)


def _as_alternative(answer: Answer) -> tuple[AlternativeQuote, ...]:
    """Returns a document's candidate as an alternative to another document's."""
    if answer.candidate is None or answer.null_score_diff is None or answer.window is None:
        return ()
    return (
        AlternativeQuote(answer.candidate, answer.further, answer.confidence, answer.null_score_diff, answer.window),
    )
