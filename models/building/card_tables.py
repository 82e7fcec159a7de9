"""The card's tables, in Markdown: accuracy, variants, thresholds, confidence; intervals are 95 %, by bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from spanstream.models.building.variants.selection import SelectionEntry, VariantSelection
from spanstream.models.calibrating.fit import Fitted
from spanstream.models.metrics.reading import Read
from spanstream.models.metrics.reliability import (
    Interval,
    Judgement,
    Metric,
    area_under_risk_coverage,
    brier_score,
    coverage_at,
    expected_calibration_error,
    with_interval,
)
from spanstream.models.metrics.squad_metrics import Prediction, best_exact, best_f1, scores_at
from spanstream.models.spans.calibration import Calibration

_METRICS: dict[str, Metric] = {
    "Expected calibration error (15 bins of equal mass)": expected_calibration_error,
    "Brier score": brier_score,
    "Area under the risk-coverage curve": area_under_risk_coverage,
    "Coverage at 80 % accuracy": coverage_at(0.8),
    "Coverage at 90 % accuracy": coverage_at(0.9),
}
Score = Callable[[Prediction], float]


def accuracy(models: dict[str, Sequence[Read]]) -> str:
    """A row for each model: F1 and exact match at the best threshold and on answerable questions alone."""
    lines = [
        "| | F1, best threshold | EM, best threshold | F1, answerable only | EM, answerable only |",
        "|---|---|---|---|---|",
    ]
    for name, reads in models.items():
        predictions = _predictions(reads)
        answerable = [one for one in predictions if one.example.has_answer]
        figures = (
            _mean(predictions, _f1, best_f1(predictions)[1]),
            _mean(predictions, _exact, best_exact(predictions)[1]),
            _mean(answerable, _f1, math.inf),
            _mean(answerable, _exact, math.inf),
        )
        lines.append(f"| {name} | {' | '.join(map(_percent, figures))} |")
    return "\n".join(lines)


def variants(contest: VariantSelection) -> str:
    """A row for each variant that was tried, those that could not be built too."""
    lines = [
        "| Variant | F1 | EM | MB | Speed against fp32 | Windows in a batch | Spans that neighbours change | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{entry.built.recipe.name}` | {entry.f1:.2f} | {entry.exact:.2f} | {entry.built.megabytes:.1f} "
        f"| {_speed(entry)} | {_batching(entry)} | {100 * entry.neighbours.changed_spans:.1f} % "
        f"| {contest.verdict(entry)} |"
        for entry in contest.entries
    ]
    lines += [f"| `{each.recipe.name}` | | | | | | | could not be built: {each.reason} |" for each in contest.refused]
    return "\n".join(lines)


def thresholds(calibration: Calibration, reads: Sequence[Read], absent: Mapping[str, str]) -> str:
    """A row for each named threshold: what answering from that confidence on comes to, or why there is none."""
    predictions = [read.prediction(1 - calibration.confidence(read.reading)) for read in reads]
    unanswerable = [one for one in predictions if not one.example.has_answer]
    lines = [
        "| Threshold | Confidence from | F1 | EM | Questions answered | of these right | Unanswerable, declined |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, least in calibration.thresholds.items():
        at = 1 - least
        given = [one for one in predictions if one.text and one.no_answer_score <= at]
        right = sum(one.is_right for one in given) / len(given) if given else math.nan
        scores = scores_at(predictions, at)
        declined = f"{scores_at(unanswerable, at).exact:.1f} %" if unanswerable else "none there"
        lines.append(
            f"| `{name}` | {least:.3f} | {scores.f1:.2f} | {scores.exact:.2f} "
            f"| {100 * len(given) / len(predictions):.1f} % | {100 * right:.1f} % | {declined} |"
        )
    lines += [f"| `{name}` | none: {reason} | | | | | |" for name, reason in absent.items()]
    return "\n".join(lines)


def confidence(reads: Sequence[Read], fitted: Fitted) -> str:
    """Calibrated confidence, each by a fit that had not seen the question, beside plain softmax."""
    calibrated = [read.judgement(one) for read, one in zip(reads, fitted.held_out, strict=True)]
    softmax = [read.judgement(_softmax(read)) for read in reads]
    lines = ["| | calibrated confidence | plain softmax |", "|---|---|---|"]
    lines += [
        f"| {name} | {_shown(with_interval(metric, calibrated))} | {_shown(with_interval(metric, softmax))} |"
        for name, metric in _METRICS.items()
    ]
    return "\n".join(lines)


def gain(after: Sequence[Read], before: Sequence[Read]) -> str:
    """How much F1 at the best threshold grew, question by question."""
    ours, theirs = (
        _scores(predictions, _f1, best_f1(predictions)[1]) for predictions in map(_predictions, (after, before))
    )
    gaps = [one - other for one, other in zip(ours, theirs, strict=True)]
    interval = _interval(gaps, [read.example.context for read in after])
    return f"{interval.value:+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"


def _predictions(reads: Sequence[Read]) -> list[Prediction]:
    return [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]


def _f1(prediction: Prediction) -> float:
    return prediction.f1


def _exact(prediction: Prediction) -> float:
    return prediction.exact


def _scores(predictions: Sequence[Prediction], score: Score, threshold: float) -> list[float]:
    """0 to 1 for each question, when no answer is given above the threshold."""
    return [
        score(one) if one.no_answer_score <= threshold else float(not one.example.has_answer) for one in predictions
    ]


def _mean(predictions: Sequence[Prediction], score: Score, threshold: float) -> Interval | None:
    if not predictions:
        return None
    return _interval(_scores(predictions, score, threshold), [one.example.context for one in predictions])


def _interval(scores: Sequence[float], paragraphs: Sequence[str]) -> Interval:
    """The mean in percent; whole paragraphs are drawn."""
    judgements = [
        Judgement(score, right=False, paragraph=paragraph) for score, paragraph in zip(scores, paragraphs, strict=True)
    ]
    return with_interval(lambda values, _: float(100 * values.mean()), judgements)


def _percent(interval: Interval | None) -> str:
    return f"{interval.value:.2f} ({interval.low:.1f} to {interval.high:.1f})" if interval else ""


def _shown(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _speed(entry: SelectionEntry) -> str:
    speed = entry.speed
    return f"{speed.median:.2f} ({min(speed.rounds):.2f} to {max(speed.rounds):.2f})" if speed else "not timed"


def _batching(entry: SelectionEntry) -> str:
    tokens = entry.session.max_batch_tokens
    return "one" if tokens == 1 else f"{tokens} tokens"


def _softmax(read: Read) -> float:
    return math.exp(read.reading.best.log_probability) if read.reading.best else 0.0
