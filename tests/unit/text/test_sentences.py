from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.text.sentences import boundaries_of
from tests.support.model.texts import TEXTS

JAVA = """\
java.lang.IllegalStateException: no connection. Giving up
    at com.example.export.Writer.flush(Writer.java:88)
    at com.example.export.Job.run(Job.java:17)
Caused by: java.io.IOException: reset by peer
    ... 12 more
"""
PYTHON = """\
Traceback (most recent call last):
  File "/srv/export.py", line 3, in run
    writer.flush()
ValueError: the page is empty
"""
LOG = "2026-03-01 10:00:02 INFO The export is done: three pages\n"


def _pieces(text: str) -> list[str]:
    cuts = sorted({0, len(text), *boundaries_of(text).sentences})
    return [text[start:end] for start, end in pairwise(cuts)]


def test_sentences_are_parted_and_abbreviations_and_numbers_are_not() -> None:
    text = "Dr. Smith called, e.g. about 10.0.0.1 and v2.3. The export fails. It stops."
    assert _pieces(text) == ["Dr. Smith called, e.g. about 10.0.0.1 and v2.3. ", "The export fails. ", "It stops."]


def test_a_name_with_stops_is_not_parted() -> None:
    text = "The class java.lang.String is final. So is com.Example.Writer, they say."
    assert _pieces(text) == ["The class java.lang.String is final. ", "So is com.Example.Writer, they say."]


def test_a_sentence_of_a_script_without_spaces_ends_without_one() -> None:
    assert _pieces("输出失败。重新启动。") == ["输出失败。", "重新启动。"]


def test_sentences_are_found_among_spaces_of_every_kind() -> None:
    # The library panics at this text as it stands.
    text = " \x85 A\xa0.\ufeff”’\n\r’…\u1680\u3000a'?!.\n? “Over.” It\u2028stops. A\xa0\xa0.“ba'\x0ca“ "
    assert "".join(_pieces(text)) == text
    assert _pieces("It fails.\u2028Then it stops.\u2029It is over.") == [
        "It fails.\u2028",
        "Then it stops.\u2029",
        "It is over.",
    ]


def test_a_library_that_panics_leaves_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        """As pyo3's, no Exception."""

    def panic(*_: str) -> list[object]:
        raise Panic

    monkeypatch.setattr("sentencex.get_sentence_boundaries", panic)
    assert _pieces("One. Two.\n- three\n") == ["One. Two.\n", "- three\n"]


def test_list_items_headings_log_entries_and_fields_begin_a_line() -> None:
    lines = ["# Findings\n", "- the first\n", "* The second\n", "1. Third\n", "Order: 4711\n", LOG, "10:02 Ann: Yes\n"]
    assert _pieces("".join(lines)) == lines


def test_wrapped_prose_goes_on_in_the_next_line() -> None:
    text = (
        "We looked at the export that stops every night at about two and found\n"
        "that the job of the store in downtown was started twice, by the main\n"
        "office. The second run fails.\n"
    )
    assert _pieces(text) == [text[: -len("The second run fails.\n")], "The second run fails.\n"]


def test_a_paragraph_begins_behind_a_blank_line_in_lower_case_too() -> None:
    assert _pieces("the first\n\nand the second\n")[-1] == "and the second\n"


def test_a_stack_trace_stays_together_and_may_be_parted_at_its_lines_only() -> None:
    for trace in (JAVA, PYTHON):
        text = f"We see this line in the log of the export:\n{trace}{LOG}"
        first, *others = trace.splitlines(keepends=True)
        assert text.index(LOG) in boundaries_of(text).sentences
        boundaries = boundaries_of(text)
        inside = range(text.index(others[0]), text.index(LOG))
        assert not set(boundaries.sentences) & set(inside)
        assert [text[place:].splitlines(keepends=True)[0] for place in boundaries.lines] == others
        assert any(text[place:].startswith(first) for place in boundaries.sentences)


def test_lines_may_end_as_windows_writes_them() -> None:
    assert [piece for piece in _pieces("First item\r\nSecond item\r\n") if piece.strip()] == [
        "First item\r\n",
        "Second item\r\n",
    ]


@settings(max_examples=200, deadline=None)
@given(TEXTS | st.text(st.sampled_from("aB.!? \n\r\t-1#。😀\x1b[m'\"")))
def test_boundaries_lie_in_the_text_in_its_order_whatever_it_is(text: str) -> None:
    boundaries = boundaries_of(text)
    for places in (boundaries.sentences, boundaries.lines):
        assert places == sorted(set(places))
        assert all(0 <= place < len(text) for place in places)
    assert not set(boundaries.sentences) & set(boundaries.lines)
    assert boundaries == boundaries_of(text)
