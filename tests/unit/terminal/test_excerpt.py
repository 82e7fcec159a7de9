from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from spanstream.consumer.terminal.excerpt import Elided, Kept, excerpt

Range = tuple[int, int]


def _log(lines: int) -> str:
    return "".join(f"12:00:{number % 60:02d} INFO worker {number} is idle\n" for number in range(lines))


def _shown(text: str, spans: list[Range], *, width: int = 80, max_rows: int = 10) -> str:
    pieces = excerpt(text, spans, width=width, max_rows=max_rows)
    return "".join(
        text[piece.char_start : piece.char_end] if isinstance(piece, Kept) else f"<{piece.lines}>" for piece in pieces
    )


def _span(text: str, answer: str) -> Range:
    start = text.index(answer)
    return start, start + len(answer)


@st.composite
def _texts_with_spans(draw: st.DrawFn) -> tuple[str, list[Range]]:
    words = st.sampled_from(["a", "word", " ", " ", "\n", "\r\n", "\t", "e\u0301", "👩‍🚀", "竹音", "x" * 70, "\n\n\n"])
    text = "".join(draw(st.lists(words, max_size=120)))
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        spans.append((start, min(len(text), start + draw(st.integers(1, 40)))))
    return text, [(start, end) for start, end in spans if start < end]


@given(_texts_with_spans(), st.integers(20, 140), st.integers(1, 30))
@example(("\n\na", [(0, 1)]), 20, 1)
def test_the_pieces_tile_the_text_and_no_piece_left_out_touches_a_span(
    sample: tuple[str, list[Range]], width: int, max_rows: int
) -> None:
    text, spans = sample
    pieces = excerpt(text, spans, width=width, max_rows=max_rows)
    edges = [0, *(piece.char_end for piece in pieces)]
    assert [piece.char_start for piece in pieces] == edges[:-1]
    assert edges[-1] == len(text)
    for piece in pieces:
        assert piece.char_start < piece.char_end
        if isinstance(piece, Elided):
            assert not any(start < piece.char_end and end > piece.char_start for start, end in spans)


@given(_texts_with_spans(), st.integers(20, 140))
def test_two_kept_pieces_never_follow_each_other(sample: tuple[str, list[Range]], width: int) -> None:
    pieces = excerpt(*sample, width=width, max_rows=4)
    assert not any(isinstance(a, Kept) and isinstance(b, Kept) for a, b in pairwise(pieces))


def test_a_text_that_fits_is_kept_whole() -> None:
    text = _log(10)
    assert excerpt(text, [(0, 8)], width=80, max_rows=10) == (Kept(0, len(text)),)


def test_an_empty_text_has_no_pieces() -> None:
    assert excerpt("", [], width=80, max_rows=10) == ()


def test_the_lines_left_out_of_a_log_are_counted() -> None:
    text = _log(150) + "ERROR lease expired\n" + _log(40)
    shown = _shown(text, [_span(text, "expired")], max_rows=5)
    assert shown.startswith("<149>")
    assert shown.endswith("<39>")
    assert "ERROR lease expired\n" in shown


def test_an_answer_over_several_lines_is_shown_whole() -> None:
    text = _log(50) + "first half\r\nsecond half\r\n" + _log(50)
    assert "first half\r\nsecond half" in _shown(text, [_span(text, "half\r\nsecond")], max_rows=3)


def test_answers_win_over_the_number_of_rows() -> None:
    text = _log(100)
    spans = [_span(text, f"worker {number} is") for number in range(10, 91, 10)]
    shown = _shown(text, spans, max_rows=2)
    assert all(text[start:end] in shown for start, end in spans)


def test_a_long_paragraph_is_cut_between_words_around_the_answer() -> None:
    text = "before " * 200 + "the answer is forty-two " + "after " * 200
    shown = _shown(text, [_span(text, "forty-two")])
    assert shown.startswith("<0> before before")
    assert shown.endswith("after after<0>")
    assert "the answer is forty-two after" in shown
    assert len(shown) < 260


def test_a_line_without_spaces_is_cut_but_never_before_a_combining_mark() -> None:
    text = "e\u0301" * 600
    pieces = excerpt(text, [(600, 602)], width=80, max_rows=4)
    assert len(pieces) == 3
    assert all(text[piece.char_start] == "e" for piece in pieces)


def test_a_text_without_answers_shows_how_it_begins() -> None:
    shown = _shown(_log(60), [], max_rows=6)
    assert shown.startswith("12:00:00 INFO worker 0 is idle\n")
    assert shown.endswith("<55>")


def test_blank_lines_next_to_a_gap_are_left_out_with_it() -> None:
    text = _log(30) + "\n\nthe answer\n\n" + _log(30)
    assert _shown(text, [_span(text, "answer")], max_rows=3) == "<32>the answer\n<31>"
