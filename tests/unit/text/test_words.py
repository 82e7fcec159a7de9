from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanstream.models.text.words import WordMap, without_invisible
from tests.support.model.texts import TEXTS
from tests.support.model.word_cuts import cuts_word


def _pieces(text: str) -> list[str]:
    """Cuts the text wherever it may be cut."""
    inside = WordMap(text).inside
    cuts = [place for place in range(len(text) + 1) if not inside[place]]
    return [text[start:end] for start, end in pairwise(cuts)]


def _arrays(*offsets: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    starts, ends = np.array(offsets, dtype=np.int32).reshape(-1, 2).T
    return starts, ends


@pytest.mark.parametrize(
    "word",
    [
        "café",
        "cafe\u0301",
        "naïve",
        "E1234",
        "ERR_CONN_5021",
        "error_code",
        "_private",
        "v2.3.1",
        "3.14",
        "1,280.50",
        "10.0.0.1",
        "support.example.com",
        "ChunkedWriter.java",
        "5€",
        "€5",
        "90°",
        "x²",
        "½",
        "ﬁnal",
        "straße",
        "Überraschung",
        "İstanbul",
        "ılık",
        "שָׁלוֹם",
        "हिन्दी",
        "क्\u200dष",
        "한국어",
        "\u1112\u1161\u11ab\u1100\u116e\u11a8",
        "سلام\u200cها",
        "co\u00adoperate",
        "zero\u200bwidth",
        "word\u2060joiner",
        "a\x00b",
        "👩\u200d💻",
        "👍🏽",
        "🇩🇪",
        "1️⃣",
        "❤️",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "👩\u200d\U0001fae9",
        "ก\u0e34",
        "ｶ\uff9e",
        "क",
    ],
)
def test_a_word_is_not_cut(word: str) -> None:
    assert _pieces(word) == [word]
    # Nor does it melt with what stands around it.
    assert _pieces(f"({word}) {word}") == ["(", word, ")", " ", word]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Queen's", ["Queen", "'", "s"]),
        ("well-known", ["well", "-", "known"]),
        ("a/b", ["a", "/", "b"]),
        ("user@host.com", ["user", "@", "host.com"]),
        ("the end. Then", ["the", " ", "end", ".", " ", "Then"]),
        ("the end.Then", ["the", " ", "end", ".", "Then"]),
        ("U.S. law", ["U.S", ".", " ", "law"]),
        ("java.lang.NullPointerException", ["java.lang", ".", "NullPointerException"]),
        ("$5", ["$", "5"]),
        ("100%", ["100", "%"]),
        ("C++", ["C", "+", "+"]),
        ("10:42", ["10", ":", "42"]),
        ("1995.", ["1995", "."]),
        ("1, 2", ["1", ",", " ", "2"]),
        ("x.5", ["x", ".", "5"]),
        ("“Skyfall”", ["“", "Skyfall", "”"]),
        ("第3章", ["第", "3", "章"]),
        ("東京", ["東", "京"]),
        ("กำลัง", ["ก", "ำ", "ลั", "ง"]),
        ("ありがとう", ["あ", "り", "が", "と", "う"]),
        (" \u0301x", [" ", "\u0301", "x"]),
        # A mark behind a control or format character has no base.
        ("\x00\u0301x", ["\x00", "\u0301", "x"]),
        (" \ufeff\u0301x", [" ", "\ufeff", "\u0301", "x"]),
        # What no table of this Python names can be a base: a private character, one not assigned, a lost one.
        ("\ue000\u0301x", ["\ue000\u0301", "x"]),
        (" \u0378\u0301x", [" ", "\u0378\u0301", "x"]),
        ("\ufffd\u0301x", ["\ufffd\u0301", "x"]),
        ("word\u200b next", ["word", "\u200b", " ", "next"]),
        ("\ufeffword", ["\ufeff", "word"]),
        ("\x1b[1;31mFXP\x1b[0m", [*"\x1b[1;31m", "FXP", *"\x1b[0m"]),
        ("a\x1b[32mb", ["a", *"\x1b[32m", "b"]),
        ("\x1b[", ["\x1b", "["]),
        ("\u2800word\u2800", ["\u2800", "word", "\u2800"]),
        ("\u3164word\u3164 x", ["\u3164", "word", "\u3164", " ", "x"]),
    ],
)
def test_where_a_text_may_be_cut(text: str, pieces: list[str]) -> None:
    assert _pieces(text) == pieces


@example("\x00\u0301x")
@example("\ue000\u0301x")
@given(TEXTS)
def test_no_cut_is_one_that_nobody_would_make(text: str) -> None:
    inside = WordMap(text).inside
    assert [place for place in range(len(text) + 1) if cuts_word(text, place) and not inside[place]] == []


@given(st.text(st.characters(max_codepoint=0x17F)))
def test_latin_text_is_cut_everywhere_but_in_words_and_numbers(text: str) -> None:
    def is_word(char: str) -> bool:
        return (
            char.isalnum() or char == "_" or (not char.isascii() and not char.isspace() and char in "¢£¤¥¦¨©¬®¯°±´¸×÷")
        )

    inside = WordMap(text).inside
    for place in range(1, len(text)):
        before, after = text[place - 1], text[place]
        if (
            before in ".,\u00ad"
            or after in ".,\u00ad"
            or "\x00" <= min(before, after) < " "
            or "\x7f" <= before < "\xa0"
        ):
            continue  # points and invisible characters have examples of their own
        if "\x7f" <= after < "\xa0":
            continue
        assert inside[place] == (is_word(before) and is_word(after)), (before, after)


def test_neighbours_that_cannot_be_parted_share_a_word() -> None:
    #       0123456789
    text = "naïve v2.3"
    starts, ends = _arrays((0, 2), (2, 5), (6, 8), (8, 9), (9, 10))
    assert WordMap(text).numbers(starts, ends).tolist() == [0, 0, 1, 1, 1]


def test_the_bytes_of_one_character_share_a_word() -> None:
    starts, ends = _arrays((0, 1), (0, 1), (1, 2), (1, 2))
    assert WordMap("東京").numbers(starts, ends).tolist() == [0, 0, 1, 1]


def test_tokens_around_what_the_tokenizer_dropped_share_a_word_if_no_space_is_there() -> None:
    starts, ends = _arrays((0, 2), (3, 5))
    assert WordMap("ab\u200bcd").numbers(starts, ends).tolist() == [0, 0]
    assert WordMap("ab-cd").numbers(starts, ends).tolist() == [0, 1]
    assert WordMap("ab-cd").numbers(starts, ends).tolist() == [0, 1]


def test_a_token_of_white_space_belongs_to_the_word_behind_it() -> None:
    starts, ends = _arrays((0, 2), (2, 3), (3, 5), (5, 6))
    assert WordMap("ab cd\n").numbers(starts, ends).tolist() == [0, 1, 1, 1]


def test_a_blank_text_is_one_word_and_has_nothing_to_quote() -> None:
    starts, ends = _arrays((0, 1), (1, 2))
    for text in ("  ", "\n\t", "\u200b\ufeff", "\x00 "):
        assert without_invisible(text) == ""
        assert WordMap(text).numbers(starts, ends).tolist() == [0, 0]
        assert WordMap(text).char_span(starts, ends) == (0, 0)
    assert without_invisible("") == ""
    assert without_invisible(" . ") == "."


def test_an_answer_takes_in_the_accent_that_the_tokenizer_dropped() -> None:
    text = "The cafe\u0301."
    assert WordMap(text).char_span(*_arrays((4, 8))) == (4, 9)


def test_an_answer_leaves_white_space_and_invisible_characters_at_its_ends() -> None:
    text = "x \u200bword\u200b \ufeff y"
    assert WordMap(text).char_span(*_arrays((1, 10))) == (3, 7)


def test_visible_text_has_no_white_space() -> None:
    assert without_invisible(" a\u200b b\u00a0\x00\ufeff\u0301") == "ab\u0301"


@settings(max_examples=50)
@given(st.integers(0, 0x10FFFF).map(chr))
def test_any_character_has_a_kind(char: str) -> None:
    assert len(WordMap(f"a{char}b").inside) == 4
