"""Writes and reads the manifest of an erasure: JSON lines with ids or their hashes, hashes of texts, and no text.

{"kind": "erasure", ...}                         first: when, how many were asked for, the salt where ids are hashed
{"kind": "document", "id": ...}                  each document, ticket and text; written before anything is deleted
{"kind": "left", "where": ..., "until": ...}     what stood in a topic, and until when at the latest; null: no bound
{"kind": "end", ...}                             last: what was published and deleted; not there after a kill
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.erasure.subjects import KnownIds, Subjects

VERSION = 1
_DOCUMENT, _TICKET, _TEXT = "document", "ticket", "text"


def write_manifest(path: Path, facts: Mapping[str, Any], subjects: Subjects, left: Iterable[Mapping[str, Any]]) -> None:
    """Writes a new manifest, but for its end.

    Raises:
        Stop: the file exists already, or cannot be written.
    """
    lines: list[Mapping[str, Any]] = [
        {"kind": "erasure", "version": VERSION, "salt": subjects.documents.salt, **facts},
        *({"kind": _DOCUMENT, "id": name} for name in sorted(subjects.documents.values)),
        *({"kind": _TICKET, "id": name} for name in sorted(subjects.tickets.values)),
        *({"kind": _TEXT, "sha256": name} for name in sorted(subjects.texts)),
        *({"kind": "left", **line} for line in left),
    ]
    _write(path, lines, "x")


def end_manifest(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes the last line.

    Raises:
        Stop: the file cannot be written.
    """
    _write(path, [{"kind": "end", **facts}], "a")


def read_subjects(path: Path) -> Subjects:
    """Reads whose texts a manifest says were erased.

    Raises:
        Stop: the file cannot be read, or is not a manifest of an erasure.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found: dict[str, set[str]] = {_DOCUMENT: set(), _TICKET: set(), _TEXT: set()}
        for line in lines:
            if line["kind"] in found:
                found[line["kind"]].add(str(line["sha256"] if line["kind"] == _TEXT else line["id"]))
        first = lines[0]
    except OSError as error:
        raise Stop(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Stop(f"{path}: no manifest of an erasure") from error
    if first["kind"] != "erasure" or first.get("version") != VERSION:
        raise Stop(f"{path}: no manifest of an erasure of version {VERSION}")
    salt = first.get("salt")
    ids = (KnownIds(frozenset(found[_DOCUMENT]), salt), KnownIds(frozenset(found[_TICKET]), salt))
    return Subjects(*ids, frozenset(found[_TEXT]))


def _write(path: Path, lines: Iterable[Mapping[str, Any]], mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    except FileExistsError:
        raise Stop(f"{path} is there already: a manifest is not written over") from None
    except OSError as error:
        raise Stop(f"{path}: cannot be written: {error.strerror}", hint="name another file (--manifest)") from error
