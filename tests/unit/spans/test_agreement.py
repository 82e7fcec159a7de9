"""How two answers to the same question stand to each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.spans.agreement import Agreement, agreement
from spanstream.models.spans.quotes import Quote


def at(start: int, end: int) -> Quote:
    return Quote("x" * (end - start), start, end)


PLACES = st.none() | st.tuples(st.integers(0, 20), st.integers(1, 20)).map(lambda pair: at(pair[0], sum(pair)))


def test_the_same_place_and_two_declined_questions_are_the_same() -> None:
    assert agreement(at(3, 9), at(3, 9)) == Agreement.SAME
    assert agreement(None, None) == Agreement.SAME


def test_the_same_words_elsewhere_are_different() -> None:
    assert agreement(at(3, 9), at(13, 19)) == Agreement.DIFFERENT


def test_neighbours_do_not_overlap() -> None:
    assert agreement(at(3, 9), at(9, 12)) == Agreement.DIFFERENT
    assert agreement(at(3, 9), at(8, 12)) == Agreement.OVERLAPPING
    assert agreement(at(3, 9), at(4, 5)) == Agreement.OVERLAPPING


@given(PLACES, PLACES)
def test_it_does_not_matter_which_is_the_first(one: Quote | None, other: Quote | None) -> None:
    assert agreement(one, other) == agreement(other, one)
    assert (agreement(one, other) == Agreement.ONE_DECLINED) == ((one is None) != (other is None))
