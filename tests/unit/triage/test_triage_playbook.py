"""Playbooks: what is wrong is said with its line, formats and rules do what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.gather import MAX_ANSWER_CHARS, QuestionOutcome, field_result
from spanstream.consumer.triage.playbook.formats import BadFormat, value_of
from spanstream.consumer.triage.playbook.load import (
    InvalidPlaybook,
    Problem,
    default_text,
    load_playbook,
    parse_playbook,
)
from spanstream.consumer.triage.playbook.rules import holds
from spanstream.consumer.triage.questions import asked_of, document_id_of
from spanstream.consumer.triage.state import decode_playbook
from spanstream.schemas.events import ModelInfo, Span
from spanstream.schemas.playbook import AllOf, AnyOf, EnumFormat, FieldSpec, FieldTest, NoneOf, RegexFormat, TicketTest
from spanstream.schemas.triage import FieldStatus

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
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MODEL = ModelInfo(name="m", version="1", precision="int8", calibration="c")


def problems(text: str) -> list[str]:
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
    found = problems(text)
    assert len(found) == len(expected)
    assert all(one.startswith(beginning) for one, beginning in zip(found, expected, strict=True)), found


@given(st.text(alphabet=" \n-:[]{}#&*!|>'\"%@abnul01.,", max_size=60))
def test_any_text_is_a_playbook_or_refused_with_a_place(text: str) -> None:
    found: tuple[Problem, ...] = ()
    try:
        parse_playbook(text, "p.yaml")
    except InvalidPlaybook as refused:
        found = refused.problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in found)


def test_the_playbook_that_comes_along_is_good_and_survives_the_state_topic() -> None:
    playbook = load_playbook(None)
    again = decode_playbook(playbook.model_dump_json(exclude_defaults=True).encode())
    assert again == playbook
    assert again.sha256 == playbook.sha256
    assert parse_playbook(default_text() + "# a comment\n", "x").sha256 == playbook.sha256


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"\xff")
    for name, said in (("none.yaml", "cannot be read"), ("latin.yaml", "not UTF-8 at byte 0")):
        with pytest.raises(Stop, match=said):
            load_playbook(tmp_path / name)


def test_check_prints_every_problem_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(WRONG["an unknown key"][0])
    done = CliRunner().invoke(app, ["triage", "check", str(file)])
    assert done.stdout.splitlines()[0] == f"{file}:10:5: because: is missing"
    assert isinstance(done.exception, Stop)
    file.write_text(GOOD)
    assert "2 fields, 2 questions a ticket" in CliRunner().invoke(app, ["triage", "check", str(file)]).stdout


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("7.4.2", "7.4.2"),
        ("Fernhollow 7.4.2-rc1,", "7.4.2-rc1"),
        ("v12.x", "12.x"),
        ("version 9", "9"),
        ("build #4711", "4711"),
        ("17", "17"),
        ("the newest one", None),
        ("Tuesday 9", None),
    ],
)
def test_a_version_is_found_in_the_answer(answer: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(BadFormat, match="should be a version"):
            value_of(answer, "version", NOW)
    else:
        assert value_of(answer, "version", NOW) == value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("2 February", "2026-02-02T00:00:00"),
        ("yesterday at 9:20", "2026-11-23T09:20:00"),
        ("two weeks ago", "2026-11-10T10:00:00"),
        ("2026-11-03 04:12:09", "2026-11-03T04:12:09"),
        ("the office", None),
    ],
)
def test_a_date_counts_from_when_the_ticket_was_written(answer: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(BadFormat, match="should be a date"):
            value_of(answer, "date", NOW)
    else:
        assert value_of(answer, "date", NOW) == value


def test_a_pattern_gives_what_it_matched_or_its_named_part() -> None:
    assert value_of("error fxp-4107 again", RegexFormat(regex=r"[A-Z]{3}-\d+"), NOW) == "fxp-4107"
    assert value_of("code (77)", RegexFormat(regex=r"\((?P<value>\d+)\)"), NOW) == "77"
    with pytest.raises(BadFormat, match="should match"):
        value_of("none", RegexFormat(regex=r"\d"), NOW)


def test_no_answer_makes_a_pattern_slow() -> None:
    with pytest.raises(BadFormat):
        value_of("a" * 2_000 + "!", RegexFormat(regex=r"^(a+)+$"), NOW)


def test_an_enumeration_wants_exactly_one_of_its_options() -> None:
    options = EnumFormat(enum={"crash": ["dies"], "slow": ["takes long"]})
    assert value_of("it Takes  long", options, NOW) == "slow"
    for answer, said in (("it dies and takes long", "names several"), ("diesel", "should name one of crash, slow")):
        with pytest.raises(BadFormat, match=said):
            value_of(answer, options, NOW)


def outcome(text: str = "7.4", confidence: float = 0.9, diff: float = -1.0) -> QuestionOutcome:
    span = Span(text=text, char_start=0, char_end=len(text))
    return QuestionOutcome.of(span, confidence=confidence, null_score_diff=diff, model=MODEL)


def test_the_surest_answer_in_the_format_wins() -> None:
    field = FieldSpec(questions=["a?", "b?", "c?"], min_confidence=0.5, format="version")
    sure, surer, wrong = outcome("7.4", 0.6), outcome("7.5", 0.7), outcome("soon", 0.99)
    result = field_result(field, [("a?", sure), ("b?", surer), ("c?", wrong)], NOW)
    assert (result.value, result.question, result.status) == ("7.5", "b?", FieldStatus.ANSWERED)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([outcome("soon")], FieldStatus.BAD_FORMAT),
        ([outcome(confidence=0.4)], FieldStatus.LOW_CONFIDENCE),
        ([outcome(confidence=0.4, diff=1.0)], FieldStatus.NO_ANSWER),
        ([QuestionOutcome(dead_letter="too_large")], FieldStatus.DEAD_LETTERED),
        ([None], FieldStatus.TIMED_OUT),
        ([None, outcome()], FieldStatus.ANSWERED),
        ([None, outcome("soon")], FieldStatus.TIMED_OUT),
        ([QuestionOutcome(dead_letter="too_large"), outcome(confidence=0.1, diff=1.0)], FieldStatus.DEAD_LETTERED),
        ([outcome("9" * (MAX_ANSWER_CHARS + 1))], FieldStatus.BAD_FORMAT),
    ],
)
def test_a_field_without_an_answer_says_why(outcomes: list[QuestionOutcome | None], status: FieldStatus) -> None:
    field = FieldSpec(questions=["a?", "b?"], min_confidence=0.5, format="version")
    asked = [(question, one) for question, one in zip("ab", outcomes, strict=False)]
    assert field_result(field, asked, NOW).status is status


def test_conditions_are_about_whole_words_whatever_the_case() -> None:
    fields, ticket = {"impact": "All our Users", "none": None}, {"attributes.plan": "gold"}
    users = FieldTest(field="impact", contains=["users"])
    assert holds(users, fields, ticket)
    assert not holds(FieldTest(field="impact", contains=["use"]), fields, ticket)
    assert holds(FieldTest(field="impact", equals="all our users"), fields, ticket)
    assert holds(FieldTest(field="none", missing=True), fields, ticket)
    assert not holds(FieldTest(field="none", equals="x"), fields, ticket)
    gold = TicketTest(ticket="attributes.plan", one_of=["Gold", "silver"])
    assert holds(AllOf(all=[users, gold]), fields, ticket)
    assert holds(AnyOf(any=[gold, FieldTest(field="none", missing=False)]), fields, ticket)
    assert not holds(NoneOf(none=[gold]), fields, ticket)
    assert holds(TicketTest(ticket="attributes.plan", matches="^GO"), fields, ticket)


@given(st.sampled_from(["a" * 64, "0" * 64]), st.integers(1, 64), st.data())
def test_a_documents_id_leads_to_its_tickets_partition(sha256: str, partitions: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, partitions - 1))
    assert partition_of(document_id_of(sha256, number, partitions).encode(), partitions) == number


def test_question_ids_tell_ticket_text_field_phrasing_and_playbook_apart_and_nothing_else() -> None:
    one, other = parse_playbook(GOOD, "p"), parse_playbook(GOOD.replace('"1"', '"2"'), "p")
    ids = [
        a.question_id for p in (one, other) for t in ("t", "u") for s in ("0" * 64, "1" * 64) for a in asked_of(t, s, p)
    ]
    assert len(set(ids)) == len(ids) == 16
    assert [a.question_id for a in asked_of("t", "0" * 64, one)] == ids[:2]
