"""Renders the card's tables in Markdown: accuracy, variants, thresholds, confidence.

Intervals are 95 %, by bootstrap over whole paragraphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spanstream.models.arrays import Int64Array
from spanstream.models.building.variants.selection import SelectionEntry, VariantSelection
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.reliability import (
    CONFIDENCE_METRICS,
    METRIC_LABELS,
    Interval,
    bootstrapped,
    with_interval,
)
from spanstream.models.metrics.squad_metrics import Prediction, best_exact, best_f1, scores_at
from spanstream.models.spans.calibration import Calibration

PredictionScore = Callable[[Prediction], float]


def accuracy(models: dict[str, Sequence[ReadQuestion]]) -> str:
    """Renders a row for each model: F1 and exact match at the best threshold and on answerable questions alone."""
    lines = [
        "| | F1, best threshold | EM, best threshold | F1, answerable only | EM, answerable only |",
        "|---|---|---|---|---|",
    ]
    for name, reads in models.items():
        predictions = _predictions(reads)
        answerable = [prediction for prediction in predictions if prediction.example.has_answer]
        figures = (
            _mean(predictions, _f1, best_f1(predictions)[1]),
            _mean(predictions, _exact, best_exact(predictions)[1]),
            _mean(answerable, _f1, math.inf),
            _mean(answerable, _exact, math.inf),
        )
        lines.append(f"| {name} | {' | '.join(map(_percent, figures))} |")
    return "\n".join(lines)


def variants(selection: VariantSelection) -> str:
    """Renders a row for each variant that was tried, also for those that could not be built."""
    lines = [
        "| Variant | F1 | EM | MB | Speed against fp32 | Windows in a batch | Spans that neighbours change | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{entry.built.recipe.name}` | {_of_files(entry.f1)} | {_of_files(entry.exact)} "
        f"| {entry.built.megabytes:.1f} | {_speed(entry)} | {_batching(entry)} "
        f"| {100 * entry.batch_invariance.changed_spans:.1f} % | {selection.reason(entry)} |"
        for entry in selection.entries
    ]
    lines += [
        f"| `{refused.recipe.name}` | | | | | | | could not be built: {refused.reason} |"
        for refused in selection.refused
    ]
    return "\n".join(lines)


def thresholds(calibration: Calibration, reads: Sequence[ReadQuestion], absent: Mapping[str, str]) -> str:
    """Renders a row for each named threshold: what it gives, or why there is none."""
    predictions = [read.prediction(1 - calibration.confidence(read.reading)) for read in reads]
    unanswerable = [prediction for prediction in predictions if not prediction.example.has_answer]
    lines = [
        "| Threshold | Confidence from | F1 | EM | Questions answered | of these right | Unanswerable, declined |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, least in calibration.thresholds.items():
        most = 1 - least
        given = [prediction for prediction in predictions if prediction.text and prediction.no_answer_score <= most]
        right = sum(prediction.is_right for prediction in given) / len(given) if given else math.nan
        scores = scores_at(predictions, most)
        declined = f"{scores_at(unanswerable, most).exact:.1f} %" if unanswerable else "none there"
        lines.append(
            f"| `{name}` | {least:.3f} | {scores.f1:.2f} | {scores.exact:.2f} "
            f"| {100 * len(given) / len(predictions):.1f} % | {100 * right:.1f} % | {declined} |"
        )
    lines += [f"| `{name}` | none: {reason} | | | | | |" for name, reason in absent.items()]
    return "\n".join(lines)


def confidence(reads: Sequence[ReadQuestion], held_out: Sequence[float]) -> str:
    """Renders what the held-out confidences are worth, beside plain softmax."""
    calibrated = [read.judgement(confidence) for read, confidence in zip(reads, held_out, strict=True)]
    softmax = [read.judgement(_softmax(read)) for read in reads]
    lines = ["| | calibrated confidence | plain softmax |", "|---|---|---|"]
    lines += [
        f"| {METRIC_LABELS[name]} | {with_interval(metric, calibrated)} | {with_interval(metric, softmax)} |"
        for name, metric in CONFIDENCE_METRICS.items()
    ]
    return "\n".join(lines)


def gain(after: Sequence[ReadQuestion], before: Sequence[ReadQuestion]) -> str:
    """Renders how much F1 at the best threshold grew, question by question."""
    ours, theirs = (
        _scores(predictions, _f1, best_f1(predictions)[1]) for predictions in map(_predictions, (after, before))
    )
    differences = [own - other for own, other in zip(ours, theirs, strict=True)]
    interval = _mean_in_percent(differences, [read.example.context for read in after])
    return f"{interval.value:+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"


def _of_files(percents: Sequence[float]) -> str:
    return " / ".join(f"{percent:.2f}" for percent in percents)


def _predictions(reads: Sequence[ReadQuestion]) -> list[Prediction]:
    return [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]


def _f1(prediction: Prediction) -> float:
    return prediction.f1


def _exact(prediction: Prediction) -> float:
    return prediction.exact


def _scores(predictions: Sequence[Prediction], score: PredictionScore, threshold: float) -> list[float]:
    """Returns a score from 0 to 1 for each question, when no answer is given above the threshold."""
    return [
        score(prediction) if prediction.no_answer_score <= threshold else float(not prediction.example.has_answer)
        for prediction in predictions
    ]


def _mean(predictions: Sequence[Prediction], score: PredictionScore, threshold: float) -> Interval | None:
    if not predictions:
        return None
    paragraphs = [prediction.example.context for prediction in predictions]
    return _mean_in_percent(_scores(predictions, score, threshold), paragraphs)


def _mean_in_percent(scores: Sequence[float], paragraphs: Sequence[str]) -> Interval:
    values = np.array(scores)

    def mean(drawn: Int64Array) -> float:
        return float(100 * values[drawn].mean())

    return bootstrapped({"mean": mean}, paragraphs)["mean"]


def _percent(interval: Interval | None) -> str:
    return f"{interval.value:.2f} ({interval.low:.1f} to {interval.high:.1f})" if interval else ""


def _speed(entry: SelectionEntry) -> str:
    speed = entry.speed
    return f"{speed.median:.2f} ({min(speed.rounds):.2f} to {max(speed.rounds):.2f})" if speed else "not timed"


def _batching(entry: SelectionEntry) -> str:
    tokens = entry.session.max_batch_tokens
    return "one" if tokens == 1 else f"{tokens} tokens"


def _softmax(read: ReadQuestion) -> float:
    return math.exp(read.reading.best.log_probability) if read.reading.best else 0.0
