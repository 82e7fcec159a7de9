"""`make bench-retrieval`: questions about collections: the recall of three searches, and the answers out of them.

    texts -> passages -> vectors (kept in a folder) -> the embedded engine -> dense, BM25, both fused
    found passages -> reader -> F1, against the gold text alone

The collections: a knowledge base, asked in its articles' words and in other words; the paragraphs of SQuAD's
validation articles, alone and among other articles' (distractors); the validation tickets and records, alone and among
the training tickets. Whole texts are drawn for the intervals. A confidence is fitted to what was read of the fused
searches, of all collections but the knowledge base together, and printed; that of a collection of your own is fitted by
`spanstream model calibrate --collection`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.retrieval_data import KeptVectors, collections, new_index
from bench.retrieval_reading import SEARCHES, Asked, Costs, Found
from spanstream.consumer.operations.collection_search import fill_index
from spanstream.models.arrays import BoolArray, Int64Array
from spanstream.models.calibrating.collection import CollectionObservation, FittedCollection, fit_collection
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.metrics.reliability import Interval, bootstrapped, brier_score, expected_calibration_error
from spanstream.models.reader import Reader
from spanstream.models.spans.collection_calibration import log_odds
from spanstream.models.spans.logistic import logistic

_RANKS: Final = (1, 5, 10)


def main() -> None:
    """Measures all collections and prints what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--distractors", type=int, default=10_000, help="paragraphs of other articles (default 10000)")
    parser.add_argument("--questions", type=int, default=0, help="questions of each collection at most; 0: all")
    parser.add_argument("--passages", type=int, default=5, help="passages read of a question (default 5)")
    parser.add_argument("--vectors", type=Path, help="folder in which vectors are kept between runs")
    parser.add_argument("--only", default="", help="only collections with this in their name")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        encoder, reader = Encoder.load(), Reader.load()
        vectors = KeptVectors(encoder, arguments.vectors or Path(folder))
        observations: list[CollectionObservation] = []
        for number, collection in enumerate(collections(arguments.distractors, arguments.questions)):
            if arguments.only not in collection.name:
                continue
            index = new_index(Path(folder) / str(number), encoder)
            fill_index(index, collection.texts, vectors.embed)
            texts, questions = len(collection.texts), len(collection.examples)
            say(f"\n{collection.name}: {texts:,} texts, {index.count():,} passages, {questions:,} questions")
            asked = Asked(collection, index, encoder, reader, arguments.passages)
            read = _measure(asked)
            if collection.is_fitted:
                observations += read
            _say_costs(asked.costs())
            index.close()
    if not observations:
        return
    fitted = fit_collection(observations)
    _say_fitted(fitted, observations, reader.threshold)


def _measure(asked: Asked) -> list[CollectionObservation]:
    """Prints recall and answers of each search; returns what was read of the fused ones."""
    found = asked.found()
    read: list[CollectionObservation] = []
    for name in SEARCHES:
        read = asked.read(found, name)
        say(f"  {name}: recall {_recall(found, name)}; {_scores(read, asked.reader.threshold)}")
    say(f"  the gold text alone: {_scores(asked.read_gold(), asked.reader.threshold)}")
    return read


def _recall(found: Sequence[Found], search: str) -> str:
    """Returns the share of the questions with an answer whose text is among the first so many, in one line."""
    answerable = [one for one in found if one.example.has_answer]
    ranks = np.array([one.rank_of_gold(search) for one in answerable])
    figures = {f"@{most}": partial(_share_within, ranks <= most) for most in _RANKS}
    return _line(bootstrapped(figures, [one.example.context for one in answerable]))


def _share_within(is_within: BoolArray, drawn: Int64Array) -> float:
    return 100 * float(is_within[drawn].mean())


def _scores(observations: Sequence[CollectionObservation], threshold: float) -> str:
    """Returns figures in one line: of candidates where there is an answer, and over all of what would be given.

    The threshold is on the confidence that one document's reader has.
    """
    edge = log_odds(threshold)
    given = np.array([one.features is not None and one.features.log_odds >= edge for one in observations])
    answerable = np.array([one.example.has_answer for one in observations])
    f1 = np.array([one.prediction.f1 for one in observations])
    exact = np.array([one.prediction.is_right for one in observations])
    official = np.where(given, np.where(answerable, f1, 0.0), ~answerable)
    intervals = bootstrapped(
        {
            "F1": lambda drawn: 100 * float(f1[drawn][answerable[drawn]].mean()),
            "EM": lambda drawn: 100 * float(exact[drawn][answerable[drawn]].mean()),
            "F1 at the threshold": lambda drawn: 100 * float(official[drawn].mean()),
        },
        [one.example.context for one in observations],
    )
    return _line(intervals)


def _line(intervals: dict[str, Interval]) -> str:
    return ", ".join(f"{name} {one.value:.1f} ({one.low:.1f} to {one.high:.1f})" for name, one in intervals.items())


def _say_costs(cost: Costs) -> None:
    say(
        f"  a question alone: {cost.embedding:.0f} ms to embed it, {cost.dense:.0f} to search by meaning, "
        f"{cost.lexical:.0f} by words, {cost.reading:.0f} to read; reading everything instead: "
        f"x {cost.everything / cost.retrieved:.0f}"
    )


def _say_fitted(fitted: FittedCollection, observations: Sequence[CollectionObservation], threshold: float) -> None:
    say(f"\nconfidence by {fitted.score}; held-out log losses: {fitted.log_losses}")
    say(f"{fitted.calibration.model_dump_json()}; absent {fitted.absent}")
    ordinary = np.array([logistic(one.features.log_odds) if one.features else 0.0 for one in observations])
    for kind in dict.fromkeys(one.kind for one in observations):
        places = [place for place, one in enumerate(observations) if one.kind == kind]
        right = np.array([observations[place].prediction.is_right for place in places], dtype=np.float64)
        for name, of_all, edge in (
            ("one document's confidence", ordinary, threshold),
            ("the collection's, held out", fitted.held_out, fitted.calibration.thresholds["default"]),
        ):
            confidence = of_all[places]
            given = confidence >= edge
            error = expected_calibration_error(confidence, right)
            precision = 100 * right[given].mean() if given.any() else float("nan")
            say(
                f"  {kind}: {name}: calibration error {error:.3f}, Brier score {brier_score(confidence, right):.3f}, "
                f"given {given.sum()}, of which {precision:.0f} % right"
            )


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)  # noqa: T201  what was measured


if __name__ == "__main__":
    main()
