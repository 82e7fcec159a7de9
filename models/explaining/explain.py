"""Explains one question about one text: reads it as the stream does, and keeps what it finds on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
    kept = document or plan.document
    outcomes = reader.score([plan])
    raw = reader.raw_answer(plan, outcomes)
    scored = {window.token_start: outcomes[window] for window in plan.windows}
    reading = _reading(reader, plan, raw, {at: one for at, one in scored.items() if isinstance(one, ScoredWindow)})
    if threshold is not None:
        reading = replace(reading, threshold=threshold)
    candidate = None if raw.best is None or raw.best.span is None else _span(plan, raw.best.scores, raw.best.span)
    places, problem = expected_places(reading, expected) if expected else ((), None)
    ranked = reader.ranked_answers(plan, outcomes) if max_answers > 1 else []
    manifest = reader.artifact.manifest
    precisions = [one.precision for one in scored.values() if isinstance(one, ScoredWindow) and one.span is raw.best]
    return Explanation(
        question=question,
        model=f"{manifest.name} {manifest.version}",
        precision=precisions[0] if precisions else reader.backends.choose(0).precision,
        calibration=manifest.calibration.name,
        tokens=plan.document.size,
        damage=token_damage(kept, plan.document),
        windows=tuple(
            _window(reading, plan, reader.artifact.tokenizer, number, spans) for number in range(len(reading.windows))
        ),
        null_score=raw.null_score,
        candidate=candidate,
        null_score_diff=raw.null_score_diff,
        neighbourhood=() if candidate is None else _neighbourhood(text, kept, reader.artifact.tokenizer, candidate),
        confidence=reading.confidence,
        bias=manifest.calibration.bias,
        features=_features(manifest.calibration, raw),
        threshold=reading.threshold,
        thresholds=_thresholds(manifest.calibration, reading.confidence),
        validation=_validation(text, kept, Validator(reader.artifact.tokenizer), raw),
        expected=places,
        expected_problem=problem,
        ranked=tuple(_answer(text, manifest.calibration, raw, answer) for answer in ranked),
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


def _window(reading: Reading, plan: ReadPlan, tokenizer: Tokenizer, number: int, spans: int) -> ExplainedWindow:
    window, document = reading.windows[number], reading.document
    ids = document.ids[window.token_start : window.token_end].tolist()
    shared = dict.fromkeys(token for token in plan.question.ids.tolist() if token in set(ids)) if reading.bm25 else {}
    read = reading.read.get(number)
    return ExplainedWindow(
        number=number + 1,
        token_start=window.token_start,
        token_end=window.token_end,
        char_start=int(document.starts[window.token_start]),
        char_end=int(document.ends[window.token_end - 1]),
        is_read=read is not None,
        bm25=reading.bm25[number] if reading.bm25 else None,
        shared=tuple(map(tokenizer.token_text, shared)),
        null_score=None if read is None else read.null_score,
        spans=() if read is None else tuple(_span(plan, read.scores, span) for span in read.scores.ranked(spans)),
    )


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


def _answer(text: str, calibration: Calibration, raw: RawAnswer, answer: RankedAnswer) -> ExplainedAnswer:
    is_candidate = answer.rank == 1
    return ExplainedAnswer(
        rank=answer.rank,
        text=text[slice(*answer.place)],
        char_start=answer.place[0],
        char_end=answer.place[1],
        further=tuple(start for start, _ in answer.further_places),
        window=answer.found.window.number,
        score=answer.span.score,
        null_score_diff=raw.null_score - answer.span.score,
        confidence=calibration.confidence(raw) if is_candidate else calibration.confidence_of_alternative(raw, answer),
    )


def _neighbourhood(
    text: str, document: TokenizedDocument, tokenizer: Tokenizer, span: ExplainedSpan
) -> tuple[ExplainedToken, ...]:
    size = min(len(document.ids), len(document.starts), len(document.ends))
    shown = range(max(span.first_token - _NEIGHBOURS, 0), min(span.last_token + _NEIGHBOURS + 1, size))
    return tuple(
        ExplainedToken(
            number=number,
            token_id=int(document.ids[number]),
            piece=tokenizer.token_text(int(document.ids[number])),
            char_start=int(document.starts[number]),
            char_end=int(document.ends[number]),
            text=text[max(int(document.starts[number]), 0) : max(int(document.ends[number]), 0)],
            in_span=span.first_token <= number <= span.last_token,
        )
        for number in shown
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


def _validation(
    text: str, document: TokenizedDocument, validator: Validator, raw: RawAnswer
) -> tuple[ExplainedCheck, ...]:
    """Returns the checks up to the first that finds a problem: those behind it would look at damaged arrays."""
    checks: list[ExplainedCheck] = []
    if raw.best is not None and raw.best.span is not None:
        for step in validator.of(text, document).steps(raw.best.span):
            checks.append(ExplainedCheck(step.check, step.problem))
            if step.problem is not None:
                break
    return tuple(checks)
