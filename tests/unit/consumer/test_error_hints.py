"""What an error prints, and what a program reads in it."""

from __future__ import annotations

from spanstream.consumer.errors import Retryable, Stop


def test_an_error_with_a_hint_prints_both_on_one_line_and_keeps_them_apart() -> None:
    error = Stop("the port 8080 is taken; by whom is not known", hint="set another")
    assert str(error) == "the port 8080 is taken; by whom is not known; set another"
    assert (error.detail, error.hint) == ("the port 8080 is taken; by whom is not known", "set another")


def test_an_error_without_a_hint_is_its_detail() -> None:
    error = Retryable("no answer; try again")
    assert (str(error), error.detail, error.hint) == ("no answer; try again", "no answer; try again", "")
