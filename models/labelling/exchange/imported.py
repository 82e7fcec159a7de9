"""What came of a foreign file: labels, and what was refused of it; and reads the values that such files hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from spanstream.models.labelling.labels import CharSpan, Label
from spanstream.models.labelling.quotes import problem_of_span

_Task = TypeVar("_Task")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a foreign file.

    Attributes:
        labels: in the file's order.
        refused: what cannot be a label, a line each that names the question and why; never its text.
        unlabelled: questions that nobody has labelled yet.
    """

    labels: list[Label] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unlabelled: int = 0


class NotThisLayout(ValueError):
    """A value is not what the format's description says; the text says where, and holds no text of a question."""


def import_each(
    records: Iterable[object],
    name: str,
    read_task: Callable[[object, str], tuple[_Task, list[Any]]],
    read_label: Callable[[_Task, Any, str], Label],
) -> Imported:
    """Reads one record after the other; what cannot be a label is refused, one by one.

    Args:
        records: of the file.
        name: what the program calls a record.
        read_task: returns what a record asks, and what was given for it; told where the record stands.
        read_label: returns the label that was given. Both raise `NotThisLayout`.
    """
    imported, unlabelled = Imported(), 0
    for number, record in enumerate(records, start=1):
        where = f"{name} {number}"
        try:
            task, given = read_task(record, where)
        except NotThisLayout as error:
            imported.refused.append(str(error))
            continue
        unlabelled += not given
        for one in given:
            try:
                imported.labels.append(read_label(task, one, where))
            except NotThisLayout as error:
                imported.refused.append(str(error))
    return Imported(imported.labels, imported.refused, unlabelled)


def text_of(holder: object, key: str, where: str) -> str:
    """Returns a text in a JSON object.

    Raises:
        NotThisLayout: it is not there.
    """
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value:
        raise NotThisLayout(f"{where}: no text `{key}`")
    return value


def list_of(holder: object, key: str, where: str) -> list[Any]:
    """Returns a list in a JSON object; an empty one where the key is not there.

    Raises:
        NotThisLayout: it is something else.
    """
    value = (holder.get(key) or []) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise NotThisLayout(f"{where}: `{key}` is no list")
    return value


def metadata_of(holder: object) -> Mapping[str, str]:
    """Returns the texts by name in a JSON object; what is no text is left out."""
    if not isinstance(holder, dict):
        return {}
    return {name: value for name, value in holder.items() if isinstance(value, str)}


def time_of(value: object, otherwise: datetime) -> datetime:
    """Returns a time in ISO 8601, UTC where it names no zone; another one where there is none."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return otherwise
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def checked(text: str, span: CharSpan, where: str) -> CharSpan:
    """Returns a span that quotes whole words of a text.

    Raises:
        NotThisLayout: it does not.
    """
    if problem := problem_of_span(text, *span):
        raise NotThisLayout(f"{where}: {problem}")
    return span


def from_utf16(text: str, start: int, end: int) -> CharSpan:
    """Returns the span in code points of one in UTF-16 units; out of the text where it cuts a character in halves."""
    if text.isascii():
        return start, end
    units = text.encode("utf-16-le")
    try:
        before = len(units[: 2 * start].decode("utf-16-le"))
        return before, before + len(units[2 * start : 2 * end].decode("utf-16-le"))
    except UnicodeDecodeError:
        return -1, -1


def to_utf16(text: str, span: CharSpan) -> tuple[int, int]:
    """Returns a span of code points in UTF-16 units."""
    start = len(text[: span[0]].encode("utf-16-le")) // 2
    return start, start + len(text[slice(*span)].encode("utf-16-le")) // 2
