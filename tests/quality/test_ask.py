"""The command `ask` with the model that ships."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop

TICKET = "Export\n\nSince Tuesday the nightly export stops with error FXP-4107 on node db-3.\n"


def test_answers_stand_marked_in_each_file_under_its_name_however_deep_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    (folder / "ticket.txt").write_text(TICKET)
    (folder / "page.html").write_text("<p>We see <b>error ORA-01555</b> in the log.</p>")
    files = [str(folder / name) for name in ("ticket.txt", "page.html")]
    result = CliRunner().invoke(app, ["ask", "-q", "Which error is shown?", "-q", "Who paid for it?", *files])
    assert result.exit_code == 0, result.output
    for expected in ("⟦FXP-4107⟧¹", "ORA-01555⟧¹", "declined", "ticket.txt", "page.html"):
        assert expected in result.output


def test_json_is_an_event_a_line() -> None:
    result = CliRunner().invoke(app, ["ask", "--json", "--question", "Which error is shown?"], input=TICKET)
    (answer,) = map(json.loads, result.stdout.splitlines())
    assert (answer["status"], answer["answer"]["text"]) == ("answered", "FXP-4107")
    assert answer["metadata"] == {"question": "Which error is shown?"}


def test_what_is_wrong_is_told_with_the_files_name(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["ask", "-"]).exit_code == 2
    missing = CliRunner().invoke(app, ["ask", "-q", "Which error?", str(tmp_path / "none.txt")]).exception
    assert isinstance(missing, Stop)
    long = CliRunner().invoke(app, ["ask", "-q", "x" * 3_000], input=TICKET).exception
    assert isinstance(long, Stop)
    assert str(long).startswith("-: too_large: questions.0:")
