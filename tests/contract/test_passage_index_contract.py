"""What every `PassageIndex` does: the one in memory, SQLite's and OpenSearch's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import (
    DocumentPassages,
    PassageHit,
    PassageIndex,
    PassageIndexes,
    SearchScope,
    SweepMark,
)
from tests.support.passages.passage_engines import PassageEngine
from tests.support.passages.passages_of_tests import DESCRIPTION, ENCODER, comparable, contents_of, document_of

KB = SearchScope("kb")
ODD = ["it's", 'say "yes"', "back\\slash", "100 % _", "é 北京 😀", "", " ", "a.b.c", "x' OR '1'='1", "{}[]:/*?", "a,b"]


@pytest.fixture
def index(indexes: PassageIndexes) -> Iterator[PassageIndex]:
    opened = indexes.create("g1", DESCRIPTION)
    yield opened
    opened.close()


def places(hits: list[PassageHit]) -> list[tuple[str, int]]:
    return [(hit.place.document_id, hit.place.number) for hit in hits]


def nearest(index: PassageIndex, text: str, scope: SearchScope = KB, limit: int = 10) -> list[tuple[str, int]]:
    return places(index.nearest(ENCODER.embed([text])[0], scope, limit))


def matching(index: PassageIndex, text: str, scope: SearchScope = KB, limit: int = 10) -> list[tuple[str, int]]:
    return places(index.matching(text, scope, limit))


def test_a_new_generation_is_empty(index: PassageIndex) -> None:
    assert index.description == DESCRIPTION
    assert (index.count(), index.positions(), list(index.contents())) == (0, {}, [])
    assert (nearest(index, "anything"), matching(index, "anything")) == ([], [])
    assert index.nearest_exactly(ENCODER.embed(["anything"])[0], KB, 10) == []


def test_what_is_applied_is_there_as_it_was_given(index: PassageIndex) -> None:
    document = document_of("d1", ["The pump is red.", "The valve is blue."], ["kb", "hr"], {"team": "a.b", "": "x"}, 2)
    index.apply([document], {2: 7})
    assert index.count() == 2
    assert contents_of(index) == comparable(document.passages)


def test_a_passage_is_found_by_its_vector_and_by_its_words_with_its_place(index: PassageIndex) -> None:
    document = document_of("d1", ["The pump is red.", "The valve is blue.", "Nothing of all that here."])
    index.apply([document], {0: 1})
    by_vector = index.nearest(ENCODER.embed(["valve blue"])[0], KB, 2)
    by_words = index.matching("Which valve?", KB, 2)
    assert by_vector[0].place == by_words[0].place == document.passages[1].place
    assert len(by_vector) == 2
    assert by_vector[0].score > by_vector[1].score
    assert by_vector[0].score == pytest.approx(
        float(ENCODER.embed(["valve blue"])[0] @ document.passages[1].vector), abs=1e-4
    )


def test_an_exact_search_compares_every_passage_in_scope_and_scores_as_the_other(index: PassageIndex) -> None:
    texts = [f"pump number {number} of hall {number % 7}" for number in range(40)]
    documents = [document_of(text, [text], ["kb" if number % 2 else "hr"]) for number, text in enumerate(texts)]
    index.apply(documents, {0: 1})
    [vector] = ENCODER.embed(["pump of hall 3"])
    in_scope = [document.passages[0] for document in documents[1::2]]
    cosines = sorted((float(one.vector @ vector) for one in in_scope), reverse=True)
    hits = index.nearest_exactly(vector, KB, 12)
    assert {hit.place for hit in hits} < {one.place for one in in_scope}
    assert [hit.score for hit in hits] == pytest.approx(cosines[:12], abs=1e-5)
    assert [hit.score for hit in index.nearest(vector, KB, 1)] == pytest.approx(cosines[:1], abs=1e-5)
    if index.is_exact:
        assert index.nearest(vector, KB, 12) == hits


def test_a_rare_word_counts_more_than_a_frequent_one(index: PassageIndex) -> None:
    texts = [f"pump number {number} of the plant" for number in range(20)]
    index.apply([document_of("many", texts), document_of("one", ["the flange at the plant"])], {0: 1})
    assert matching(index, "plant flange", limit=1) == [("one", 0)]


def test_searches_return_at_most_what_was_asked_for(index: PassageIndex) -> None:
    index.apply([document_of(f"d{number}", ["pump"]) for number in range(8)], {0: 1})
    assert len(nearest(index, "pump", limit=3)) == len(matching(index, "pump", limit=3)) == 3


def test_a_changed_document_has_its_new_passages_only(index: PassageIndex) -> None:
    index.apply([document_of("d1", ["alpha one", "beta two", "gamma three"]), document_of("d2", ["alpha"])], {0: 1})
    changed = document_of("d1", ["delta four"])
    index.apply([changed], {0: 2})
    assert contents_of(index) == comparable([*changed.passages, *document_of("d2", ["alpha"]).passages])
    assert matching(index, "beta gamma one") == []
    assert matching(index, "delta") == [("d1", 0)]
    assert matching(index, "alpha") == [("d2", 0)]


def test_a_document_without_passages_is_gone(index: PassageIndex) -> None:
    index.apply([document_of("d1", ["alpha"]), document_of("d2", ["alpha"])], {0: 1})
    index.apply([document_of("d1", []), document_of("never there", [])], {0: 2})
    assert (index.count(), nearest(index, "alpha"), matching(index, "alpha")) == (1, [("d2", 0)], [("d2", 0)])


def test_of_two_changes_of_a_document_the_last_one_counts(index: PassageIndex) -> None:
    last = document_of("d1", ["alpha"])
    index.apply([document_of("d1", ["beta", "gamma"]), document_of("d1", []), last], {0: 3})
    assert contents_of(index) == comparable(last.passages)


def test_the_same_changes_applied_again_change_nothing(index: PassageIndex) -> None:
    changes = [document_of("d1", ["alpha", "beta"]), document_of("d2", []), document_of("d3", ["gamma"])]
    index.apply(changes, {0: 5})
    before = contents_of(index)
    index.apply(changes, {0: 5})
    assert (contents_of(index), index.positions()) == (before, {0: 5})


def test_positions_advance_each_for_itself(index: PassageIndex) -> None:
    index.apply([], {0: 5})
    index.apply([document_of("d1", ["alpha"])], {1: 2**40})
    index.apply([], {0: 9})
    assert index.positions() == {0: 9, 1: 2**40}


def test_marks_are_kept_with_the_positions_and_stay_where_no_new_one_is_written(index: PassageIndex) -> None:
    assert index.marks() == {}
    index.apply([], {0: 5, 2: 7}, {0: SweepMark(2**41, 3)})
    index.apply([document_of("d1", ["alpha"])], {0: 6})
    assert (index.positions(), index.marks()) == ({0: 6, 2: 7}, {0: SweepMark(2**41, 3)})
    index.apply([], {0: 6, 2: 7}, {0: SweepMark(2**41 + 1, 2**40), 2: SweepMark(0, 0)})
    assert index.marks() == {0: SweepMark(2**41 + 1, 2**40), 2: SweepMark(0, 0)}
    assert index.positions() == {0: 6, 2: 7}


def test_the_documents_of_a_partition_are_listed(index: PassageIndex) -> None:
    index.apply([document_of(f"d{number}", ["a", "b"], partition=number % 2) for number in range(6)], {0: 1})
    index.apply([document_of("d2", []), document_of("d4", ["moved"], partition=1)], {0: 2})
    assert [set(index.documents_of(number)) for number in range(3)] == [{"d0"}, {"d1", "d3", "d4", "d5"}, set()]


def test_a_document_is_deleted_for_one_partition_only_where_it_is_of_that(index: PassageIndex) -> None:
    index.apply([document_of("d1", ["alpha", "beta"], partition=1), document_of("d2", ["gamma"])], {0: 1})
    index.apply([DocumentPassages("d1", (), only_of=0), DocumentPassages("d2", (), only_of=0)], {0: 1})
    assert contents_of(index) == comparable(document_of("d1", ["alpha", "beta"], partition=1).passages)
    index.apply([DocumentPassages("d1", (), only_of=1)], {0: 1})
    assert index.count() == 0


def test_the_vectors_of_documents_are_given_back_by_text(index: PassageIndex) -> None:
    documents = [document_of("d'1", ["alpha", "beta"]), document_of("d2", ["gamma"]), document_of("d3", ["delta"])]
    index.apply(documents, {0: 1})
    vectors = index.vectors_of(["d'1", "d2", "unknown"])
    assert {name: sorted(texts) for name, texts in vectors.items()} == {"d'1": ["alpha", "beta"], "d2": ["gamma"]}
    assert vectors["d'1"]["beta"].tolist() == ENCODER.embed(["beta"])[0].tolist()
    assert index.vectors_of([]) == {}


def test_a_search_stays_in_its_collection(index: PassageIndex) -> None:
    index.apply(
        [
            document_of("d1", ["pump"], ["kb"]),
            document_of("d2", ["pump"], ["hr"]),
            document_of("d3", ["pump"], ["hr", "kb"]),
        ],
        {0: 1},
    )
    for search in (nearest, matching):
        assert sorted(search(index, "pump")) == [("d1", 0), ("d3", 0)]
        assert sorted(search(index, "pump", SearchScope("hr"))) == [("d2", 0), ("d3", 0)]
        assert search(index, "pump", SearchScope("h")) == []


@pytest.mark.parametrize("odd", ODD)
def test_a_filter_takes_any_name_and_value_exactly(index: PassageIndex, odd: str) -> None:
    metadata = [{odd: "x"}, {"name": odd}, {"name": f"{odd}."}, {"x": odd}, {}]
    index.apply([document_of(f"d{number}", ["pump"], metadata=one) for number, one in enumerate(metadata)], {0: 1})
    for search in (nearest, matching):
        assert search(index, "pump", SearchScope("kb", {odd: "x"})) == [("d0", 0)]
        assert search(index, "pump", SearchScope("kb", {"name": odd})) == [("d1", 0)]
        assert search(index, "pump", SearchScope("kb", {"name": odd, "more": ""})) == []


def test_all_values_of_a_filter_have_to_be_there(index: PassageIndex) -> None:
    index.apply(
        [
            document_of("d1", ["pump"], metadata={"team": "a", "site": "x"}),
            document_of("d2", ["pump"], metadata={"team": "a", "site": "y"}),
            document_of("d3", ["pump"], ["hr"], metadata={"team": "a", "site": "x"}),
        ],
        {0: 1},
    )
    for search in (nearest, matching):
        assert search(index, "pump", SearchScope("kb", {"team": "a", "site": "x"})) == [("d1", 0)]


@pytest.mark.parametrize("odd", [name for name in ODD if name.strip()])
def test_documents_may_have_any_id(index: PassageIndex, odd: str) -> None:
    index.apply([document_of(odd, ["alpha", "beta"]), document_of(f"{odd}x", ["alpha"])], {0: 1})
    index.apply([document_of(odd, ["alpha"])], {0: 2})
    assert sorted(nearest(index, "alpha")) == sorted([(odd, 0), (f"{odd}x", 0)])
    index.apply([document_of(odd, [])], {0: 3})
    assert matching(index, "alpha") == [(f"{odd}x", 0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "😀",
        "the of and",
        '"',
        "'; DROP TABLE passages; --",
        "pump AND (valve",
        "NOT pump*",
        "pump NEAR/2 valve",
        "text:pump^2 ~ -valve +x",
        "\\",
        "a" * 2000,
        "北京" * 1000,
        "pump " * 400,
        " ".join(f"word{number}" for number in range(250)),
    ],
)
def test_any_text_can_be_searched_for(index: PassageIndex, text: str) -> None:
    index.apply([document_of("d1", ["The pump and the valve."])], {0: 1})
    assert matching(index, text) == ([("d1", 0)] if "pump" in text else [])


def test_texts_of_any_kind_can_be_indexed(index: PassageIndex) -> None:
    texts = ["", "😀😀", "x" * 40_000, "line\nbreaks\ttabs", "the of and", 'quote " and \\ and \x7f', "北京大学"]
    document = document_of("d1", texts)
    index.apply([document], {0: 1})
    assert contents_of(index) == comparable(document.passages)


def test_upkeep_changes_nothing_that_is_found(index: PassageIndex) -> None:
    for number in range(5):
        index.apply(
            [document_of(f"d{number}", ["pump", f"valve {number}"]), document_of("d0", ["flange"])], {0: number}
        )
    before = contents_of(index)
    index.optimize()
    assert contents_of(index) == before
    assert sorted(matching(index, "flange")) == [("d0", 0)]


def test_no_generation_is_current_before_the_first_switch(indexes: PassageIndexes) -> None:
    assert (indexes.current(), indexes.names()) == (None, [])
    indexes.create("g1", DESCRIPTION).close()
    assert (indexes.current(), indexes.names()) == (None, ["g1"])


def test_generations_are_apart_and_one_is_current(indexes: PassageIndexes) -> None:
    first, second = indexes.create("g1", DESCRIPTION), indexes.create("g2", DESCRIPTION)
    first.apply([document_of("d1", ["alpha"])], {0: 1})
    second.apply([document_of("d2", ["beta"])], {0: 2})
    indexes.switch("g1")
    assert (indexes.current(), indexes.names()) == ("g1", ["g1", "g2"])
    indexes.switch("g2")
    assert indexes.current() == "g2"
    assert (first.positions(), second.positions()) == ({0: 1}, {0: 2})
    assert (matching(first, "alpha beta"), matching(second, "alpha beta")) == ([("d1", 0)], [("d2", 0)])
    first.close()
    second.close()


def test_a_dropped_generation_is_gone_and_the_current_one_never_is(indexes: PassageIndexes) -> None:
    for name in ("g1", "g2"):
        indexes.create(name, DESCRIPTION).close()
    indexes.switch("g2")
    for name in ("g1", "g2", "never there"):
        indexes.drop(name)
    assert indexes.names() == ["g2"]


def test_a_generation_that_is_made_again_is_empty(indexes: PassageIndexes) -> None:
    first = indexes.create("g1", DESCRIPTION)
    first.apply([document_of("d1", ["alpha"])], {0: 1})
    first.close()
    again = indexes.create("g1", DESCRIPTION)
    assert (again.count(), again.positions()) == (0, {})
    again.close()


def test_a_generation_that_is_not_there_cannot_be_opened_or_switched_to(indexes: PassageIndexes) -> None:
    with pytest.raises(Stop, match="never-there"):
        indexes.open("never-there")
    with pytest.raises(Stop, match="never-there"):
        indexes.switch("never-there")
    assert indexes.current() is None


def test_another_client_sees_what_was_written(
    engine: PassageEngine, indexes: PassageIndexes, index: PassageIndex
) -> None:
    index.apply([document_of("d1", ["alpha"])], {1: 4})
    indexes.switch("g1")
    other = engine.open()
    name = other.current()
    assert name == "g1"
    seen = other.open(name)
    assert (seen.description, seen.positions(), matching(seen, "alpha")) == (DESCRIPTION, {1: 4}, [("d1", 0)])
    index.apply([document_of("d1", ["beta"])], {1: 5})
    assert (seen.positions(), matching(seen, "alpha"), matching(seen, "beta")) == ({1: 5}, [], [("d1", 0)])
    seen.close()
    other.close()
