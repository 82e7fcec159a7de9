from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from spanstream.consumer.terminal.sanitizing import sanitized, sanitized_line


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert sanitized("\x1b[31mred\x1b[0m") == "␛[31mred␛[0m"


@pytest.mark.parametrize(
    ("char", "shown"),
    [
        ("\x00", "␀"),
        ("\x07", "␇"),
        ("\x7f", "␡"),
        ("\x9b", "⟨U+009B⟩"),
        ("\u202e", "⟨U+202E⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\uffff", "⟨U+FFFF⟩"),
        ("\U0010ffff", "⟨U+10FFFF⟩"),
        ("\u2028", "⟨U+2028⟩"),
    ],
)
def test_a_character_that_would_do_harm_is_replaced_by_its_picture(char: str, shown: str) -> None:
    assert sanitized(f"a{char}b") == f"a{shown}b"


def test_windows_line_ends_become_line_ends_and_a_lone_return_is_shown() -> None:
    assert sanitized("one\r\ntwo\rthree") == "one\ntwo␍three"


def test_letters_marks_emoji_and_other_scripts_stay_as_they_are() -> None:
    text = "Größmann, Zoe\u0308, 竹音 B2, ליאורה, 👋🏽, 12\u202f480\u00a0€"
    assert sanitized(text) == text


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = sanitized(text)
    assert {unicodedata.category(char) for char in shown.replace("\n", "")}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert Text(shown).plain == shown


def test_a_cell_or_title_stays_on_one_line() -> None:
    assert sanitized_line(" two\r\nlines\tand a tab ") == "two lines and a tab"
