"""The built-in fixes: named changes to a record before it is sent again.

    Draft (key, value, headers) ── fix ── fix ── ... ──> Draft, or `CannotFix`

A fix that finds nothing to change leaves the bytes alone. One that changes a JSON value writes it anew: compact, UTF-8,
fields in their order. `user_files` adds a user's own fixes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from spanstream.consumer.broker.protocols import Headers
from spanstream.consumer.errors import Stop

JsonObject = dict[str, Any]
_MISSING: Final = object()


class CannotFix(Exception):
    """A fix cannot change this record; the message is one line, without the record's text."""


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """A record about to be sent; a fix returns a changed copy (`dataclasses.replace`)."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document's current text, and its SHA-256 in hexadecimal."""

    text: str
    sha256: str


CurrentText = Callable[[str], DocumentText | None]
"""Returns the current document of an id; None where the documents topic has none."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A named change to records.

    Attributes:
        name: as written on the command line, with its argument.
        apply: returns the changed record; raises `CannotFix`.
    """

    name: str
    apply: Callable[[RecordDraft], RecordDraft]


def drop_field(path: str) -> Fix:
    """Removes this field of the JSON object; dots lead into objects (`metadata.team`)."""
    *parents, name = _path(path)

    def change(value: JsonObject) -> None:
        holder = _holder(value, parents)
        if holder is not None:
            holder.pop(name, None)

    return Fix(f"drop-field={path}", _on_object(change))


def set_field(argument: str) -> Fix:
    """Sets this field to a JSON value; `NAME=JSON`. Missing objects on the path are created."""
    path, _, text = argument.partition("=")
    try:
        wanted = json.loads(text)
    except ValueError:
        hint = f"a text is written set-field={path}={json.dumps(text)}"
        raise Stop(f"--fix set-field={argument}: {text!r} is not JSON", hint=hint) from None
    *parents, name = _path(path)

    def change(value: JsonObject) -> None:
        holder = value
        for parent in parents:
            holder = holder.setdefault(parent, {})
            if not isinstance(holder, dict):
                raise CannotFix(f"{path}: {parent} is no object")
        holder[name] = wanted

    return Fix(f"set-field={argument}", _on_object(change))


def rename_field(argument: str) -> Fix:
    """Renames a field and keeps its position; `OLD=NEW`, dots lead into objects on the left."""
    path, _, new = argument.partition("=")
    *parents, old = _path(path)
    if not new:
        raise Stop(f"--fix rename-field={argument}: should be rename-field=OLD=NEW")

    def change(value: JsonObject) -> None:
        holder = _holder(value, parents)
        if holder is None or old not in holder or old == new:
            return
        if new in holder:
            raise CannotFix(f"there is a field {new} already")
        items = [(new if name == old else name, inner) for name, inner in holder.items()]
        holder.clear()
        holder.update(items)

    return Fix(f"rename-field={argument}", _on_object(change))


def re_encode(charset: str) -> Fix:
    """Converts the value from this character set to UTF-8; one that is UTF-8 already stays as it is."""
    try:
        "".encode(charset)
    except LookupError:
        raise Stop(f"--fix re-encode={charset}: there is no such character set") from None

    def apply(draft: RecordDraft) -> RecordDraft:
        if draft.value is None or _is_utf8(draft.value):
            return draft
        try:
            return replace(draft, value=draft.value.decode(charset).encode())
        except UnicodeError:
            raise CannotFix(f"the value is not {charset}") from None

    return Fix(f"re-encode={charset}", apply)


def current_document(current: CurrentText) -> Fix:
    """Updates a question to the current document.

    A question that names its document gets the SHA-256 of the current version. One with an inline context gets the
    current text of the document that the record's key names.
    """

    def change(value: JsonObject, key: bytes | None) -> None:
        inline = value.get("context") is not None
        named = (key or b"").decode(errors="replace") if inline else value.get("document_id")
        if not isinstance(named, str) or not named:
            raise CannotFix("it names no document")
        document = current(named)
        if document is None:
            raise CannotFix("the documents topic does not hold its document")
        if inline:
            value["context"] = document.text
        if value.get("document_sha256") is not None:
            value["document_sha256"] = document.sha256

    def apply(draft: RecordDraft) -> RecordDraft:
        return _on_object(lambda value: change(value, draft.key))(draft)

    return Fix("current-document", apply)


BUILT_IN: Final[dict[str, Callable[[str], Fix]]] = {
    "drop-field": drop_field,
    "set-field": set_field,
    "rename-field": rename_field,
    "re-encode": re_encode,
}
"""The fixes that take an argument, by name; `current-document` takes none and needs the documents."""


def _path(path: str) -> list[str]:
    names = path.split(".")
    if not all(names):
        raise Stop(f"--fix: {path!r} names no field", hint="fields are named like metadata.team")
    return names


def _holder(value: JsonObject, parents: list[str]) -> JsonObject | None:
    holder: Any = value
    for parent in parents:
        holder = holder.get(parent, _MISSING)
        if not isinstance(holder, dict):
            return None
    return holder  # type: ignore[no-any-return]  # the loop has checked it


def _on_object(change: Callable[[JsonObject], None]) -> Callable[[RecordDraft], RecordDraft]:
    """Turns a change of a JSON object into a change of the value's bytes."""

    def apply(draft: RecordDraft) -> RecordDraft:
        try:
            value = json.loads(draft.value or b"")
        except (ValueError, RecursionError):
            raise CannotFix("the value is not JSON") from None
        if not isinstance(value, dict):
            raise CannotFix("the value is no JSON object")
        before = _encoded(value)
        change(value)
        after = _encoded(value)
        return draft if after == before else replace(draft, value=after)

    return apply


def _encoded(value: JsonObject) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise CannotFix("the value has half a character (a lone surrogate)") from None


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
