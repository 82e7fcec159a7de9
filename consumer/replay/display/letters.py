"""Shows dead letters on the screen and as JSON. Control characters in their text are made visible first."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from spanstream.consumer.clock import iso
from spanstream.consumer.replay.letters.letter import Letter, SeenLetter
from spanstream.consumer.terminal.highlight import highlighted
from spanstream.consumer.terminal.sanitizing import sanitized, sanitized_line, shortened
from spanstream.consumer.terminal.views import AnswerView, SpanView

_KEY_CHARS = 40
_VALUE_CHARS = 4_000
_DOCUMENT_ROWS = 14


def printable(data: bytes | None, limit: int = _KEY_CHARS) -> str:
    """Shows bytes on one line: as text where they are UTF-8, other bytes as hexadecimal escapes."""
    if data is None:
        return "(null)"
    return shortened(sanitized_line(data.decode(errors="backslashreplace")), limit)


def letter_json(seen: SeenLetter, *, whole: bool = False) -> dict[str, Any]:
    """Returns a dead letter as JSON; `whole` adds its value and headers (base64 where they are not UTF-8)."""
    letter, attempts, state = seen
    fields: dict[str, Any] = {
        "place": letter.place,
        "format": letter.format,
        "reason": letter.reason,
        "detail": letter.detail,
        "stage": letter.stage,
        "origin": {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset},
        "failed_at": iso(letter.failed_at_ms),
        "timestamp_ms": letter.record.timestamp_ms,
        "model": letter.model,
        "attempts": attempts,
        "state": state,
        "key": _json_bytes(letter.record.key),
        "value_bytes": None if letter.record.value is None else len(letter.record.value),
    }
    if letter.problem is not None:
        fields["problem"] = letter.problem
    if whole:
        fields["candidate"] = letter.candidate
        fields["value"] = _json_bytes(letter.record.value)
        fields["headers"] = [[name, _json_bytes(value)] for name, value in letter.record.headers]
    return fields


def line_table(*names: str) -> Table:
    """Makes a table with one line a row; the last column gets the remaining width, and longer text is cut."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    for name in names[:-1]:
        table.add_column(name, no_wrap=True, justify="right" if name == "count" else "left")
    table.add_column(names[-1], no_wrap=True, overflow="ellipsis", ratio=1)
    return table


def letters_table(letters: Sequence[SeenLetter]) -> Table:
    """Shows one line a dead letter."""
    table = line_table("place", "failed", "reason", "origin", "key", "tries", "state", "detail")
    for letter, attempts, state in letters:
        place = f"{letter.record.partition.number}/{letter.record.offset}"
        cells = (place, _failed_at(letter)[:19], _short(letter.reason), letter.origin or "(not said)")
        row = (*cells, printable(letter.record.key, 24), str(attempts), state, letter.detail)
        table.add_row(*(Text(sanitized_line(cell)) for cell in row))
    return table


def letter_panel(seen: SeenLetter, document: str | None, *, width: int, plain: bool) -> Panel:
    """Shows a whole dead letter; `document` is the text of its candidate, None where there is none."""
    letter, attempts, state = seen
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("reason", letter.reason),
        ("detail", letter.detail),
        ("stage", letter.stage or "(not said)"),
        ("came from", letter.origin or "(not said)"),
        ("failed", _failed_at(letter) or "(not said)"),
        ("written by", letter.format),
        ("model", letter.model or "(not said)"),
        ("sent again", f"{attempts} times, now {state}"),
        ("key", printable(letter.record.key, 200)),
    ):
        facts.add_row(Text(name, "dim"), Text(sanitized_line(value)))
    parts: list[RenderableType] = [facts, Text("\nheaders", "dim"), _headers(letter)]
    parts += [Text("\nvalue", "dim"), _value(letter.record.value)]
    if letter.candidate is not None:
        parts += [Text("\ncandidate", "dim"), _candidate(letter, document, width=width - 4, plain=plain)]
    return Panel(Group(*parts), title=escape(sanitized_line(letter.place)), title_align="left")


def _headers(letter: Letter) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in letter.record.headers:
        table.add_row(Text(f"  {sanitized_line(name)}"), Text(printable(value, 300)))
    return table


def _value(value: bytes | None) -> Text:
    if value is None:
        return Text("  (null)")
    try:
        text = json.dumps(json.loads(value), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        text = value.decode(errors="backslashreplace")
    cut = len(text) - _VALUE_CHARS
    return Text(sanitized(text[:_VALUE_CHARS]) + (f"\n... {cut:,} more characters (--json has all)" if cut > 0 else ""))


def _candidate(letter: Letter, document: str | None, *, width: int, plain: bool) -> Text:
    candidate = letter.candidate or {}
    start, end = candidate.get("char_start"), candidate.get("char_end")
    fields = Text(sanitized_line(json.dumps(candidate, ensure_ascii=False)))
    if document is None:
        return fields + Text("\nits document is not in the documents topic", "dim")
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(document)):
        return fields + Text("\nit has no place in its document", "dim")
    span = SpanView(document[start:end], start, end)
    answer = AnswerView("", span, span, 0.0)
    return fields + "\n" + highlighted(document, [answer], width=width, max_rows=_DOCUMENT_ROWS, brackets=plain)


def _failed_at(letter: Letter) -> str:
    """Returns the time of the failure; the bare timestamp where that is no time; empty where there is none."""
    stamp = letter.record.timestamp_ms
    return iso(letter.failed_at_ms) or ("" if stamp is None else str(stamp))


def _short(reason: str) -> str:
    """Returns a class name without its package."""
    return reason.rpartition(".")[2] or reason


def _json_bytes(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
