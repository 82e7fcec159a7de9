"""`make bench-retrieval`: questions about collections: recall of three searches, and the answers read from what is found.

    texts -> passages -> vectors (kept in a folder) -> the embedded engine -> dense, BM25, both fused
    found passages -> reader -> F1, against the gold text alone

The collections: the paragraphs of SQuAD's validation articles, alone and among other articles' (distractors); the
validation tickets and records, alone and among the training tickets. Whole texts are drawn for the intervals.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spanstream.consumer.passages.fusion import RankedPassage, fuse
from spanstream.consumer.passages.index import (
    DocumentPassages,
    IndexDescription,
    Passage,
    PassageIndex,
    PassagePlace,
    SearchScope,
)
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array
from spanstream.models.artifact import load_artifact, write_manifest
from spanstream.models.calibrating.collection import CollectionObservation, FittedCollection, fit_collection
from spanstream.models.collection import DocumentReading, RetrievedPlace, best_document, features_of
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.metrics.reliability import Interval, bootstrapped, brier_score, expected_calibration_error
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.reader import Reader
from spanstream.models.spans.collection_calibration import log_odds
from spanstream.models.spans.logistic import logistic
from spanstream.models.text.passages import passages_of
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of

_ROOT: Final = Path(__file__).resolve().parents[1]
_TICKETS: Final = _ROOT / "models" / "data" / "tickets"
_SHARED: Final = Path(os.environ.get("SPANSTREAM_TEST_DATA") or _ROOT.parent / "shared" / "data")
_SEARCHES: Final = ("dense", "BM25", "hybrid")
_COLLECTION: Final = "all"
_BATCH: Final = 256
_RANKS: Final = (1, 5, 10)
_SEED: Final = 17
# Passages that each search is asked for, and questions that are timed one by one.
_CANDIDATES: Final = 50
_TIMED: Final = 40


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of texts, and the questions about one of them each.

    Attributes:
        name: what it is.
        texts: all its texts.
        examples: the questions; each context is one of the texts.
    """

    name: str
    texts: Sequence[str]
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class Found:
    """What the searches found for a question: passages, the best first, by the name of the search."""

    example: Example
    by_search: Mapping[str, Sequence[RankedPassage]]

    def rank_of_gold(self, search: str) -> float:
        """Returns the rank of the gold text among the texts that the passages are from, from 1; infinity: not found."""
        texts = list(dict.fromkeys(one.place.document_sha256 for one in self.by_search[search]))
        gold = sha256_of(self.example.context)
        return texts.index(gold) + 1 if gold in texts else float("inf")


def collections(distractors: int, most: int) -> Iterator[Collection]:
    """Yields the collections, with so many texts of other articles and so many questions at most (0: all)."""
    if (squad := _SHARED / "validation.json.gz").exists():
        examples = read_squad(squad)
        texts = _texts(examples)
        yield Collection("SQuAD's validation articles", texts, thinned(examples, most))
        others = [text for text in other_paragraphs(distractors) if text not in set(texts)]
        name = f"the same among {len(others):,} paragraphs of other articles"
        yield Collection(name, [*texts, *others], thinned(examples, most))
    tickets = read_squad(_TICKETS / "validation_tickets.json.gz")
    texts = _texts(tickets)
    yield Collection("validation tickets and records", texts, thinned(tickets, most))
    others = _texts(
        [example for file in sorted((_TICKETS / "train").glob("*.json.gz")) for example in read_squad(file)]
    )
    name = f"the same among {len(others):,} training tickets and records"
    yield Collection(name, [*texts, *(text for text in others if text not in set(texts))], thinned(tickets, most))


def other_paragraphs(most: int) -> list[str]:
    """Returns paragraphs of SQuAD's other articles, drawn with a fixed seed."""
    files = ("squad2", "squad_du_test", "squad_cs224n_val", "squad_nus_val", "squad2_train_unanswerable")
    files += ("merged_squad_train_unique", "new_wiki")
    texts = _texts([example for name in files for example in read_squad(_SHARED / "train" / f"{name}.json.gz")])
    random.Random(_SEED).shuffle(texts)  # noqa: S311  no secret
    return texts[:most]


def thinned(examples: Sequence[Example], most: int) -> Sequence[Example]:
    """Returns every so many-th example, so that about so many are left (0: all)."""
    return examples[:: max(1, len(examples) // most)] if most else examples


def _texts(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(example.context for example in examples))


class KeptVectors:
    """Vectors of passages, kept in a folder by the passage's hash: 100,000 of them take a while to make."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self._encoder = encoder
        self._file = folder / f"vectors-{encoder.fingerprint[:12]}.npz"
        self._vectors: dict[str, Float32Array] = {}
        if self._file.exists():
            kept = np.load(self._file)
            self._vectors = dict(zip(kept["names"].tolist(), kept["vectors"], strict=True))

    def of(self, texts: Sequence[str]) -> list[Float32Array]:
        """Returns a vector for each text."""
        names = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in self._vectors}
        for first in range(0, len(missing), _BATCH):
            batch = list(missing.items())[first : first + _BATCH]
            vectors = self._encoder.embed([text for _, text in batch])
            self._vectors |= {name: vector for (name, _), vector in zip(batch, vectors, strict=True)}
        if missing:
            np.savez(self._file, names=list(self._vectors), vectors=np.stack(list(self._vectors.values())))
        return [self._vectors[name] for name in names]


def filled(index: PassageIndex, texts: Sequence[str], vectors: KeptVectors) -> PassageIndex:
    """Returns the index with the passages of these texts; a text's id is its hash."""
    for first in range(0, len(texts), _BATCH):
        batch = texts[first : first + _BATCH]
        ranges = [(text, number, *place) for text in batch for number, place in enumerate(passages_of(text))]
        pieces = [text[start:end] for text, _, start, end in ranges]
        changes: dict[str, list[Passage]] = {sha256_of(text): [] for text in batch}
        for (text, number, start, end), piece, vector in zip(ranges, pieces, vectors.of(pieces), strict=True):
            name = sha256_of(text)
            place = PassagePlace(name, number, start, end, name, 0)
            changes[name].append(Passage(place, piece, vector, (_COLLECTION,), {}))
        index.apply([DocumentPassages(name, tuple(passages)) for name, passages in changes.items()], {0: first + 1})
    index.optimize()
    return index


def search(index: PassageIndex, example: Example, vector: Float32Array, candidates: int) -> Found:
    """Returns what each of the searches finds."""
    scope = SearchScope(_COLLECTION)
    dense, lexical = index.nearest(vector, scope, candidates), index.matching(example.question, scope, candidates)
    found = {"dense": fuse(dense, [], candidates), "BM25": fuse([], lexical, candidates)}
    return Found(example, found | {"hybrid": fuse(dense, lexical, candidates)})


def recall(found: Sequence[Found], name: str) -> dict[int, Interval]:
    """Returns the share of the questions with an answer whose text is among the first so many."""
    asked = [one for one in found if one.example.has_answer]
    ranks = np.array([one.rank_of_gold(name) for one in asked])
    figures: dict[str, Callable[[np.ndarray], float]] = {
        str(most): lambda drawn, most=most: float((ranks[drawn] <= most).mean()) for most in _RANKS
    }
    intervals = bootstrapped(figures, [one.example.context for one in asked])
    return {most: intervals[str(most)] for most in _RANKS}


class TextReader:
    """Reads texts for questions, keeping their tokens."""

    def __init__(self) -> None:
        self.reader = Reader.load()
        self._tokens: dict[str, TokenizedDocument] = {}

    def plans(self, example: Example, places: Mapping[str, Sequence[RetrievedPlace]]) -> list[ReadPlan]:
        """Returns the plans to read these places of texts; of a text without places, its whole."""
        return [
            self.reader.plan(
                text,
                self._tokenized(text),
                [example.question],
                places=[(one.char_start, one.char_end) for one in of_text],
            )[0]
            for text, of_text in places.items()
        ]

    def _tokenized(self, text: str) -> TokenizedDocument:
        if text not in self._tokens:
            self._tokens[text] = self.reader.tokenize(text)
        return self._tokens[text]


def places_of(passages: Sequence[RankedPassage], texts: Mapping[str, str]) -> dict[str, tuple[RetrievedPlace, ...]]:
    """Returns the passages' places by text, in the order in which they were found."""
    places: dict[str, tuple[RetrievedPlace, ...]] = {}
    for rank, one in enumerate(passages, start=1):
        place = one.place
        retrieved = RetrievedPlace(place.char_start, place.char_end, rank, one.dense_rank, one.lexical_rank)
        text = texts[place.document_id]
        places[text] = (*places.get(text, ()), retrieved)
    return places


def read_found(
    kind: str, found: Sequence[Found], search_name: str, most: int, texts: Mapping[str, str], reader: TextReader
) -> list[CollectionObservation]:
    """Reads the first passages that a search found for each question, and concludes over their texts."""
    observations = []
    for one in found:
        places = places_of(one.by_search[search_name][:most], texts)
        plans = reader.plans(one.example, places)
        outcomes = reader.reader.score(plans)
        answers = [reader.reader.conclude(plan, outcomes) for plan in plans]
        readings = [DocumentReading(*both) for both in zip(answers, places.values(), strict=True)]
        best = best_document(readings)
        candidate = answers[best].candidate if best is not None else None
        features = features_of(readings, best) if best is not None else None
        observations.append(CollectionObservation(kind, one.example, candidate.text if candidate else "", features))
    return observations


def read_gold(kind: str, examples: Sequence[Example], reader: TextReader) -> list[CollectionObservation]:
    """Reads the gold text of each question, as if a search had found nothing else."""
    observations = []
    for example in examples:
        place = RetrievedPlace(0, len(example.context), 1, 1, 1)
        plans = reader.plans(example, {example.context: ()})
        answer = reader.reader.conclude(plans[0], reader.reader.score(plans))
        readings = [DocumentReading(answer, (place,))]
        features = features_of(readings, 0) if answer.candidate else None
        observations.append(
            CollectionObservation(kind, example, answer.candidate.text if answer.candidate else "", features)
        )
    return observations


def figures_of(observations: Sequence[CollectionObservation], given: Sequence[bool]) -> dict[str, Interval]:
    """Returns F1 and exact match of candidates where there is an answer, and the F1 over all of what is given."""
    answerable = np.array([one.example.has_answer for one in observations])
    f1 = np.array([one.prediction.f1 for one in observations])
    exact = np.array([one.prediction.is_right for one in observations])
    official = np.where(given, np.where(answerable, f1, 0.0), ~answerable)
    return bootstrapped(
        {
            "F1": lambda drawn: 100 * float(f1[drawn][answerable[drawn]].mean()),
            "EM": lambda drawn: 100 * float(exact[drawn][answerable[drawn]].mean()),
            "F1 at the threshold": lambda drawn: 100 * float(official[drawn].mean()),
        },
        [one.example.context for one in observations],
    )


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds a question, each question alone; `everything` is the time to read all texts of the collection."""

    embedding: float
    dense: float
    lexical: float
    reading: float
    everything: float

    @property
    def retrieved(self) -> float:
        """Of a question that is searched for and answered."""
        return self.embedding + self.dense + self.lexical + self.reading


def costs(collection: Collection, index: PassageIndex, encoder: Encoder, reader: TextReader, most: int) -> Costs:
    """Measures questions one by one; what reading everything takes is measured on some texts, and multiplied."""
    texts = {sha256_of(text): text for text in collection.texts}
    spent: dict[str, list[float]] = {"embedding": [], "dense": [], "lexical": [], "reading": []}
    scope = SearchScope(_COLLECTION)
    for example in thinned(collection.examples, _TIMED):
        began = time.perf_counter()
        vector = encoder.embed([example.question])[0]
        embedded = time.perf_counter()
        dense = index.nearest(vector, scope, _CANDIDATES)
        searched = time.perf_counter()
        lexical = index.matching(example.question, scope, _CANDIDATES)
        matched = time.perf_counter()
        reader.reader.score(reader.plans(example, places_of(fuse(dense, lexical, most), texts)))
        read = time.perf_counter()
        steps = (embedded - began, searched - embedded, matched - searched, read - matched)
        for name, seconds in zip(spent, steps, strict=True):
            spent[name].append(1000 * seconds)
    some = thinned(collection.texts, _TIMED)
    began = time.perf_counter()
    plans = reader.plans(collection.examples[0], dict.fromkeys(some, ()))
    reader.reader.score(plans)
    everything = 1000 * (time.perf_counter() - began) * len(collection.texts) / len(some)
    return Costs(*(float(np.median(of_step)) for of_step in spent.values()), everything=everything)


def main() -> None:
    """Measures all collections and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--distractors", type=int, default=10_000, help="paragraphs of other articles (default 10000)")
    parser.add_argument("--questions", type=int, default=0, help="questions of each collection at most; 0: all")
    parser.add_argument("--passages", type=int, default=5, help="passages read of a question (default 5)")
    parser.add_argument("--vectors", type=Path, help="folder in which vectors are kept between runs")
    parser.add_argument("--only", default="", help="only collections with this in their name")
    parser.add_argument("--calibrate", type=Path, help="write the bundled artifact, calibrated to what was read, here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        encoder, reader = Encoder.load(), TextReader()
        vectors = KeptVectors(encoder, arguments.vectors or Path(folder))
        observations: list[CollectionObservation] = []
        for number, collection in enumerate(collections(arguments.distractors, arguments.questions)):
            if arguments.only not in collection.name:
                continue
            index = filled(_new_index(Path(folder) / str(number), encoder), collection.texts, vectors)
            say(
                f"\n{collection.name}: {len(collection.texts):,} texts, {index.count():,} passages, "
                f"{len(collection.examples):,} questions"
            )
            observations += _measure(collection, index, vectors, reader, arguments.passages)
            _say_costs(costs(collection, index, encoder, reader, arguments.passages))
            index.close()
        fitted = fit_collection(observations)
        _say_fitted(fitted, observations)
        if arguments.calibrate:
            write_calibrated(arguments.calibrate, fitted)


def _new_index(folder: Path, encoder: Encoder) -> PassageIndex:
    indexes = open_passage_indexes(IndexSettings(uri=str(folder)))
    return indexes.create("bench", IndexDescription(encoder.fingerprint, encoder.dimensions, "bench", 1))


def _measure(
    collection: Collection, index: PassageIndex, vectors: KeptVectors, reader: TextReader, most: int
) -> list[CollectionObservation]:
    """Prints recall and answers of each search; returns what was read of the fused ones."""
    asked = vectors.of([example.question for example in collection.examples])
    found = [search(index, *both, _CANDIDATES) for both in zip(collection.examples, asked, strict=True)]
    texts = {sha256_of(text): text for text in collection.texts}
    default = reader.reader.threshold
    kept: list[CollectionObservation] = []
    for name in _SEARCHES:
        recalls = ", ".join(f"@{rank} {_percent(interval)}" for rank, interval in recall(found, name).items())
        kept = read_found(collection.name, found, name, most, texts, reader)
        say(f"  {name}: recall {recalls}; {_scores(kept, default)}")
    gold = read_gold(collection.name, collection.examples, reader)
    say(f"  the gold text alone: {_scores(gold, default)}")
    return kept


def _scores(observations: Sequence[CollectionObservation], threshold: float) -> str:
    """Returns the figures in one line, at a threshold on the ordinary confidence."""
    edge = log_odds(threshold)
    given = [one.features is not None and one.features.log_odds >= edge for one in observations]
    figures = figures_of(observations, given)
    return ", ".join(f"{name} {one.value:.1f} ({one.low:.1f} to {one.high:.1f})" for name, one in figures.items())


def _say_costs(cost: Costs) -> None:
    say(
        f"  a question alone: {cost.embedding:.0f} ms to embed it, {cost.dense:.0f} to search by meaning, "
        f"{cost.lexical:.0f} by words, {cost.reading:.0f} to read; reading everything instead: "
        f"x {cost.everything / cost.retrieved:.0f}"
    )


def _say_fitted(fitted: FittedCollection, observations: Sequence[CollectionObservation]) -> None:
    say(f"\nconfidence by {' + '.join(fitted.features)}; held-out log losses: {fitted.log_losses}")
    say(f"thresholds {fitted.calibration.thresholds}; absent {fitted.absent}")
    ordinary = [logistic(one.features.log_odds) if one.features else 0.0 for one in observations]
    for kind in dict.fromkeys(one.kind for one in observations):
        places = [place for place, one in enumerate(observations) if one.kind == kind]
        some = [observations[place] for place in places]
        right = np.array([one.prediction.is_right for one in some], dtype=np.float64)
        for name, of_all, edge in (
            ("one document's confidence", np.array(ordinary), Reader.load().threshold),
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


def write_calibrated(folder: Path, fitted: FittedCollection) -> None:
    """Writes the bundled artifact with the collections' calibration; its other files stay as they are."""
    shutil.copytree(DEFAULT_ARTIFACT, folder, dirs_exist_ok=True)
    manifest = load_artifact(DEFAULT_ARTIFACT).manifest
    calibration = manifest.calibration.model_copy(update={"collection": fitted.calibration})
    write_manifest(folder, manifest.model_copy(update={"calibration": calibration}))
    load_artifact(folder)


def _percent(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)  # noqa: T201  what was measured


if __name__ == "__main__":
    main()
