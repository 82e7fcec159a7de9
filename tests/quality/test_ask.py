"""The command `ask` with the model that ships."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
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


def test_several_answers_are_shown_with_all_their_places(tmp_path: Path) -> None:
    file = tmp_path / "ticket.txt"
    file.write_text("Error FXP-4107 came on Monday and FXP-4108 on Tuesday; then FXP-4107 again.")
    arguments = ["ask", "-q", "Which error codes are shown?", "--max-answers", "3", str(file)]
    shown = CliRunner().invoke(app, arguments).output
    for expected in ("FXP-4107", "at 6, 60", "or", "FXP-4108  at 34"):
        assert expected in shown
    event = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert event["further_places"] == [{"char_start": 60, "char_end": 68}]
    assert event["alternatives"][0]["span"]["text"] == "FXP-4108"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is missing")
def test_with_utf_16_offsets_javascript_cuts_the_answer_out_behind_an_emoji() -> None:
    text = f"😀 𝔸 {TICKET}"
    result = CliRunner().invoke(
        app,
        ["ask", "--json", "-q", "Which error is shown?"],
        input=text,
        env={"SPANSTREAM_OUTPUT__UTF16_OFFSETS": "true"},
    )
    span = json.loads(result.stdout)["answer"]
    script = "const [text, at] = JSON.parse(process.argv[1]); console.log(text.slice(at.utf16_start, at.utf16_end))"
    cut = subprocess.run(["node", "-e", script, json.dumps([text, span])], capture_output=True, text=True, check=True)
    assert cut.stdout == f"{span['text']}\n" == "FXP-4107\n"
    assert span["utf16_start"] == span["char_start"] + 2


def test_what_is_wrong_is_told_with_the_files_name(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["ask", "-"]).exit_code == 2
    missing = CliRunner().invoke(app, ["ask", "-q", "Which error?", str(tmp_path / "none.txt")]).exception
    assert isinstance(missing, Stop)
    long = CliRunner().invoke(app, ["ask", "-q", "x" * 3_000], input=TICKET).exception
    assert isinstance(long, Stop)
    assert str(long).startswith("-: too_large: questions.0:")
