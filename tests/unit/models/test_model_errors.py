"""What is quoted of a foreign error."""

from __future__ import annotations

from spanstream.models.errors import first_line, one_line


def test_the_first_line_of_an_error_is_quoted_or_its_class_where_it_has_none() -> None:
    assert first_line(ValueError("bad weights\nat layer 3")) == "bad weights"
    assert first_line(KeyError()) == one_line(KeyError()) == "KeyError"


def test_a_whole_error_is_quoted_on_one_line_and_cut_where_it_becomes_a_report() -> None:
    assert one_line(ValueError("bad weights\n\tat layer 3")) == "bad weights at layer 3"
    assert one_line(ValueError("x" * 500)) == "x" * 200 + "..."
