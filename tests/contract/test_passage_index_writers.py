"""What the real passage indexes do while a process writes: others read, it is killed, its changes are random."""

from __future__ import annotations

import contextlib
import itertools
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanstream.consumer.errors import Retryable
from spanstream.consumer.passages.index import DocumentPassages, PassageHit, PassageIndex, SearchScope
from spanstream.consumer.passages.memory_index import MemoryPassageIndex
from tests.support.passages.changes_writer import GENERATION, changes_of, start_writer, write
from tests.support.passages.passage_engines import RealEngine
from tests.support.passages.passages_of_tests import DESCRIPTION, ENCODER, contents_of, document_of

KB = SearchScope("kb")
_PATIENCE = 120.0
_WORDS = ["pump", "valve", "flange", "seal"]
_numbers = itertools.count()


def steady_hits(index: PassageIndex) -> list[tuple[str, int]]:
    """Returns version and number of each passage of the document that is always there."""
    by_words = index.matching("pump", KB, 50)
    by_vector = index.nearest(ENCODER.embed(["pump at step"])[0], KB, 200)
    assert by_vector
    hits = [hit.place for hit in by_words if hit.place.document_id == "steady"]
    return [(place.document_sha256, place.number) for place in hits]


def await_position(index: PassageIndex, position: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while index.positions().get(0, 0) < position:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_search_sees_a_documents_old_or_new_passages_while_another_process_writes(real_engine: RealEngine) -> None:
    total = 40
    indexes = real_engine.open()
    index = indexes.create(GENERATION, DESCRIPTION)
    index.apply(changes_of(0), {0: 1})
    versions = {
        one.place.document_sha256: len(change.passages)
        for change in (changes_of(step)[0] for step in range(total))
        for one in change.passages
    }
    seen = set()
    with start_writer(real_engine.settings, total) as writer:
        while writer.poll() is None:
            hits = steady_hits(index)
            [version] = {sha256 for sha256, _ in hits}
            assert sorted(number for _, number in hits) == list(range(versions[version]))
            seen.add(version)
    assert writer.returncode == 0
    assert len(seen) > 1
    indexes.drop(GENERATION)
    indexes.close()


def test_a_writer_that_is_killed_again_and_again_leaves_what_an_undisturbed_one_does(real_engine: RealEngine) -> None:
    total = 30
    indexes = real_engine.open()
    index = indexes.create(GENERATION, DESCRIPTION)
    for position in (1, 7, 8, 15, 22):
        writer = start_writer(real_engine.settings, total)
        await_position(index, position)
        writer.kill()
        writer.wait()
    write(index, total)
    undisturbed = MemoryPassageIndex(DESCRIPTION)
    write(undisturbed, total)
    assert (contents_of(index), index.positions()) == (contents_of(undisturbed), {0: total})
    assert len(index.matching("valve pump part", KB, 500)) == undisturbed.count()
    indexes.drop(GENERATION)
    indexes.close()


texts = st.lists(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(" ".join), max_size=4)
documents = st.builds(
    document_of,
    st.sampled_from(["d1", "d2", "d'3", "d4"]),
    texts,
    st.sampled_from([("kb",), ("kb", "hr"), ("hr",)]),
    st.dictionaries(st.sampled_from(["team", "site.x"]), st.sampled_from(["a", "", "%"]), max_size=2),
)
steps = st.lists(st.lists(documents, max_size=4), min_size=1, max_size=4)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=steps)
def test_after_any_changes_an_index_holds_and_finds_what_the_one_in_memory_does(
    real_engine: RealEngine, steps: list[list[DocumentPassages]]
) -> None:
    indexes = real_engine.open()
    name = f"g{next(_numbers)}"
    index, expected = indexes.create(name, DESCRIPTION), MemoryPassageIndex(DESCRIPTION)
    for number, changes in enumerate(steps):
        for one in (index, expected):
            one.apply(changes, {0: number})
    assert (contents_of(index), index.positions()) == (contents_of(expected), expected.positions())
    vector = ENCODER.embed(["pump seal"])[0]
    for scope in (KB, SearchScope("hr", {"team": "a"}), SearchScope("kb", {"site.x": "", "team": "%"})):
        assert sorted_places(index.matching("pump seal", scope, 50)) == sorted_places(
            expected.matching("pump seal", scope, 50)
        )
        found, wanted = index.nearest(vector, scope, 50), expected.nearest(vector, scope, 50)
        assert sorted_places(found) == sorted_places(wanted)
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-3)
    index.close()
    indexes.drop(name)
    indexes.close()


def sorted_places(hits: list[PassageHit]) -> list[str]:
    return sorted(repr(hit.place) for hit in hits)


def test_a_generation_that_is_dropped_while_it_is_open_is_searched_on_or_asks_to_try_again(
    real_engine: RealEngine,
) -> None:
    indexes = real_engine.open()
    index = indexes.create(GENERATION, DESCRIPTION)
    index.apply([document_of("d1", ["pump"])], {0: 1})
    real_engine.open().drop(GENERATION)
    with contextlib.suppress(Retryable):
        assert [hit.place.document_id for hit in index.matching("pump", KB, 5)] == ["d1"]
    indexes.close()
