from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.spans.aggregate import aggregate
from spanstream.models.spans.alternatives import MAX_FURTHER_PLACES, RankedAnswer, rank_answers
from spanstream.models.spans.search import TokenSpan, WindowSpan, best_span
from spanstream.models.text.tokenization import TokenizedDocument
from tests.support.model.hand_made_windows import hand_made_document, hand_made_window

# Few values, so that equal scores are common; few letters, so that texts stand there again and again.
LOGITS = st.sampled_from([-4.0, -1.0, 0.0, 0.0, 1.0, 3.0])
LETTERS = "+<="
MAX_ANSWER_TOKENS = 4


@dataclass(frozen=True, slots=True)
class ReadText:
    text: str
    document: TokenizedDocument
    spans: list[WindowSpan]


@st.composite
def readings(draw: st.DrawFn) -> ReadText:
    """Draws windows of a document, one letter a token, some of whose words have several tokens, with logits."""
    joins = draw(st.lists(st.booleans(), min_size=1, max_size=20))
    document = hand_made_document(np.cumsum([0, *joins]).tolist())
    length, step = draw(st.integers(2, 8)), draw(st.integers(1, 6))
    spans = []
    for token_start in range(0, document.size, step):
        window = hand_made_window(document, token_start, min(token_start + length, document.size))
        row = st.lists(LOGITS, min_size=window.length, max_size=window.length)
        start, end = (np.array(draw(row), dtype=np.float32) for _ in range(2))
        spans.append(best_span(window, start, end, MAX_ANSWER_TOKENS))
    text = draw(st.text(LETTERS, min_size=document.size, max_size=document.size))
    return ReadText(text, document, spans)


Expected = tuple[float, tuple[int, int], tuple[tuple[int, int], ...]]


def char_span(span: TokenSpan) -> tuple[int, int]:
    return span.first, span.last + 1


def ranked(reading: ReadText, most: int) -> list[RankedAnswer]:
    return rank_answers(reading.text, reading.document, reading.spans, most, char_span)


def expected(reading: ReadText, most: int) -> list[Expected]:
    """Ranks by trying everything: (score, place, further places) of each answer."""
    size, scored = reading.document.size, []
    for one in reading.spans:
        for first in range(one.window.token_start, one.window.token_end):
            for last in range(first, min(first + MAX_ANSWER_TOKENS, one.window.token_end)):
                score = one.scores.score_of(first, last)
                if score > -math.inf:
                    scored.append((-score, one.window.token_start, first, last))
    taken: set[int] = set()
    answers: list[Expected] = []
    for minus_score, _, first, last in sorted(scored):
        if len(answers) == most or taken & set(range(first, last + 1)):
            continue
        quoted, places = reading.text[first : last + 1], []
        taken |= set(range(first, last + 1))
        for other in range(size - len(quoted) + 1):
            tokens = set(range(other, other + len(quoted)))
            is_whole = reading.document.is_whole(other, other + len(quoted) - 1)
            if reading.text[other : other + len(quoted)] == quoted and is_whole and not tokens & taken:
                taken |= tokens
                places.append((other, other + len(quoted)))
        answers.append((-minus_score, (first, last + 1), tuple(places)))
    return answers


@settings(max_examples=300)
@given(readings(), st.integers(1, 20))
def test_answers_are_the_best_spans_of_all_windows_beside_each_other_each_text_with_all_its_places(
    reading: ReadText, most: int
) -> None:
    found = [(answer.span.score, answer.place, answer.further_places) for answer in ranked(reading, most)]
    assert found == expected(reading, most)


@given(readings(), st.integers(1, 20))
def test_the_first_is_the_candidate_and_fewer_answers_are_the_first_of_more(reading: ReadText, most: int) -> None:
    answers, raw = ranked(reading, 20), aggregate(reading.spans)
    assert [answer.rank for answer in answers] == list(range(1, len(answers) + 1))
    assert (answers[0].found, answers[0].span) == (raw.best, raw.best and raw.best.span) if answers else not raw.best
    assert ranked(reading, most) == answers[:most]


@given(readings(), st.randoms(use_true_random=False))
def test_the_order_of_windows_changes_no_rank(reading: ReadText, chance: random.Random) -> None:
    before = ranked(reading, 20)
    chance.shuffle(reading.spans)
    assert ranked(reading, 20) == before


@given(readings())
def test_an_alternatives_probability_is_that_of_the_softmax_that_the_window_has(reading: ReadText) -> None:
    for answer in ranked(reading, 20):
        best = answer.found.span
        assert best is not None
        assert answer.log_probability <= answer.found.log_probability
        if answer.span == best:
            assert answer.log_probability == answer.found.log_probability


def test_a_text_that_stands_everywhere_has_so_many_places_and_is_still_one_answer() -> None:
    document = hand_made_document(range(300))
    window = hand_made_window(document)
    row = np.zeros(window.length, dtype=np.float32)
    reading = ReadText("+" * 299 + "=", document, [best_span(window, row, row, 1)])
    every, last = ranked(reading, 20)
    assert len(every.further_places) == MAX_FURTHER_PLACES
    assert (last.rank, last.place, last.further_places) == (2, (299, 300), ())


def test_punctuation_alone_is_no_alternative() -> None:
    document = hand_made_document(range(4))
    window = hand_made_window(document)
    row = np.zeros(window.length, dtype=np.float32)
    spans = [best_span(window, row, row, 1)]
    assert [answer.place for answer in ranked(ReadText("a.b!", document, spans), 4)] == [(0, 1), (2, 3)]
    assert [answer.place for answer in ranked(ReadText("..b!", document, spans), 4)] == [(0, 1), (2, 3)]


def test_a_place_that_is_not_valid_stops_all_of_them() -> None:
    document = hand_made_document(range(4))
    window = hand_made_window(document)
    row = np.arange(window.length, dtype=np.float32)

    def refuse_the_second(span: TokenSpan) -> tuple[int, int]:
        if span.first == 1:
            raise ValueError("damaged")
        return char_span(span)

    with pytest.raises(ValueError, match="damaged"):
        rank_answers("+=+=", document, [best_span(window, row, row, 1)], 2, refuse_the_second)
