"""Shows the steps of a dry run: where a record comes from, where it would go, and what would change."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.replay.letters.letter import sha256_of_bytes
from spanstream.consumer.replay.planning.headers import REPLAY_PREFIX
from spanstream.consumer.replay.planning.planner import Step
from spanstream.consumer.terminal.sanitizing import sanitized, sanitized_line

_HASH_DIGITS = 12
_DIFF_LINES = 40
_DIFF_CHARS = 160


def step_lines(step: Step) -> str:
    """Shows a step in one line, and what would change in indented ones."""
    letter, sent = step.letter, step.outgoing
    if sent is None:
        by = f" ({step.superseded.by})" if step.superseded is not None and step.superseded.by else ""
        return sanitized_line(f"{letter.place}  {letter.reason}: stays: {step.why}{by}")
    partition = "" if sent.partition is None else f"/{sent.partition}"
    head = f"{letter.place}  {letter.reason} -> {sent.topic}{partition}  {step.outcome}"
    why = f" ({step.why})" if step.why else f", attempt {step.attempt}"
    return "\n".join([sanitized_line(head + why), *(f"    {line}" for line in _changes(step, sent))])


def _changes(step: Step, sent: Outgoing) -> Iterator[str]:
    record = step.letter.record
    after = {name for name, _ in sent.headers}
    dropped = sorted({name for name, _ in record.headers} - after)
    added = [
        f"{name}={(value or b'').decode(errors='replace')}" for name, value in sent.headers if _is_replay_header(name)
    ]
    if dropped:
        yield "headers dropped: " + sanitized_line(", ".join(dropped))
    yield "headers added: " + sanitized_line(", ".join(added))
    if sent.key != record.key:
        yield f"key {_hash(record.key)} -> {_hash(sent.key)}"
    if sent.value != record.value:
        yield f"value {_hash(record.value)} -> {_hash(sent.value)} by {', '.join(step.fixes)}"
        yield from _diff(record.value, sent.value)


def _diff(before: bytes | None, after: bytes | None) -> Iterator[str]:
    lines = list(difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=1))[2:]
    for line in lines[:_DIFF_LINES]:
        yield sanitized(line) if len(line) <= _DIFF_CHARS else f"{sanitized(line[:_DIFF_CHARS])}…"
    if len(lines) > _DIFF_LINES:
        yield f"... {len(lines) - _DIFF_LINES} more lines"


def _lines(value: bytes | None) -> list[str]:
    try:
        return json.dumps(json.loads(value or b""), ensure_ascii=False, indent=2).splitlines()
    except (ValueError, RecursionError):
        return (value or b"").decode(errors="backslashreplace").splitlines()


def _is_replay_header(name: str) -> bool:
    return name.startswith(REPLAY_PREFIX)


def _hash(data: bytes | None) -> str:
    """Returns the first digits of the SHA-256, and the size."""
    digest = sha256_of_bytes(data)
    return "null" if digest is None else f"{digest[:_HASH_DIGITS]} ({len(data or b''):,} bytes)"
