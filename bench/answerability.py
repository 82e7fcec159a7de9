"""`make bench-answerability`: what an artifact's answerability head is worth, with 95 % intervals.

    each file: the questions as the model reads them -> held-out fits with the head and without -> figures, and their
      difference on the same questions

Every fit is held out by text. The fits weigh what the shipped confidences weigh, with the head's logit or without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.artifact import load_artifact
from spanstream.models.calibrating.folds import folds_of, groups_of
from spanstream.models.calibrating.score import Score, platt
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.inference.session import OnnxSession
from spanstream.models.metrics.reading import ReadingOptions, ReadQuestion, read_all
from spanstream.models.metrics.reliability import CONFIDENCE_METRICS, Metric, bootstrapped
from spanstream.models.metrics.squad_files import read_squad

_WITHOUT: Final = ("null_score_diff", "probability")
_WITH: Final = (*_WITHOUT, "answerability")
_SHOWN: Final = ("expected_calibration_error", "brier_score", "area_under_risk_coverage")


def main() -> None:
    """Reads the files and prints a table for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--artifact", type=Path, required=True, help="an artifact whose model has the head")
    parser.add_argument("--data", type=Path, action="append", required=True, help="SQuAD v2 file; repeatable")
    arguments = parser.parse_args()
    for path in arguments.data:
        reads = [read for read in _read(arguments.artifact, path) if read.text]
        if any(read.reading.answerability is None for read in reads):
            parser.error(f"{arguments.artifact}: its model has no answerability head")
        Console().print(_table(path.name, reads))


def _read(folder: Path, path: Path) -> list[ReadQuestion]:
    artifact = load_artifact(folder)
    manifest, variant = artifact.manifest, artifact.variants_for("cpu")[0]
    tokens = variant.session.max_batch_tokens
    sizes = (manifest.pad_id, manifest.max_answer_tokens, tokens, available_cpus())
    options = ReadingOptions(artifact.tokenizer, artifact.shape, *sizes)
    return read_all(read_squad(path), OnnxSession(artifact.path_of(variant), variant), options)


def _table(name: str, reads: Sequence[ReadQuestion]) -> Table:
    table = Table("", "without the head", "with it", "difference", title=f"{name}: {len(reads)} questions")
    has_answer = np.array([read.example.has_answer for read in reads])
    right = np.array([read.prediction(0.0).is_right for read in reads])
    null_score = np.array([-(read.reading.null_score_diff or 0.0) for read in reads])
    head = np.array([read.reading.answerability or 0.0 for read in reads])
    both = _held_out(reads, ("null_score_diff", "answerability"), has_answer)
    texts = [read.example.context for read in reads]
    _add(table, "AUROC, answerable or not: null score, head", partial(_area, has_answer), null_score, head, texts)
    _add(table, "AUROC: null score, both", partial(_area, has_answer), null_score, both, texts)
    without, with_head = _held_out(reads, _WITHOUT, right), _held_out(reads, _WITH, right)
    _add(table, "log loss of the confidence", partial(_log_loss, right), without, with_head, texts)
    for metric in _SHOWN:
        figure = partial(_confidence, CONFIDENCE_METRICS[metric], right)
        _add(table, metric.replace("_", " "), figure, without, with_head, texts)
    # To give an answer gains its F1, or loses the point for declining where there is none.
    gains = np.where(has_answer, [read.prediction(0.0).f1 for read in reads], -1.0)
    _add(table, "best F1", partial(_best_f1, gains), without, with_head, texts)
    return table


def _held_out(reads: Sequence[ReadQuestion], names: tuple[str, ...], label: BoolArray) -> Float64Array:
    """Returns (questions,) probabilities of the label, each by a fit without the question's group of texts."""
    counts, held_out = np.ones(len(reads)), np.full(len(reads), label.mean())
    for kept, left_out in folds_of(groups_of([read.example for read in reads])[1], label, np.ones_like(label)):
        score = Score.fitted(reads, names, label, counts, kept)
        scores = score.scores()
        held_out[left_out] = platt(scores[kept], label[kept], counts[kept]).confidences(scores[left_out])
    return held_out


def _area(label: BoolArray, score: Float64Array, drawn: Int64Array) -> float:
    return float(roc_auc_score(label[drawn], score[drawn]))


def _log_loss(label: BoolArray, confidence: Float64Array, drawn: Int64Array) -> float:
    return float(-np.log(np.where(label, confidence, 1 - confidence)[drawn]).mean())


def _confidence(metric: Metric, label: BoolArray, confidence: Float64Array, drawn: Int64Array) -> float:
    return metric(confidence[drawn], label[drawn].astype(np.float64))


def _best_f1(gains: Float64Array, confidence: Float64Array, drawn: Int64Array) -> float:
    """Returns the best F1 over all thresholds, as the official sweep does (`best_f1`), in percent."""
    gained = np.cumsum(gains[drawn][np.argsort(-confidence[drawn], kind="stable")])
    declined = np.count_nonzero(gains[drawn] < 0)
    return 100 * float(declined + max(gained.max(), 0.0)) / len(drawn)


def _add(  # noqa: PLR0913, PLR0917  a row of the table
    table: Table,
    name: str,
    figure: partial[float],
    before: Float64Array,
    after: Float64Array,
    texts: Sequence[str],
) -> None:
    first, second = partial(figure, before), partial(figure, after)

    def gain(drawn: Int64Array) -> float:
        return second(drawn) - first(drawn)

    intervals = bootstrapped({"before": first, "after": second, "gain": gain}, texts)
    table.add_row(name, *(str(intervals[column]) for column in ("before", "after", "gain")))


if __name__ == "__main__":
    main()
