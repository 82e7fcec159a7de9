"""Measures on labelled tickets how each field is best asked, and from which confidence on its answers are worth giving.

    labelled tickets x playbook -> read once -> each phrasing alone, each pair, all -> FieldFigures, the best first

The least confidence is the one at which most tickets come out right: with a right answer, or with none where there is
none. Figures at it are a little too good, since it was chosen on the same tickets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError
from ruamel.yaml.error import YAMLError

from spanstream.consumer.clock import Clock, to_datetime
from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.decision.field_results import field_result
from spanstream.consumer.triage.state.ticket_state import QuestionOutcome
from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.consumer.triage.trial import outcome_of
from spanstream.consumer.yaml_files import yaml_reader
from spanstream.models.errors import first_line
from spanstream.models.metrics.squad_metrics import exact_score
from spanstream.models.reader import Reader
from spanstream.schemas.fields import Closed
from spanstream.schemas.limits import Limits
from spanstream.schemas.playbook import FieldSpec, Playbook
from spanstream.schemas.triage import FieldStatus, Ticket

# Tried as least confidences.
_STEPS: Final = tuple(step / 100 for step in range(1, 100))
_MAX_CHARS: Final = 10_000_000


class ExpectedRecord(Closed):
    """What a person expects of a ticket's record.

    Attributes:
        fields: accepted answers by field; none where the ticket does not say it. A field that is missing is not judged.
        route: the expected route, where that is judged.
        priority: the same.
    """

    fields: dict[str, list[Annotated[str, Field(min_length=1)]] | None]
    route: str | None = None
    priority: str | None = None


class LabelledTicket(Closed):
    """A ticket and what is expected of it."""

    ticket: Ticket
    expect: ExpectedRecord


@dataclass(frozen=True, slots=True)
class FieldFigures:
    """How a field comes out if it is asked with these questions, at the least confidence that is best for them.

    Attributes:
        field: its name.
        questions: the phrasings; the surest answer in the field's format wins.
        min_confidence: the least confidence.
        right: tickets with a right answer.
        declined: tickets that rightly have none.
        wrong: tickets with another answer than the expected ones.
        unasked_for: tickets with an answer where there is none.
        missed: tickets without an answer where there is one.
    """

    field: str
    questions: tuple[str, ...]
    min_confidence: float
    right: int
    declined: int
    wrong: int
    unasked_for: int
    missed: int

    @property
    def good(self) -> int:
        """Tickets that come out as a person would have it."""
        return self.right + self.declined


@dataclass(frozen=True, slots=True)
class _Read:
    """What is expected of a ticket, when it was written, and what came back for each phrasing of the playbook."""

    expected: ExpectedRecord
    written_at: datetime
    outcomes: Mapping[str, QuestionOutcome]


@dataclass(frozen=True, slots=True)
class _Given:
    """A ticket's answer to a field, whatever its confidence (-1 without one), and what was expected."""

    confidence: float
    is_right: bool
    is_expected: bool


def read_labelled_tickets(file: Path, playbook: Playbook) -> list[LabelledTicket]:
    """Reads a YAML list of `{ticket: {...}, expect: {fields: {name: [accepted answers] or null}}}`.

    Raises:
        Stop: it cannot be read, is no such list, or names a field that the playbook has not.
    """
    try:
        text = file.read_text(encoding="utf-8")
        if len(text) > _MAX_CHARS:
            raise Stop(f"{file}: {len(text)} characters, at most {_MAX_CHARS} are read")
        content = yaml_reader("safe").load(text)
        tickets = TypeAdapter(list[LabelledTicket]).validate_python(content)
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise Stop(f"{file}: {'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise Stop(f"{file}: is no YAML: {first_line(error)}") from None
    named = {name for labelled in tickets for name in labelled.expect.fields}
    if unknown := sorted(named - playbook.fields.keys()):
        raise Stop(f"{file}: the playbook {playbook.playbook} has no field {unknown[0]!r}")
    if not named:
        raise Stop(f"{file}: no ticket says what is expected of a field")
    return tickets


def measure_fields(  # noqa: PLR0913  called in one place, by name
    playbook: Playbook,
    tickets: Sequence[LabelledTicket],
    reader: Reader,
    *,
    limits: Limits,
    clock: Clock,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, list[FieldFigures]]:
    """Returns the figures of each field's ways to be asked, the best first; of equal ones the shortest.

    Args:
        playbook: every phrasing that is to be tried.
        tickets: what to measure on.
        reader: the model.
        limits: as in the stream.
        clock: tells when a ticket without a time was written.
        advance: called with 1 after each ticket.

    Raises:
        InvalidRecord: a ticket's text is too long to be a document.
        QuestionTooLong, InferenceFailed, InvalidSpan: as `Reader.read`.
    """
    now = to_datetime(clock.now_ms())
    reads = []
    for labelled in tickets:
        outcomes = _outcomes(labelled.ticket, playbook, reader, limits)
        reads.append(_Read(labelled.expect, labelled.ticket.created_at or now, outcomes))
        advance(1)
    return {
        name: sorted(
            (_figures(name, field, questions, reads) for questions in _ways(field)),
            key=lambda figures: (-figures.good, len(figures.questions), figures.wrong + figures.unasked_for),
        )
        for name, field in playbook.fields.items()
        if any(name in read.expected.fields for read in reads)
    }


def _outcomes(ticket: Ticket, playbook: Playbook, reader: Reader, limits: Limits) -> dict[str, QuestionOutcome]:
    """Returns what comes back for each phrasing of the playbook."""
    phrasings = list(dict.fromkeys(text for field in playbook.fields.values() for text in field.questions))
    answers = reader.read(document_text(ticket, limits, playbook.keep).text, phrasings)
    return {text: outcome_of(answer, reader) for text, answer in zip(phrasings, answers, strict=True)}


def _ways(field: FieldSpec) -> Iterator[tuple[str, ...]]:
    """Yields each phrasing alone, each pair, and all of them."""
    questions = tuple(field.questions)
    for size in sorted({1, 2, len(questions)}):
        yield from combinations(questions, size)


def _figures(
    name: str,
    field: FieldSpec,
    questions: tuple[str, ...],
    reads: Sequence[_Read],
) -> FieldFigures:
    anything = field.model_copy(update={"min_confidence": 0.0})
    givens = []
    for read in reads:
        if name not in read.expected.fields:
            continue
        expected = read.expected.fields[name] or []
        result = field_result(anything, [(text, read.outcomes[text]) for text in questions], read.written_at)
        is_given = result.status is FieldStatus.ANSWERED and result.answer is not None
        text = result.answer.text if result.answer is not None else ""
        is_right = is_given and any(exact_score(gold, text) for gold in expected)
        givens.append(_Given((result.confidence or 0.0) if is_given else -1.0, is_right, bool(expected)))
    return max(
        (_at(name, questions, least, givens) for least in _STEPS),
        key=lambda figures: (figures.good, figures.min_confidence),
    )


def _at(name: str, questions: tuple[str, ...], least: float, givens: Sequence[_Given]) -> FieldFigures:
    given = [each for each in givens if each.confidence >= least]
    right = sum(each.is_right for each in given)
    unasked_for = sum(not each.is_expected for each in given)
    expected = sum(each.is_expected for each in givens)
    wrong = len(given) - right - unasked_for
    return FieldFigures(
        name,
        questions,
        least,
        right=right,
        declined=len(givens) - expected - unasked_for,
        wrong=wrong,
        unasked_for=unasked_for,
        missed=expected - right - wrong,
    )
