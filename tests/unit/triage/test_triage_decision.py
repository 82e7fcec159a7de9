"""From outcomes to decisions: formats, the results of fields, and the conditions of rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spanstream.consumer.triage.decision.field_results import field_result
from spanstream.consumer.triage.decision.formats import BadFormat, formatted_value
from spanstream.consumer.triage.decision.rules import holds
from spanstream.consumer.triage.state.ticket_state import MAX_ANSWER_CHARS, QuestionOutcome
from spanstream.schemas.answer_parts import ModelInfo, Span
from spanstream.schemas.playbook import (
    AllOf,
    AnyOf,
    DateFormat,
    EnumFormat,
    FieldSpec,
    FieldTest,
    NoneOf,
    RegexFormat,
    TicketTest,
)
from spanstream.schemas.triage import FieldStatus

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MODEL = ModelInfo(name="m", version="1", precision="int8", calibration="c")


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
            formatted_value(answer, "version", NOW)
    else:
        assert formatted_value(answer, "version", NOW) == value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("2 February", "2026-02-02T00:00:00"),
        ("yesterday at 9:20", "2026-11-23T09:20:00"),
        ("two weeks ago", "2026-11-10T10:00:00"),
        ("2026-11-03 04:12:09", "2026-11-03T04:12:09"),
        ("the office", None),
        # Words that a month or a day has too.
        ("it may fail", None),
        ("It may fail since Tuesday", "2026-11-17T00:00:00"),
        ("the march of errors", None),
        ("it sat there in the sun", None),
        ("takes a second", None),
        ("May", "2026-05-24T00:00:00"),
        ("since may", "2026-05-24T00:00:00"),
        ("on Sat", "2026-11-21T00:00:00"),
        ("5 may", "2026-05-05T00:00:00"),
        # Parts of a time.
        ("½ hour ago", "2026-11-24T09:30:00"),
        ("1/2 hour ago", "2026-11-24T09:30:00"),
        ("1\u20442 hour ago", "2026-11-24T09:30:00"),
        ("0.5 hours ago", "2026-11-24T09:30:00"),
        ("half an hour ago", "2026-11-24T09:30:00"),
        ("about ¾ of an hour ago", "2026-11-24T09:15:00"),
        ("1½ hours ago", "2026-11-24T08:30:00"),
        ("1 1/2 hours ago", "2026-11-24T08:30:00"),
        ("one and a half hours ago", "2026-11-24T08:30:00"),
        ("an hour and a half ago", "2026-11-24T08:30:00"),
        ("2.5 days ago", "2026-11-21T22:00:00"),
        ("½ minute ago", "2026-11-24T09:59:30"),
        ("2/0 hours ago", None),
        ("since 3/4 diagnosis fails", "2026-03-04T00:00:00"),
        ("on 1/2", "2026-01-02T00:00:00"),
        ("2.11.2026", "2026-02-11T00:00:00"),
    ],
)
def test_a_date_counts_from_when_the_ticket_was_written(answer: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(BadFormat, match="should be a date"):
            formatted_value(answer, "date", NOW)
    else:
        assert formatted_value(answer, "date", NOW) == value


def read_as(answer: str, order: str, *languages: str) -> str:
    format_ = DateFormat.model_validate({"date": {"order": order, "languages": list(languages or ["en"])}})
    return formatted_value(answer, format_, NOW)[: len("2026-11-24T09:30")]


@pytest.mark.parametrize(
    ("answer", "month_first", "day_first"),
    [
        ("03/04/2024", "2024-03-04", "2024-04-03"),
        ("on 3.4.2024", "2024-03-04", "2024-04-03"),
        # Only one reading is possible.
        ("13/04/2024", "2024-04-13", "2024-04-13"),
        ("04/13/2024", "2024-04-13", "2024-04-13"),
        ("2024-04-03", "2024-04-03", "2024-04-03"),
        ("3 April 2024", "2024-04-03", "2024-04-03"),
        ("Sat am", "2026-11-21", "2026-11-21"),
    ],
)
def test_an_ambiguous_date_is_read_in_the_playbooks_order(answer: str, month_first: str, day_first: str) -> None:
    assert read_as(answer, "month-first")[:10] == month_first == formatted_value(answer, "date", NOW)[:10]
    assert read_as(answer, "day-first")[:10] == day_first


@pytest.mark.parametrize(
    ("answer", "language", "value"),
    [
        ("am 3. November 2026 um 10:15 Uhr", "de", "2026-11-03T10:15"),
        ("seit gestern", "de", "2026-11-23T10:00"),
        ("seit Mo", "de", "2026-11-23T00:00"),
        ("vor 2 Stunden", "de", "2026-11-24T08:00"),
        ("depuis le 3 avril 2024", "fr", "2024-04-03T00:00"),
        ("desde el 3 de abril de 2024", "es", "2024-04-03T00:00"),
        ("dal 3 aprile 2024", "it", "2024-04-03T00:00"),
        ("sinds 3 april 2024", "nl", "2024-04-03T00:00"),
        ("od 3 kwietnia 2024", "pl", "2024-04-03T00:00"),
        ("desde ontem", "pt", "2026-11-23T10:00"),
        ("seit Dienstag, dem 2. April 2024", "de", "2024-04-02T00:00"),
        ("w dniu 3 kwietnia 2024", "pl", "2024-04-03T00:00"),
        ("sedan den 3 april 2024", "sv", "2024-04-03T00:00"),
    ],
)
def test_dates_are_read_in_the_playbooks_languages(answer: str, language: str, value: str) -> None:
    for languages in ((language,), ("en", language), (language, "en")):
        assert read_as(answer, "day-first", *languages) == value
    assert read_as("3 April 2024", "day-first", language, "en") == "2024-04-03T00:00"


@pytest.mark.parametrize(
    ("answer", "language"),
    [("so geht es nicht", "de"), ("Do not press", "de"), ("la mer", "fr"), ("vor 1,5 Stunden", "de"),
     ("vor ½ Stunde", "de"), ("il y a 1,5 heure", "fr"), ("hace 0,5 horas", "es")],
)  # fmt: skip
def test_what_another_language_would_misread_is_no_date(answer: str, language: str) -> None:
    with pytest.raises(BadFormat, match="should be a date"):
        read_as(answer, "day-first", language, "en")


def test_a_pattern_gives_what_it_matched_or_its_named_part() -> None:
    assert formatted_value("error fxp-4107 again", RegexFormat(regex=r"[A-Z]{3}-\d+"), NOW) == "fxp-4107"
    assert formatted_value("code (77)", RegexFormat(regex=r"\((?P<value>\d+)\)"), NOW) == "77"
    with pytest.raises(BadFormat, match="should match"):
        formatted_value("none", RegexFormat(regex=r"\d"), NOW)


def test_no_answer_makes_a_pattern_slow() -> None:
    with pytest.raises(BadFormat):
        formatted_value("a" * 2_000 + "!", RegexFormat(regex=r"^(a+)+$"), NOW)


def test_an_enumeration_wants_exactly_one_of_its_options() -> None:
    options = EnumFormat(enum={"crash": ["dies"], "slow": ["takes long"]})
    assert formatted_value("it Takes  long", options, NOW) == "slow"
    for answer, message in (("it dies and takes long", "names several"), ("diesel", "should name one of crash, slow")):
        with pytest.raises(BadFormat, match=message):
            formatted_value(answer, options, NOW)


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
    by_phrasing = list(zip("ab", outcomes, strict=False))
    assert field_result(field, by_phrasing, NOW).status is status


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
