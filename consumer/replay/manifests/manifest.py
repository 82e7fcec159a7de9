"""Writes and reads a run's manifest: JSON lines, written before and after each transaction, complete even after a kill.

{"kind": "run", ...}                       first: selection, fixes, header policy, versions, where topics ended
{"kind": "record", "batch": 1, ...}        before a batch is sent: origin, destination, hashes, outcome
{"kind": "batch", "batch": 1, "state": ..} after it: committed or aborted; where it is missing, the topics decide
{"kind": "end", ...}                       last: how the run ended, and the totals
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.letters.letter import sha256_of_bytes
from spanstream.consumer.replay.planning.planner import Step

VERSION = 1


class BatchState(StrEnum):
    """Whether a batch was committed."""

    COMMITTED = "committed"
    ABORTED = "aborted"


class ManifestWriter:
    """Writes one manifest; a context manager.

    Raises:
        Stop: the file exists already, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._batch = 0
        try:
            self._file = path.open("x", encoding="utf-8")
        except FileExistsError:
            raise Stop(f"{path} is there already: a manifest is not written over") from None
        except OSError as error:
            raise Stop(f"{path}: cannot be written: {error.strerror}", hint="name another file (--manifest)") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Writes the first line."""
        self._write([{"kind": "run", "version": VERSION, **facts}])

    def begin_batch(self, steps: Iterable[Step]) -> None:
        """Writes down what is about to be sent in one transaction."""
        self._batch += 1
        self._write([{**record_line(step), "batch": self._batch} for step in steps])

    def end_batch(self, state: BatchState) -> None:
        """Writes down whether the latest batch was committed."""
        self._write([{"kind": "batch", "batch": self._batch, "state": state}])

    def refuse(self, step: Step) -> None:
        """Writes down a dead letter that is not sent."""
        self._write([record_line(step)])

    def end(self, facts: Mapping[str, Any]) -> None:
        """Writes the last line."""
        self._write([{"kind": "end", **facts}])

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        try:
            self._file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise Stop(f"{self.path}: cannot be written: {error.strerror}") from error


def record_line(step: Step) -> dict[str, Any]:
    """Returns a record's line in a manifest or a dry run: positions, hashes, outcome; no bytes of the record."""
    letter, sent = step.letter, step.outgoing
    line: dict[str, Any] = {
        "kind": "record",
        "source": letter.place,
        "origin": letter.origin,
        "reason": letter.reason,
        "outcome": step.outcome,
        "attempt": step.attempt,
        "before": _hashes(letter.record.key, letter.record.value),
    }
    if sent is not None:
        line["destination"] = {"topic": sent.topic, "partition": sent.partition}
        line["after"] = _hashes(sent.key, sent.value)
        line["headers"] = {"before": _names(letter.record.headers), "after": _names(sent.headers)}
    if step.fixes:
        line["fixes"] = list(step.fixes)
    if step.why:
        line["why"] = step.why
    if step.superseded is not None:
        line["superseded_by"] = step.superseded.by
    return line


@dataclass(frozen=True, slots=True)
class RunManifest:
    """A manifest that was read; `batches` has the state of each batch that was ended."""

    run: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]
    batches: Mapping[int, BatchState]
    end: Mapping[str, Any] | None

    def state_of(self, record: Mapping[str, Any]) -> BatchState | None:
        """Returns the state of a record's batch; None where the run was killed before it wrote it down."""
        return self.batches.get(record.get("batch", 0))


def read_manifest(path: Path) -> RunManifest:
    """Reads a manifest; a last line that a kill cut off is left out.

    Raises:
        Stop: the file cannot be read, or is not a manifest.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
    lines = text.split("\n")
    by_kind: dict[str, list[dict[str, Any]]] = {"run": [], "record": [], "batch": [], "end": []}
    for number, line in enumerate(lines, start=1):
        if not line or number == len(lines):
            continue  # after the last line break there is nothing, or a line that a kill cut off
        try:
            entry = json.loads(line)
            by_kind[entry["kind"]].append(entry)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Stop(f"{path}:{number}: no line of a manifest") from error
    if len(by_kind["run"]) != 1 or by_kind["run"][0].get("version") != VERSION:
        raise Stop(f"{path}: no manifest of version {VERSION}: it does not begin with its run")
    batches = {int(entry["batch"]): BatchState(entry["state"]) for entry in by_kind["batch"]}
    return RunManifest(by_kind["run"][0], tuple(by_kind["record"]), batches, next(iter(by_kind["end"]), None))


def _hashes(key: bytes | None, value: bytes | None) -> dict[str, Any]:
    return {
        "key_sha256": sha256_of_bytes(key),
        "value_sha256": sha256_of_bytes(value),
        "value_bytes": None if value is None else len(value),
    }


def _names(headers: Iterable[tuple[str, bytes | None]]) -> list[str]:
    return [name for name, _ in headers]
