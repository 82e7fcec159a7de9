"""`spanstream mapping`, and `triage try` with a mapping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.mapping.load import bundled_names, mapping_text


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["mapping", *arguments], input=given)


def stopped(result: Result) -> str:
    assert isinstance(result.exception, Stop)
    return str(result.exception)


def test_the_bundled_mappings_are_listed_and_shown() -> None:
    lines = run("list").stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == bundled_names()
    assert run("show", "jira").stdout == mapping_text("jira")


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_mapping_is_checked_with_its_own_samples(name: str) -> None:
    result = run("check", name)
    assert result.exit_code == 0
    assert f"{name}:1: tickets: {{" in result.stdout
    assert f"{name} makes documents, tickets; " in result.stderr


@pytest.mark.parametrize(
    "content",
    ['{"id": 7, "subject": "s"}', '[{"id": 7}, {"id": 8}]', '{"id": 7}\n\n{"id": 8}\n', '{\n "ticket": {"id": 7}\n}\n'],
)
def test_samples_are_one_value_an_array_or_lines(tmp_path: Path, content: str) -> None:
    file = tmp_path / "samples"
    file.write_text(content, encoding="utf-8")
    from_file, from_stdin = run("check", "zendesk", str(file)), run("check", "zendesk", "-", given=content)
    count = 2 if "8" in content else 1
    tickets = [line for line in from_file.stdout.splitlines() if ": tickets: " in line]
    assert [json.loads(line.split(": tickets: ")[1])["ticket_id"] for line in tickets] == ["7", "8"][:count]
    assert from_stdin.stdout.replace("-:", f"{file}:") == from_file.stdout


def test_a_record_that_does_not_map_is_told_with_its_path_and_the_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("mapping: m\ntickets: {ticket_id: text(id), subject: title, body: text}\n", encoding="utf-8")
    result = run("check", str(file), "-", given='{"id": 1, "title": "secret"}\n{')
    assert result.stdout.splitlines() == [
        "-:1: tickets: invalid_event: mapping: tickets.body: text gave nothing",
        "-:2: tickets: undecodable: Invalid JSON: EOF while parsing an object at line 1 column 1",
    ]
    assert stopped(result) == "2 events could not be made"


def test_every_problem_of_a_file_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("mapping: m\ntickets: {ticket_id: 'a(', subject: b, body: no(c)}\n", encoding="utf-8")
    result = run("check", str(file))
    assert [line.removeprefix(str(file)) for line in result.stdout.splitlines()] == [
        ":2:11: tickets.ticket_id: no JMESPath at character 3: Incomplete expression",
        ":2:40: tickets.body: there is no function no()",
    ]
    assert stopped(result) == f"{file}: 2 problems"


def test_a_sample_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in stopped(run("check", "zendesk", str(tmp_path / "none.json")))


def test_a_foreign_ticket_is_tried_with_a_playbook(tmp_path: Path) -> None:
    file = tmp_path / "ticket.json"
    ticket = {"ticket": {"id": 7, "subject": "Export", "description": "Fernhollow 7.4.2 stops with error FXP-4107."}}
    file.write_text(json.dumps(ticket), encoding="utf-8")
    arguments = ["triage", "try", "-", str(file), "--mapping", "zendesk", "--json"]
    triage = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert triage["ticket_id"] == "7"
    assert triage["fields"]["error"]["answer"]["text"] == "FXP-4107"
