"""Searches a collection for each of its questions, and reads what was found, as the stream does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from bench.retrieval_data import Collection, thinned
from spanstream.consumer.answering.planned import places_by_document
from spanstream.consumer.operations.collection_search import COLLECTION
from spanstream.consumer.passages.fusion import RankedPassage, fuse
from spanstream.consumer.passages.index import PassageIndex, SearchScope
from spanstream.models.calibrating.collection import CollectionObservation
from spanstream.models.collection import RetrievedPlace
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.evaluation.collections.observing import CollectionObserver, FoundTexts, Places
from spanstream.models.evaluation.observe import LabelledQuestion
from spanstream.models.metrics.squad_files import Example
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import sha256_of

SEARCHES: Final = ("dense", "BM25", "hybrid")
# Passages that each search is asked for, and questions that are timed one by one.
_CANDIDATES: Final = 50
_TIMED: Final = 40
_SCOPE: Final = SearchScope(COLLECTION)


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


@dataclass
class Asked:
    """A collection, what it is searched with, and what reads it; `passages` of a question are read."""

    collection: Collection
    index: PassageIndex
    encoder: Encoder
    reader: Reader
    passages: int

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {sha256_of(text): text for text in self.collection.texts}

    @cached_property
    def _observer(self) -> CollectionObserver:
        return CollectionObserver(self.reader, self.collection.name)

    def found(self) -> list[Found]:
        """Returns what each of the searches finds for each question."""
        found = []
        for example in self.collection.examples:
            vector = self.encoder.embed([example.question])[0]
            dense = self.index.nearest(vector, _SCOPE, _CANDIDATES)
            lexical = self.index.matching(example.question, _SCOPE, _CANDIDATES)
            rankings = (fuse(dense, [], _CANDIDATES), fuse([], lexical, _CANDIDATES), fuse(dense, lexical, _CANDIDATES))
            found.append(Found(example, dict(zip(SEARCHES, rankings, strict=True))))
        return found

    def read(self, found: Sequence[Found], search: str) -> list[CollectionObservation]:
        """Reads the first passages that a search found for each question, and concludes over their texts."""
        texts = [self._found(one.example, self._places(one.by_search[search])) for one in found]
        return [observation for one in texts for observation in self._observer.observe([one])]

    def read_gold(self) -> list[CollectionObservation]:
        """Reads the whole gold text of each question, as if a search had found nothing else."""
        texts = [
            self._found(example, {example.context: (RetrievedPlace(0, len(example.context), 1, 1, 1),)})
            for example in self.collection.examples
        ]
        return [observation for one in texts for observation in self._observer.observe([one])]

    def costs(self) -> Costs:
        """Measures questions one by one; what reading everything takes is measured on some texts, and multiplied."""
        steps = []
        for example in thinned(self.collection.examples, _TIMED):
            times = [time.perf_counter()]
            vector = self.encoder.embed([example.question])[0]
            times.append(time.perf_counter())
            dense = self.index.nearest(vector, _SCOPE, _CANDIDATES)
            times.append(time.perf_counter())
            lexical = self.index.matching(example.question, _SCOPE, _CANDIDATES)
            times.append(time.perf_counter())
            self._observer.observe([self._found(example, self._places(fuse(dense, lexical, _CANDIDATES)))])
            times.append(time.perf_counter())
            steps.append([1000 * (end - start) for start, end in pairwise(times)])
        some = thinned(self.collection.texts, _TIMED)
        plans = self._observer.plans(self._found(self.collection.examples[0], dict.fromkeys(some, ())))
        began = time.perf_counter()
        self.reader.score(plans)
        everything = 1000 * (time.perf_counter() - began) * len(self.collection.texts) / len(some)
        embedding, dense_search, lexical_search, reading = np.median(steps, axis=0).tolist()
        return Costs(embedding, dense_search, lexical_search, reading, everything)

    def _places(self, ranked: Sequence[RankedPassage]) -> Places:
        places = places_by_document(ranked[: self.passages])
        return {self._texts[name]: of_text for name, of_text in places.items()}

    def _found(self, example: Example, places: Places) -> FoundTexts:
        return FoundTexts(LabelledQuestion(Path(self.collection.name), example), places)
