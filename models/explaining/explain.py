"""Explains one question about one text: reads it as the stream does, and keeps what it finds on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spanstream.models.explaining.expected import Reading, expected_places
from spanstream.models.explaining.explanation import (
    ExplainedAnswer,
    ExplainedCheck,
    ExplainedSpan,
    ExplainedToken,
    ExplainedWindow,
    Explanation,
    FeatureShare,
    ThresholdVerdict,
)
from spanstream.models.explaining.token_damage import token_damage
from spanstream.models.inference.runner import ScoredWindow
from spanstream.models.reader import Reader
from spanstream.models.spans.aggregate import RawAnswer
from spanstream.models.spans.alternatives import RankedAnswer
from spanstream.models.spans.calibration import FEATURES, Calibration
from spanstream.models.spans.search import SpanScores, TokenSpan
from spanstream.models.spans.validate import Validator
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.retrieval import BlockIndex
from spanstream.models.text.tokenization import TokenizedDocument, Tokenizer
from spanstream.models.text.words import WordMap

_NEIGHBOURS = 4


def explain(  # noqa: PLR0913  what may be asked for, by name
    reader: Reader,
    text: str,
    question: str,
    *,
    expected: str | None = None,
    document: TokenizedDocument | None = None,
    threshold: float | None = None,
    spans: int = 3,
    max_answers: int = 1,
) -> Explanation:
    """Explains what the answer to a question is made of.

    Args:
        reader: the model.
        text: the document's.
        question: what is asked.
        expected: the right answer, to be told what became of it.
        document: the text's tokens as they were kept somewhere. The text is tokenized anew for all else; these are
            compared with that, validated, and their places are shown.
        threshold: the question's own least confidence; None: it has none, and the reader's decides.
        spans: how many spans are shown of each window.
        max_answers: how many answers are ranked over all windows.

    Raises:
        InvalidText, QuestionTooLong, InferenceFailed: as `Reader.read`.
    """
    plan = reader.plan(text, reader.tokenize(text), [question], max_answers=max_answers)[0]
    outcomes = reader.score([plan])
    found = ((window.token_start, outcomes[window]) for window in plan.windows)
    scored = {start: outcome for start, outcome in found if isinstance(outcome, ScoredWindow)}
    reading = _reading(reader, plan, reader.raw_answer(plan, outcomes), scored)
    if threshold is not None:
        reading = replace(reading, threshold=threshold)
    explained = _Explained(reader, plan, scored, reading, document or plan.document)
    places, problem = expected_places(reading, expected) if expected else ((), None)
    ranked = reader.ranked_answers(plan, outcomes) if max_answers > 1 else []
    return replace(
        explained.explanation(question, spans),
        expected=places,
        expected_problem=problem,
        ranked=tuple(explained.answer(one) for one in ranked),
    )


def _reading(reader: Reader, plan: ReadPlan, raw: RawAnswer, scored: Mapping[int, ScoredWindow]) -> Reading:
    """Puts the windows that were read among all of the document; `scored` is by first token."""
    manifest = reader.artifact.manifest
    windows = reader.windows(plan.text, plan.document, plan.question) if plan.total_windows else []
    chosen = len(plan.windows) < len(windows)
    return Reading(
        text=plan.text,
        document=plan.document,
        windows=windows,
        read={n: scored[one.token_start].span for n, one in enumerate(windows) if one.token_start in scored},
        bm25=BlockIndex(plan.document).scores(windows, plan.question) if chosen else (),
        raw=raw,
        confidence=manifest.calibration.confidence(raw),
        threshold=reader.threshold,
        max_answer_tokens=manifest.max_answer_tokens,
    )


@dataclass(frozen=True, slots=True)
class _Explained:
    """A question that was read, and what is told of it.

    Attributes:
        scored: what came of the windows that were read, by first token.
        reading: the same among all windows of the document, with what was concluded.
        kept: the document's tokens as they were kept somewhere, or the plan's.
    """

    reader: Reader
    plan: ReadPlan
    scored: Mapping[int, ScoredWindow]
    reading: Reading
    kept: TokenizedDocument

    @property
    def _tokenizer(self) -> Tokenizer:
        return self.reader.artifact.tokenizer

    @property
    def _calibration(self) -> Calibration:
        return self.reader.artifact.manifest.calibration

    def explanation(self, question: str, spans: int) -> Explanation:
        """Returns what the answer is made of, with so many spans of each window."""
        reading, raw, calibration = self.reading, self.reading.raw, self._calibration
        candidate = (
            None if raw.best is None or raw.best.span is None else _span(self.plan, raw.best.scores, raw.best.span)
        )
        manifest = self.reader.artifact.manifest
        return Explanation(
            question=question,
            model=f"{manifest.name} {manifest.version}",
            precision=self._precision(),
            calibration=calibration.name,
            tokens=self.plan.document.size,
            damage=token_damage(self.kept, self.plan.document),
            windows=tuple(self._window(number, spans) for number in range(len(reading.windows))),
            null_score=raw.null_score,
            candidate=candidate,
            null_score_diff=raw.null_score_diff,
            neighbourhood=() if candidate is None else self._neighbourhood(candidate),
            confidence=reading.confidence,
            bias=calibration.bias,
            features=_features(calibration, raw),
            threshold=reading.threshold,
            thresholds=_thresholds(calibration, reading.confidence),
            validation=self._validation(),
        )

    def answer(self, answer: RankedAnswer) -> ExplainedAnswer:
        """Returns one of the ranked answers."""
        raw, calibration = self.reading.raw, self._calibration
        is_candidate = answer.rank == 1
        return ExplainedAnswer(
            rank=answer.rank,
            text=self.plan.text[slice(*answer.place)],
            char_start=answer.place[0],
            char_end=answer.place[1],
            further=tuple(start for start, _ in answer.further_places),
            window=answer.found.window.number,
            score=answer.span.score,
            null_score_diff=raw.null_score - answer.span.score,
            confidence=calibration.confidence(raw)
            if is_candidate
            else calibration.confidence_of_alternative(raw, answer),
        )

    def _precision(self) -> str:
        best = self.reading.raw.best
        found = [window.precision for window in self.scored.values() if window.span is best]
        return found[0] if found else self.reader.backends.choose(0).precision

    def _window(self, number: int, spans: int) -> ExplainedWindow:
        reading, document = self.reading, self.reading.document
        window, read = reading.windows[number], reading.read.get(number)
        ids = document.ids[window.token_start : window.token_end].tolist()
        asked = self.plan.question.ids.tolist() if reading.bm25 else []
        shared = dict.fromkeys(token for token in asked if token in set(ids))
        return ExplainedWindow(
            number=number + 1,
            token_start=window.token_start,
            token_end=window.token_end,
            char_start=int(document.starts[window.token_start]),
            char_end=int(document.ends[window.token_end - 1]),
            is_read=read is not None,
            bm25=reading.bm25[number] if reading.bm25 else None,
            shared=tuple(map(self._tokenizer.token_text, shared)),
            null_score=None if read is None else read.null_score,
            spans=()
            if read is None
            else tuple(_span(self.plan, read.scores, span) for span in read.scores.ranked(spans)),
        )

    def _neighbourhood(self, span: ExplainedSpan) -> tuple[ExplainedToken, ...]:
        text, document = self.plan.text, self.kept
        size = min(len(document.ids), len(document.starts), len(document.ends))
        shown = range(max(span.first_token - _NEIGHBOURS, 0), min(span.last_token + _NEIGHBOURS + 1, size))
        return tuple(
            ExplainedToken(
                number=number,
                token_id=int(document.ids[number]),
                piece=self._tokenizer.token_text(int(document.ids[number])),
                char_start=int(document.starts[number]),
                char_end=int(document.ends[number]),
                text=text[max(int(document.starts[number]), 0) : max(int(document.ends[number]), 0)],
                in_span=span.first_token <= number <= span.last_token,
            )
            for number in shown
        )

    def _validation(self) -> tuple[ExplainedCheck, ...]:
        """Returns the checks up to the first that finds a problem: those behind it would look at damaged arrays."""
        checks: list[ExplainedCheck] = []
        best = self.reading.raw.best
        if best is not None and best.span is not None:
            for step in Validator(self._tokenizer).of(self.plan.text, self.kept).steps(best.span):
                checks.append(ExplainedCheck(step.check, step.problem))
                if step.problem is not None:
                    break
        return tuple(checks)


def _span(plan: ReadPlan, scores: SpanScores, span: TokenSpan) -> ExplainedSpan:
    tokens = slice(span.first, span.last + 1)
    char_start, char_end = WordMap(plan.text).char_span(plan.document.starts[tokens], plan.document.ends[tokens])
    return ExplainedSpan(
        text=plan.text[char_start:char_end],
        char_start=char_start,
        char_end=char_end,
        first_token=span.first,
        last_token=span.last,
        start_logit=float(scores.start[span.first - scores.token_start]),
        end_logit=float(scores.end[span.last - scores.token_start]),
        score=span.score,
    )


def _features(calibration: Calibration, raw: RawAnswer) -> tuple[FeatureShare, ...]:
    if raw.best is None:
        return ()
    values = {name: FEATURES[name](raw) for name in calibration.weights}
    return tuple(
        FeatureShare(name, values[name], weight, weight * values[name]) for name, weight in calibration.weights.items()
    )


def _thresholds(calibration: Calibration, confidence: float) -> tuple[ThresholdVerdict, ...]:
    by_value = sorted(calibration.thresholds.items(), key=lambda named: named[1])
    return tuple(ThresholdVerdict(name, value, confidence >= value) for name, value in by_value)
