"""A sample of the searches is made once more, exactly; what comes of it is a metric, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.errors import Retryable
from spanstream.consumer.passages.index import PassageHit, PassageIndex, SearchScope
from spanstream.consumer.passages.memory_index import MemoryPassageIndex, MemoryPassageIndexes
from spanstream.consumer.passages.recall_sample import RecallSample
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.turns import ONE, ZERO
from tests.support.passages.collection_stream import CollectionStream
from tests.support.passages.passages_of_tests import DESCRIPTION, ENCODER, document_of

KB = SearchScope("kb")
[PUMP] = ENCODER.embed(["pump"])


class ApproximateIndex(MemoryPassageIndex):
    """Finds every passage but the nearest one, as a graph might."""

    exact_searches = 0
    error: Exception | None = None

    @property
    def is_exact(self) -> bool:
        return False

    def nearest(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        return super().nearest(vector, scope, limit + 1)[1:]

    def nearest_exactly(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        self.exact_searches += 1
        if self.error is not None:
            raise self.error
        return super().nearest(vector, scope, limit)


class IndexesOf(MemoryPassageIndexes):
    """Has one generation, which is the given one."""

    def __init__(self, index: MemoryPassageIndex) -> None:
        super().__init__()
        self._index = index
        self.create("g1", DESCRIPTION)
        self.switch("g1")

    def open(self, name: str) -> PassageIndex:
        return self._index if name == self.current() else super().open(name)


def retriever_of(index: MemoryPassageIndex) -> Retriever:
    return Retriever(IndexesOf(index), ENCODER, IndexSettings(uri="memory", candidates=4), FakeClock())


def filled(index: MemoryPassageIndex, *texts: str) -> Any:
    index.apply([document_of("d1", texts)], {})
    return index


def test_recall_is_the_share_of_the_nearest_that_was_found() -> None:
    texts = ["pump", "pump valve", "pump valve red", "pump valve red door", "pump valve red door flange"]
    assert retriever_of(filled(ApproximateIndex(DESCRIPTION), *texts)).recall(PUMP, KB) == 3 / 4


def test_a_passage_that_is_as_near_as_the_last_one_counts_as_found() -> None:
    assert retriever_of(filled(ApproximateIndex(DESCRIPTION), *["pump valve"] * 5)).recall(PUMP, KB) == 1


def test_passages_that_come_between_both_searches_make_it_no_more_than_all() -> None:
    index = filled(ApproximateIndex(DESCRIPTION), "pump")
    found = MemoryPassageIndex.nearest(filled(MemoryPassageIndex(DESCRIPTION), *["pump"] * 3), PUMP, KB, 4)
    index.nearest = lambda *_: found
    assert retriever_of(index).recall(PUMP, KB) == 1


def test_where_nothing_can_be_missed_nothing_is_measured() -> None:
    assert retriever_of(filled(MemoryPassageIndex(DESCRIPTION), "pump")).recall(PUMP, KB) is None
    assert retriever_of(filled(ApproximateIndex(DESCRIPTION), "pump")).recall(PUMP, SearchScope("hr")) is None


@pytest.mark.parametrize(("share", "searches"), [(0.0, 0), (0.25, 2), (0.3, 2), (1.0, 9)])
def test_as_many_searches_as_the_share_says_are_made_once_more(share: float, searches: int) -> None:
    index, seen = filled(ApproximateIndex(DESCRIPTION), "pump", "pump valve"), list[float]()
    sample, retriever = RecallSample(share, seen.append), retriever_of(index)
    for _ in range(9):
        sample.take(retriever, PUMP, KB)
    assert index.exact_searches == searches
    assert seen == [0.5] * searches


@pytest.mark.parametrize("error", [Retryable("too slow"), ValueError("a text")])
def test_a_failure_is_a_line_in_the_log(error: Exception) -> None:
    index, seen = filled(ApproximateIndex(DESCRIPTION), "pump"), list[float]()
    index.error = error
    with capture_logs() as lines:
        RecallSample(1.0, seen.append).take(retriever_of(index), PUMP, KB)
    assert seen == []
    assert [(line["event"], line["error"]) for line in lines] == [("recall_not_measured", type(error).__name__)]


@pytest.mark.parametrize("error", [None, Retryable("too slow")])
def test_a_consumer_exports_it_and_answers_whatever_comes_of_it(error: Exception | None) -> None:
    index = ApproximateIndex(DESCRIPTION)
    index.error = error
    stream = CollectionStream(indexes=IndexesOf(index))
    stream.index = index
    stream.put(ZERO, "The train leaves at 07:05 from platform 3.")
    stream.put(ONE, "The bus to the airport departs every hour from the main gate.")
    stream.index_now()
    member = stream.start(index=IndexSettings(uri="memory", recall_sample=1))
    stream.ask("a", "when does the train leave ?")
    stream.ask("b", "where from ?")
    stream.settle(["a", "b"])
    assert stream.outcomes() == {"a": 1, "b": 1}
    assert index.exact_searches == 2
    measured = member.metric("retrieval_recall_count"), member.metric("retrieval_recall_sum")
    assert measured == ((0, 0) if error else (2, 2 * 0.5))
