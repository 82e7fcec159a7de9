"""Measures what choosing the questions to label is worth: how good a confidence and a threshold k labels give.

    python -m bench.labelling [FILE...]      SQuAD v2 files; by default the validation tickets and the work orders

Of each file half of the texts are the pool that labels are bought from, the other half is measured on; drawn anew for
each seed. From k labels the scale of the artifact's confidence is fitted anew (Platt 1999), and the threshold `default`
is chosen, as `spanstream model calibrate` does where the score stays. "Error of the share" is how far the share of
right candidates in the pool, estimated from the labels, is off.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer

from spanstream.models.arrays import Float64Array, Int64Array
from spanstream.models.artifact import load_artifact
from spanstream.models.calibrating.score import platt
from spanstream.models.calibrating.thresholds import LabelledSample, ThresholdRequest, choose_thresholds
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import observe, open_variant_reader, read_labelled_questions

_DATA: Final = Path(__file__).parents[1] / "models" / "data"
_FILES: Final = (_DATA / "tickets" / "validation_tickets.json.gz", _DATA / "work-orders" / "train.json.gz")
_SIZES: Final = (25, 50, 100)
_NOTHING: Final = ThresholdRequest((), (), ())
_LEAST_OF_A_KIND: Final = 2

Pick = tuple[Int64Array, Float64Array]


@dataclass(frozen=True, slots=True)
class Questions:
    """Labelled questions as the artifact reads them; every array is (questions,), `vectors` (questions, terms)."""

    sample: LabelledSample
    logits: Float64Array
    texts: Sequence[str]
    vectors: Float64Array


def read_questions(files: Sequence[Path]) -> Questions:
    """Reads the files with the bundled artifact."""
    artifact = load_artifact(DEFAULT_ARTIFACT)
    reader = open_variant_reader(
        artifact, artifact.variants_for("cpu")[0], threads=2, max_windows=DEFAULT_MAX_WINDOWS, report=print
    )
    observations = observe(read_labelled_questions(files), reader)
    reader.close()
    sample = ObservationTable.of(observations, artifact.manifest.calibration).sample
    confidence = np.clip(sample.confidence, 1e-6, 1 - 1e-6)
    examples = [observation.read.example for observation in observations]
    vectors = TfidfVectorizer(sublinear_tf=True, max_features=5000).fit_transform(
        [f"{example.question} {example.context}" for example in examples]
    )
    texts = [example.context for example in examples]
    return Questions(sample, np.log(confidence / (1 - confidence)), texts, vectors.toarray())


def uniform(questions: Questions, pool: Int64Array, count: int, random: np.random.Generator) -> Pick:
    """Draws uniformly."""
    del questions
    return random.choice(pool, count, replace=False), np.ones(count)


def nearest(questions: Questions, pool: Int64Array, count: int, random: np.random.Generator) -> Pick:
    """Takes those that are the nearest to the threshold."""
    del random
    return pool[np.argsort(np.abs(questions.sample.confidence[pool] - 0.5))[:count]], np.ones(count)


def spread(questions: Questions, pool: Int64Array, count: int, random: np.random.Generator) -> Pick:
    """Takes the farthest from those taken, times p (1 - p), one by one (k-center, Sener and Savarese 2018)."""
    confidence = questions.sample.confidence[pool]
    vectors = questions.vectors[pool]
    taken = [int(random.integers(len(pool)))]
    distance = 1 - vectors @ vectors[taken[0]]
    while len(taken) < count:
        distance[taken] = -1
        taken.append(int(np.argmax(distance * confidence * (1 - confidence))))
        distance = np.minimum(distance, 1 - vectors @ vectors[taken[-1]])
    return pool[taken], np.ones(count)


def by_chances(questions: Questions, pool: Int64Array, count: int, random: np.random.Generator) -> Pick:
    """Draws half uniformly, the others by sequential Poisson sampling (Ohlsson 1998), weighted by the chances."""
    confidence = questions.sample.confidence[pool]
    sizes = np.maximum(np.sqrt(confidence * (1 - confidence)), 0.05)
    ranks, first = random.random(len(pool)) / sizes, random.permutation(len(pool))[: count // 2]
    ranks[first] = np.inf
    order = np.argsort(ranks)
    left = count - len(first)
    rate = ranks[order[left]] if left < len(pool) else np.inf
    places = np.concatenate([first, order[:left]])
    chances = 1 - (1 - len(first) / len(pool)) * (1 - np.minimum(rate * sizes[places], 1))
    return pool[places], 1 / chances


WAYS: Final[dict[str, Callable[[Questions, Int64Array, int, np.random.Generator], Pick]]] = {
    "uniform": uniform,
    "near the threshold": nearest,
    "unsure and far apart": spread,
    "label next": by_chances,
}


def figures(questions: Questions, pick: Pick, pool: Int64Array, test: Int64Array) -> tuple[float, float, float]:
    """Returns log loss and F1 on the other half, and the error of the share of right candidates in the pool."""
    (places, weights), sample = pick, questions.sample
    right = sample.right[places]
    confidence = sample.confidence
    if min(right.sum(), (~right).sum()) >= _LEAST_OF_A_KIND:
        confidence = platt(questions.logits[places], right, weights / weights.mean()).confidences(questions.logits)
    labelled = LabelledSample(
        confidence[places], sample.candidate[places], right, sample.f1[places], sample.has_answer[places]
    )
    threshold = choose_thresholds(labelled, _NOTHING)[0]["default"]
    given = sample.candidate[test] & (confidence[test] >= threshold)
    f1 = np.where(given, np.where(sample.has_answer[test], sample.f1[test], 0.0), ~sample.has_answer[test])
    likelihood = np.where(sample.right[test], confidence[test], 1 - confidence[test])
    share = abs(float(np.average(right, weights=weights)) - float(sample.right[pool].mean()))
    return -float(np.log(np.clip(likelihood, 1e-6, 1)).mean()), 100 * float(f1.mean()), share


def simulate(questions: Questions, seeds: int) -> dict[tuple[str, int], Float64Array]:
    """Returns (seeds, 3) figures of each way and number of labels."""
    results: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    texts = sorted(set(questions.texts))
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        bought = set(random.permutation(np.array(texts, dtype=object))[: len(texts) // 2].tolist())
        in_pool = np.array([text in bought for text in questions.texts])
        pool, test = np.flatnonzero(in_pool & questions.sample.candidate), np.flatnonzero(~in_pool)
        for count in _SIZES:
            for name, way in WAYS.items():
                pick = way(questions, pool, count, random)
                results.setdefault((name, count), []).append(figures(questions, pick, pool, test))
    return {key: np.array(values) for key, values in results.items()}


def main() -> None:
    """Prints a table for each file."""
    parser = argparse.ArgumentParser(prog="python -m bench.labelling", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path, default=_FILES, metavar="FILE", help="SQuAD v2 files.")
    parser.add_argument("--seeds", type=int, default=100, help="How often the texts are halved.")
    arguments = parser.parse_args()
    for file in arguments.files:
        table = Table("labels", "chosen", "log loss", "F1 at default", "error of the share", title=file.name)
        for (name, count), values in simulate(read_questions([file]), arguments.seeds).items():
            mean, half = values.mean(axis=0), 1.96 * values.std(axis=0) / np.sqrt(len(values))
            cells = (
                f"{mean[0]:.3f} ± {half[0]:.3f}",
                f"{mean[1]:.1f} ± {half[1]:.1f}",
                f"{mean[2]:.3f} ± {half[2]:.3f}",
            )
            table.add_row(str(count), name, *cells)
        Console().print(table)


if __name__ == "__main__":
    main()
