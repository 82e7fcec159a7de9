"""The five symptoms of docs/debugging.md with the model that ships: each is reproduced, and `explain` names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spanstream.consumer.cli.program import app
from spanstream.models.explaining.explain import explain
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import Tokenizer
from tests.support.model.damage import resealed, shifted

TICKET = "Export\n\nSince Tuesday the nightly export stops with error FXP-4107 on node db-3. We restarted it on Monday."
ASKED = "Which error is shown?"
# A manual in which the right place shares no word with the question, and the wrong ones share all of them.
LONG = "Which error is shown on the screen is told here. " * 1_500 + "The display says FXP-4107 when the disk is full."


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader.load()
    yield made
    made.close()


@pytest.mark.parametrize("by", [-5, -2, 2, 5])
def test_an_answer_without_its_last_characters_is_shifted_offsets_and_never_published(reader: Reader, by: int) -> None:
    kept = resealed(shifted(reader.tokenize(TICKET), by, "ends", in_tokens=False))
    said = explain(reader, TICKET, ASKED, expected="FXP-4107", document=kept)
    assert said.damage == f"the offsets (ends) are shifted by {by:+d} characters"
    assert said.verdict == "dead letter"
    assert said.validation[-1].problem is not None
    assert said.expected[0].verdict == "given"  # with sound tokens


def test_an_answer_out_of_the_wrong_place_is_another_tokenizers_tokens(reader: Reader) -> None:
    definition = (reader.artifact.folder / "tokenizer.json").read_text(encoding="utf-8")
    cased = Tokenizer(definition.replace('"lowercase":true', '"lowercase":false', 1))
    said = explain(reader, TICKET, ASKED, document=cased.tokenize_document(TICKET))
    assert "another tokenizer" in (said.damage or "")
    assert said.verdict == "dead letter"


def test_an_answer_where_there_is_none_shows_by_how_much_the_threshold_was_passed(reader: Reader) -> None:
    declined = explain(reader, TICKET, "Who paid for the licence?")
    assert declined.verdict == "no_answer"
    assert declined.candidate is not None
    assert declined.confidence < declined.threshold
    lenient = Reader(reader.artifact, reader.backends, threshold=0.0)
    given = explain(lenient, TICKET, "Who paid for the licence?")
    assert given.verdict == "answered"
    assert (given.null_score_diff or 0) > 0
    assert not next(one for one in given.thresholds if one.name == "default").gives


def test_no_answer_although_it_is_there_says_what_it_was_lost_to(reader: Reader) -> None:
    unsure = Reader(reader.artifact, reader.backends, threshold=0.999)
    (place,) = explain(unsure, TICKET, ASKED, expected="FXP-4107").expected
    assert place.verdict == "below_threshold"
    (other,) = explain(reader, TICKET, ASKED, expected="db-3").expected
    assert other.verdict == "lost_to_span"
    (null,) = explain(reader, TICKET, "Who paid for the licence?", expected="Monday").expected
    assert null.verdict in {"lost_to_null", "lost_to_span"}


def test_an_answer_in_a_long_document_that_was_not_read_names_its_window_and_rank(reader: Reader) -> None:
    few = Reader(reader.artifact, reader.backends, max_windows=3)
    said = explain(few, LONG, ASKED, expected="FXP-4107")
    (place,) = said.expected
    assert place.verdict == "window_not_read"
    assert f"window {len(said.windows)} was not read: BM25 puts it at" in place.detail
    assert sum(window.is_read for window in said.windows) == 3


def test_the_command_shows_it_to_people_and_as_json(tmp_path: Path) -> None:
    file = tmp_path / "ticket.txt"
    file.write_text(TICKET)
    shown = CliRunner().invoke(app, ["explain", "-q", ASKED, "--expect", "FXP-4107", str(file)])
    assert shown.exit_code == 0, shown.output
    for expected in ("answered  “FXP-4107”", "given", "##p", "58:60", "null_score_diff", "default 0.515", "✓ the span"):
        assert expected in shown.output
    as_json = CliRunner().invoke(app, ["explain", "-q", ASKED, "--text", TICKET, "--json"])
    said = json.loads(as_json.stdout)
    assert (said["verdict"], said["candidate"]["text"], said["published"]) == ("answered", "FXP-4107", None)


def test_what_is_missing_is_said_in_one_line() -> None:
    for arguments in (["explain", "--text", "x"], ["explain", "-q", "?", "--question-id", "q", "--text", "x"]):
        assert CliRunner().invoke(app, arguments).exit_code == 2
