"""Windows for places of a document: each place is held by one, and none is read for nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.model.fake_reader import fake_reader

TEXT = " ".join(f"The train {number} leaves at 07:{number:02d} from platform {number}." for number in range(40))
READER = fake_reader()
DOCUMENT = READER.tokenize(TEXT)
ALL = READER.windows(TEXT, DOCUMENT, READER.artifact.tokenizer.tokenize_question("where from ?"))


def chosen(*places: tuple[int, int]) -> list[int]:
    [plan] = READER.plan(TEXT, DOCUMENT, ["where from ?"], places=places)
    assert plan.total_windows == len(ALL)
    return [window.number for window in plan.windows]


@given(st.lists(st.tuples(st.integers(0, len(TEXT) + 50), st.integers(1, 60)), min_size=1, max_size=8))
def test_there_is_at_most_one_window_for_each_place_and_each_once(places: list[tuple[int, int]]) -> None:
    numbers = chosen(*((start, start + length) for start, length in places))
    assert len(set(numbers)) == len(numbers) <= len(places)
    assert numbers == sorted(numbers)


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 60))
def test_no_other_window_holds_more_of_the_place(start: int, length: int) -> None:
    end = min(start + length, len(TEXT))
    tokens = [n for n in range(DOCUMENT.size) if DOCUMENT.ends[n] > start and DOCUMENT.starts[n] < end]
    held = [sum(window.token_start <= n < window.token_end for n in tokens) for window in ALL]
    numbers = chosen((start, end))
    assert len(numbers) == bool(tokens)
    assert [held[number - 1] for number in numbers] == [max(held)] * len(numbers)


def test_a_short_document_has_its_one_window() -> None:
    text = "The train leaves at 07:05."
    [plan] = READER.plan(text, READER.tokenize(text), ["when ?"], places=[(4, 9), (10, 16)])
    assert (len(plan.windows), plan.total_windows) == (1, 1)


def test_a_place_behind_the_end_has_no_window() -> None:
    assert chosen((len(TEXT) + 1, len(TEXT) + 9)) == []
