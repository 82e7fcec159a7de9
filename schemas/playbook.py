"""Defines the triage playbook, version 1: what to ask about a ticket, and which route and priority the answers give.

    fields (questions, confidence, format, what if missing) -> routes, priorities (the first rule that matches wins)

It is written in YAML by people, so its errors are worded for them; what needs more than one part of it, or a regular
expression's compiler, is checked where it is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from spanstream.schemas.fields import Closed, Probability

TICKET_TEXT: Final = "text"
"""What a `TicketTest` of the ticket's whole text is about."""

Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\u0000-\u001f]*\S[^\u0000-\u001f]*$")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Label = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\u0000-\u001f]+$")]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]+)*$", max_length=20)]
Pattern = Annotated[str, Field(min_length=1, max_length=1_000)]


class RegexFormat(Closed):
    """The answer must match."""

    regex: Pattern = Field(
        description="RE2 syntax, found anywhere in the answer; a group named value, or all that matched, is the value."
    )


class EnumFormat(Closed):
    """The answer must name exactly one of some options."""

    enum: Annotated[dict[Label, list[Label]], Field(min_length=1, max_length=100)] = Field(
        description="Options, each with the words that stand for it beside its name; case does not matter."
    )


class DateReading(Closed):
    """How dates are written where the tickets come from."""

    order: Literal["month-first", "day-first"] = Field(
        default="month-first",
        description="03/04/2024 is 4 March, or 3 April (day-first). What can be read in one way only (13/04/2024, "
        "2024-04-03) is read so, whatever stands here.",
    )
    languages: Annotated[list[LanguageCode], Field(min_length=1, max_length=8)] = Field(
        default=["en"],
        description="Languages of the words in dates, codes of dateparser such as de or pt; the first wins a tie.",
    )


class DateFormat(Closed):
    """The answer must hold a date."""

    date: DateReading = Field(description="How to read it.")


_FORMATS: dict[str, type[Closed]] = {"regex": RegexFormat, "enum": EnumFormat, "date": DateFormat}


def _format_kind(value: Any) -> str | None:  # noqa: ANN401  what YAML has there
    if isinstance(value, dict):
        return next((kind for kind in _FORMATS if kind in value), None)
    if isinstance(value, str):
        return "name"
    return next((kind for kind, model in _FORMATS.items() if isinstance(value, model)), None)


Format = Annotated[
    Annotated[Literal["version", "date"], Tag("name")]
    | Annotated[RegexFormat, Tag("regex")]
    | Annotated[EnumFormat, Tag("enum")]
    | Annotated[DateFormat, Tag("date")],
    Discriminator(
        _format_kind,
        custom_error_type="format",
        custom_error_message="should be version, date, {date: {order: ..., languages: [...]}}, {regex: ...} or "
        "{enum: {option: [words]}}",
    ),
]


class IfMissing(Closed):
    """What to do where a field has no answer; without it, nothing."""

    value: Line | None = Field(default=None, description="The value that rules see instead.")
    ask: Line | None = Field(default=None, description="What the record says to ask the customer.")


class FieldSpec(Closed):
    """Something to be found out about a ticket."""

    questions: Annotated[list[Line], Field(min_length=1, max_length=8)] = Field(
        description="One question in one or more phrasings; the surest answer in the field's format wins."
    )
    min_confidence: Probability = Field(default=0.5, description="Least calibrated probability, 0 to 1, of an answer.")
    format: Format | None = Field(default=None, description="What the answer must look like; without it, anything.")
    if_missing: IfMissing = Field(default=IfMissing(), description="What to do where there is no answer.")


class _Test(Closed):
    """Tests a value; exactly one of these is given."""

    equals: Line | None = Field(default=None, description="It is this; case does not matter here and below.")
    one_of: list[Line] | None = Field(default=None, min_length=1, description="It is one of these.")
    contains: list[Line] | None = Field(
        default=None, min_length=1, description="It holds one of these words or phrases as whole words."
    )
    matches: Pattern | None = Field(default=None, description="This RE2 pattern is found in it.")
    missing: bool | None = Field(default=None, description="true: there is none; false: there is one.")

    @model_validator(mode="after")
    def _has_one_test(self) -> Self:
        given = [name for name in _Test.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"should have exactly one of {', '.join(_Test.model_fields)}")
        return self


class FieldTest(_Test):
    """About the value of a field."""

    field: FieldName = Field(description="A field of this playbook.")


class TicketTest(_Test):
    """About the ticket itself."""

    ticket: Annotated[str, Field(pattern=r"^(subject|text|channel|customer|attributes\..+)$")] = Field(
        description="subject, text (subject and message, as the document has them), channel, customer, or "
        "attributes.NAME."
    )

    @cached_property
    def key(self) -> str:
        """Names the test by its content: the text is not kept, only which of these tests held."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class AllOf(Closed):
    """Every condition holds."""

    all: Annotated[list[Condition], Field(min_length=1)] = Field(description="The conditions.")


class AnyOf(Closed):
    """At least one condition holds."""

    any: Annotated[list[Condition], Field(min_length=1)] = Field(description="The conditions.")


class NoneOf(Closed):
    """No condition holds."""

    none: Annotated[list[Condition], Field(min_length=1)] = Field(description="The conditions.")


_CONDITIONS: dict[str, type[Closed]] = {
    "field": FieldTest,
    "ticket": TicketTest,
    "all": AllOf,
    "any": AnyOf,
    "none": NoneOf,
}


def _condition_kind(value: Any) -> str | None:  # noqa: ANN401  what YAML has there
    if isinstance(value, dict):
        return next((kind for kind in _CONDITIONS if kind in value), None)
    return next((kind for kind, model in _CONDITIONS.items() if isinstance(value, model)), None)


Condition = Annotated[
    Annotated[FieldTest, Tag("field")]
    | Annotated[TicketTest, Tag("ticket")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[NoneOf, Tag("none")],
    Discriminator(
        _condition_kind,
        custom_error_type="condition",
        custom_error_message="should have one of field, ticket, all, any, none",
    ),
]
for _model in (AllOf, AnyOf, NoneOf):
    _model.model_rebuild()


class _Rule(Closed):
    when: Condition | None = Field(default=None, description="When it applies; the last rule has none and always does.")
    because: Line = Field(description="One line for the record: why.")


class RouteRule(_Rule):
    """The first route rule that applies decides where the ticket goes."""

    route: Label = Field(description="The queue that the ticket goes to.")


class PriorityRule(_Rule):
    """The first priority rule that applies decides how urgent it is."""

    priority: Label = Field(description="How urgent.")


class Playbook(Closed):
    """How the tickets of one helpdesk are triaged."""

    model_config = ConfigDict(title="spanstream triage playbook")

    playbook: Label = Field(description="The name of the playbook.")
    version: Label = Field(description="Its version, a text: quote it. Change it with every change of the playbook.")
    description: Line | None = Field(default=None, description="For people.")
    deadline_seconds: Annotated[float, Field(gt=0, le=30 * 24 * 3600)] = Field(
        default=300.0, description="Seconds from asking to the record; what is not answered by then has timed out."
    )
    keep: list[Literal["quoted_replies", "signatures"]] = Field(
        default=[], description="What stays in the document; otherwise both are cut, and the record says so."
    )
    fields: Annotated[dict[FieldName, FieldSpec], Field(min_length=1, max_length=32)] = Field(
        description="What to find out, by name."
    )
    routes: Annotated[list[RouteRule], Field(min_length=1)] = Field(description="Where to; the first that applies.")
    priorities: Annotated[list[PriorityRule], Field(min_length=1)] = Field(
        description="How urgent; the first that applies."
    )

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its content, whatever its comments and layout; 64 lower-case hexadecimal digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def conditions_in(
    condition: Condition | None, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], _Test]]:
    """Yields every test in a condition, with its path."""
    if isinstance(condition, _Test):
        yield path, condition
        return
    for kind in ("all", "any", "none"):
        for number, inner in enumerate(getattr(condition, kind, ())):
            yield from conditions_in(inner, (*path, kind, number))
