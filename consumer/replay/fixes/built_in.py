"""The built-in fixes: named changes to a record before it is sent again.

    Draft (key, value, headers) ── fix ── fix ── ... ──> Draft, or `CannotFix`

A fix that finds nothing to change leaves the bytes alone. One that changes a field of a JSON value edits its text there
(`json_text`), and leaves every other byte. `user_files` adds a user's own fixes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from spanstream.consumer.broker.protocols import Headers
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.fixes.json_text import (
    JsonField,
    JsonObject,
    NotJson,
    check_json,
    quoted,
    read_object,
    with_value,
    without_fields,
)


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
    """Removes this field of the JSON object, however often it is there; dots lead into objects (`metadata.team`)."""
    *parents, name = _path(path)

    def change(text: str, top: JsonObject) -> str:
        holder = _holder(text, top, parents)
        return text if holder is None else without_fields(text, holder, name)

    return Fix(f"drop-field={path}", _on_object(change))


def set_field(argument: str) -> Fix:
    """Sets this field to a JSON value; `NAME=JSON`. Missing objects on the path are created."""
    path, _, wanted = argument.partition("=")
    try:
        check_json(wanted)
    except NotJson:
        hint = f"a text is written set-field={path}={json.dumps(wanted)}"
        raise Stop(f"--fix set-field={argument}: {wanted!r} is not JSON", hint=hint) from None
    names = _path(path)

    def change(text: str, top: JsonObject) -> str:
        holder = top
        for depth, name in enumerate(names[:-1], start=1):
            found = _only(holder, name)
            if found is None:
                return with_value(text, holder, name, _nested(names[depth:], wanted.strip()))
            inner = read_object(text, found.value_start)
            if inner is None:
                raise CannotFix(f"{path}: {name} is no object")
            holder = inner
        return _set(text, holder, names[-1], wanted.strip())

    return Fix(f"set-field={argument}", _on_object(change))


def rename_field(argument: str) -> Fix:
    """Renames a field and keeps its position; `OLD=NEW`, dots lead into objects on the left."""
    path, _, new = argument.partition("=")
    *parents, old = _path(path)
    if not new:
        raise Stop(f"--fix rename-field={argument}: should be rename-field=OLD=NEW")

    def change(text: str, top: JsonObject) -> str:
        holder = _holder(text, top, parents)
        found = None if holder is None else _only(holder, old)
        if holder is None or found is None or old == new:
            return text
        if holder.named(new):
            raise CannotFix(f"there is a field {new} already")
        return text[: found.start] + quoted(new) + text[found.name_end :]

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

    def change(text: str, top: JsonObject, key: bytes | None) -> str:
        is_inline = _value_of(text, top, "context") is not None
        named = (key or b"").decode(errors="replace") if is_inline else _string(_value_of(text, top, "document_id"))
        if not named:
            raise CannotFix("it names no document")
        document = current(named)
        if document is None:
            raise CannotFix("the documents topic does not hold its document")
        # The later one first, so that the places of the other hold.
        new = {"context": document.text} if is_inline else {}
        if _value_of(text, top, "document_sha256") is not None:
            new["document_sha256"] = document.sha256
        for name in sorted(new, key=lambda name: -top.named(name)[0].start):
            text = _set(text, top, name, quoted(new[name]))
        return text

    def apply(draft: RecordDraft) -> RecordDraft:
        return _on_object(lambda text, top: change(text, top, draft.key))(draft)

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


def _holder(text: str, top: JsonObject, parents: Sequence[str]) -> JsonObject | None:
    """Returns the object that these names lead to; None where there is none."""
    holder: JsonObject | None = top
    for parent in parents:
        found = None if holder is None else _only(holder, parent)
        holder = None if found is None else read_object(text, found.value_start)
    return holder


def _only(holder: JsonObject, name: str) -> JsonField | None:
    """Returns the field of this name; None where there is none.

    Raises:
        CannotFix: there are several, so it is not said which one is meant.
    """
    named = holder.named(name)
    if len(named) > 1:
        raise CannotFix(f"there are {len(named)} fields {name}")
    return named[0] if named else None


def _set(text: str, holder: JsonObject, name: str, value: str) -> str:
    """Sets a field; where it has this value already, its text stays as it is."""
    found = _only(holder, name)
    if found is not None and _parsed(text[found.value_start : found.end]) == _parsed(value):
        return text
    return with_value(text, holder, name, value)


def _nested(names: Sequence[str], value: str) -> str:
    """Returns the value in objects of these names."""
    return "".join(f"{{{quoted(name)}:" for name in names) + value + "}" * len(names)


def _parsed(text: str) -> object:
    """Parses JSON to compare it, numbers by their digits; returns the text of what is nested too deeply."""
    try:
        return json.loads(
            text,
            parse_int=lambda digits: ("number", digits),
            parse_float=lambda digits: ("number", digits),
            object_pairs_hook=lambda pairs: ("object", pairs),
        )
    except RecursionError:
        return ("text", text)


def _value_of(text: str, holder: JsonObject, name: str) -> str | None:
    """Returns the text of a field's value; None for null and where there is no such field."""
    found = _only(holder, name)
    value = None if found is None else text[found.value_start : found.end]
    return None if value == "null" else value


def _string(value: str | None) -> str | None:
    """Returns what a JSON string says, if it can be UTF-8; None for another value."""
    if value is None or not value.startswith('"'):
        return None
    said: str = json.loads(value)
    return said if _encoded(said) else None


def _on_object(change: Callable[[str, JsonObject], str]) -> Callable[[RecordDraft], RecordDraft]:
    """Turns a change of a JSON object's text into a change of the value's bytes."""

    def apply(draft: RecordDraft) -> RecordDraft:
        try:
            text = (draft.value or b"").decode()
            check_json(text)
        except (UnicodeDecodeError, NotJson):
            raise CannotFix("the value is not JSON") from None
        top = read_object(text)
        if top is None:
            raise CannotFix("the value is no JSON object")
        after = change(text, top)
        return draft if after == text else replace(draft, value=_encoded(after))

    return apply


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CannotFix("the value has half a character (a lone surrogate)") from None


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
