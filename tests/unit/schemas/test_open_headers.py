"""The headers of open questions: what is written is read, and nothing of it stays when the question is asked anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.schemas.open_questions import AskedAgain, Headers, OpenQuestion, without_open

OWN: Headers = (("traceparent", b"00-1"), ("empty", None))
MARKS = st.frozensets(st.text("0123456789abcdef", min_size=12, max_size=12))


@given(st.integers(0, 2**62), st.none() | st.binary(), MARKS, st.booleans())
def test_what_is_open_is_read_as_it_was_written(
    since_ms: int, key: bytes | None, seen: frozenset[str], is_asked: bool
) -> None:
    opened = OpenQuestion(since_ms, key, seen, is_asked)
    headers = opened.to_headers(OWN)
    assert OpenQuestion.from_headers(headers) == opened
    assert headers[:2] == OWN
    assert OpenQuestion.from_headers(opened.to_headers(headers)) == opened
    assert without_open(headers) == OWN


def test_what_is_asked_again_says_so_and_what_is_open_does_not() -> None:
    again = AskedAgain("ключ", 17, frozenset({"bb"}))
    opened = OpenQuestion(17, b"k", frozenset({"aa"}))
    assert AskedAgain.from_headers(again.to_headers(opened.to_headers(OWN))) == again
    assert AskedAgain.from_headers(opened.to_headers(OWN)) is None
    assert AskedAgain.from_headers(OWN) is None


@pytest.mark.parametrize("since", [None, b"", b"soon", b"-1", b"9" * 20])
def test_headers_that_are_not_ours_are_none(since: bytes | None) -> None:
    assert OpenQuestion.from_headers((("open.since", since),)) is None
    assert AskedAgain.from_headers((("open.since", since), ("open.id", b"a"))) is None
