"""Loading playbooks: everything that is wrong with one is said with its line and column."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.playbook.load import (
    InvalidPlaybook,
    bundled_text,
    load_playbook,
    parse_playbook,
)
from spanstream.consumer.triage.state.ticket_state import decode_playbook
from spanstream.consumer.yaml_files import Problem

GOOD = """\
playbook: p
version: "1"
fields:
  error:
    questions: [Which error?]
  kind:
    questions: [Which kind?]
    format: {enum: {crash: [crashes, dies], slow: [takes long]}}
routes:
  - route: defects
    because: there is one
    when: {field: error, missing: false}
  - {route: general, because: nothing else}
priorities:
  - {priority: normal, because: nothing else}
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidPlaybook) as refused:
        parse_playbook(text, "p.yaml")
    return [str(problem) for problem in refused.value.problems]


WRONG = {
    "an unknown key": (
        GOOD.replace("because: there is one", "becuase: x"),
        ["10:5: because: is missing", "11:5: becuase: is unknown here"],
    ),
    "a number for a version": (GOOD.replace('"1"', "1.0"), ["2:1: version: should be a text: quote it"]),
    "a key that is there twice": (GOOD + "playbook: q\n", ["16:1: no YAML: found duplicate key"]),
    "no YAML": ("a: [1\n", ["2:1: no YAML: expected"]),
    "a tab": ("a:\n\t- b\n", ["2:1: no YAML: found character"]),
    "nothing": ("", ["1:1: Input should be"]),
    "a list": ("- a\n", ["1:1: Input should be"]),
    "a tag": (GOOD.replace("nothing else}", "!!python/name:os.system x}", 1), ["1:1: no YAML: the tag"]),
    "an alias": (GOOD.replace("because: nothing else}\npri", "because: *x}\npri"), ["13:31: no YAML: the alias *x"]),
    "an anchor that holds itself": ("fields: &x\n  y: *x\n", ["2:6: no YAML: the alias *x"]),
    "levels of aliases": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi")),
        ["2:8: no YAML: the alias *a"],
    ),
    "no question": (GOOD.replace("[Which error?]", "[]"), ["5:5: questions: "]),
    "a phrasing twice": (GOOD.replace("[Which error?]", "[A?, A?]"), ["5:5: a phrasing is there twice"]),
    "a field that is not there": (GOOD.replace("field: error", "field: eror"), ["12:12: there is no field 'eror'"]),
    "two tests at once": (
        GOOD.replace("missing: false", "missing: false, equals: x"),
        ["12:12: field: should have exactly one of"],
    ),
    "a condition about nothing": (
        GOOD.replace("field: error, missing", "feild: error, missing"),
        ["12:5: when: should have one of field"],
    ),
    "a pattern that RE2 does not take": (
        GOOD.replace("missing: false", "matches: '(?=x)'"),
        ["12:26: no RE2 pattern: invalid perl operator"],
    ),
    "a format that is none": (
        GOOD.replace("{enum: {crash: [crashes, dies], slow: [takes long]}}", "number"),
        ["8:5: name: Input should be 'version' or 'date'"],
    ),
    "a language without dates": (
        GOOD.replace("{enum: {crash: [crashes, dies], slow: [takes long]}}", "{date: {languages: [de, qq]}}"),
        ["8:37: dateparser reads no dates in 'qq'"],
    ),
    "a word for two options": (GOOD.replace("takes long", "dies"), ["8:45: 'dies' stands for 'crash' already"]),
    "a value that an enumeration never has": (
        GOOD.replace("field: error, missing: false", "field: kind, equals: crsh"),
        ["12:25: kind is never 'crsh'"],
    ),
    "a last rule with a condition": (
        GOOD.replace("because: nothing else}\npri", "because: x, when: {field: error, missing: true}}\npri"),
        ["13:34: the last rule must always apply"],
    ),
    "a rule that hides the others": (
        GOOD.replace("    when: {field: error, missing: false}\n", ""),
        ["10:5: no rule below this one is ever reached"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_line_and_column(name: str) -> None:
    text, expected = WRONG[name]
    messages = problems_of(text)
    assert len(messages) == len(expected)
    assert all(message.startswith(begin) for message, begin in zip(messages, expected, strict=True)), messages


@given(st.text(alphabet=" \n-:[]{}#&*!|>'\"%@abnul01.,", max_size=60))
def test_any_text_is_a_playbook_or_refused_with_a_place(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_playbook(text, "p.yaml")
    except InvalidPlaybook as error:
        problems = error.problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems)


def test_the_bundled_playbook_is_good_and_survives_the_state_topic() -> None:
    playbook = load_playbook(None)
    again = decode_playbook(playbook.model_dump_json(exclude_defaults=True).encode())
    assert again == playbook
    assert again.sha256 == playbook.sha256
    assert parse_playbook(bundled_text() + "# a comment\n", "x").sha256 == playbook.sha256


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"\xff")
    for name, message in (("none.yaml", "cannot be read"), ("latin.yaml", "not UTF-8 at byte 0")):
        with pytest.raises(Stop, match=message):
            load_playbook(tmp_path / name)


def test_check_prints_every_problem_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(WRONG["an unknown key"][0])
    result = CliRunner().invoke(app, ["triage", "check", str(file)])
    assert result.stdout.splitlines()[0] == f"{file}:10:5: because: is missing"
    assert isinstance(result.exception, Stop)
    file.write_text(GOOD)
    assert "2 fields, 2 questions a ticket" in CliRunner().invoke(app, ["triage", "check", str(file)]).stdout
