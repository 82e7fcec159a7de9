"""Knows whose texts are to be erased, and tells which records hold something of them.

A record is judged by its key and, in JSON of any shape, by the fields `document_id`, `ticket_id`, `triage.ticket_id`,
and, where no document is named, by the hash of the text it brings along. A value that is no JSON (bad records) is
searched for the ids as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from pydantic_core import from_json

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.triage.questions import TICKET_KEY
from spanstream.consumer.triage.state.ticket_state import ticket_key_of
from spanstream.schemas.feedback import ticket_of

_TEXT_FIELDS = ("context", "text")
_HASH_FIELDS = ("document_sha256", "sha256")
_STATE_PREFIX = ticket_key_of(b"")


class KeyKind(StrEnum):
    """What the keys of a topic's records are."""

    DOCUMENT = "document"
    TICKET = "ticket"
    STATE = "state"
    LABEL = "label"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class KnownIds:
    """A set of ids, or of their salted hashes."""

    values: frozenset[str]
    salt: str | None = None

    def __contains__(self, name: str) -> bool:
        return bool(self.values) and (name if self.salt is None else hashed(name, self.salt)) in self.values

    def occur_in(self, raw: bytes) -> bool:
        """Whether one of the ids stands in these bytes; ids that are hashed cannot be found so."""
        return self.salt is None and any(name.encode() in raw for name in self.values)

    def hashed_with(self, salt: str) -> KnownIds:
        """Returns the same ids as hashes."""
        return KnownIds(frozenset(hashed(name, salt) for name in self.values), salt)


def hashed(name: str, salt: str) -> str:
    """Returns an id's salted SHA-256, in hexadecimal digits."""
    return sha256(f"{salt}\n{name}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is erased: documents and tickets by id, and the texts of the documents by their SHA-256."""

    documents: KnownIds
    tickets: KnownIds
    texts: frozenset[str]

    def hashed_with(self, salt: str) -> Subjects:
        """Returns the same with the ids as hashes."""
        return Subjects(self.documents.hashed_with(salt), self.tickets.hashed_with(salt), self.texts)

    def own_key(self, key: bytes | None, kind: KeyKind) -> bool:
        """Whether a record's key is that of a subject."""
        if key is None:
            return False
        if kind is KeyKind.STATE:
            return key.startswith(_STATE_PREFIX) and _text(key[len(_STATE_PREFIX) :]) in self.tickets
        if kind is KeyKind.LABEL:
            ticket_id = ticket_of(_text(key))
            return ticket_id is not None and ticket_id in self.tickets
        is_document = kind is not KeyKind.TICKET and _text(key) in self.documents
        return is_document or (kind is not KeyKind.DOCUMENT and _text(key) in self.tickets)

    def concern(self, record: Record, kind: KeyKind) -> bool:
        """Whether a record holds something of a subject; a tombstone does not."""
        if record.value is None:
            return False
        if self.own_key(record.key, kind):
            return True
        try:
            return self._are_named_in(from_json(record.value))
        except ValueError:
            return self.documents.occur_in(record.value) or self.tickets.occur_in(record.value)

    def _are_named_in(self, value: object) -> bool:
        if isinstance(value, dict):
            return self._are_named_by(value) or any(self._are_named_in(inner) for inner in value.values())
        return isinstance(value, list) and any(self._are_named_in(inner) for inner in value)

    def _are_named_by(self, event: Mapping[str, Any]) -> bool:
        if any(_is_in(event.get(name), self.tickets) for name in ("ticket_id", TICKET_KEY)):
            return True
        document_id = event.get("document_id")
        if document_id is not None:
            return _is_in(document_id, self.documents)
        texts = (event.get(name) for name in _TEXT_FIELDS)
        hashes = [event.get(name) for name in _HASH_FIELDS]
        hashes += [_hash_of(text) for text in texts if self.texts and isinstance(text, str)]
        return any(isinstance(found, str) and found in self.texts for found in hashes)


def json_event(value: bytes | None) -> Mapping[str, Any]:
    """Returns the JSON object in a record's value; an empty one where there is none."""
    try:
        event = from_json(value or b"")
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def texts_of(event: Mapping[str, Any], fields: Iterable[str] = ("text",)) -> set[str]:
    """Returns the SHA-256 of the texts in these fields of an event."""
    return {_hash_of(text) for text in (event.get(field) for field in fields) if isinstance(text, str)}


def _hash_of(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


def _is_in(name: object, ids: KnownIds) -> bool:
    return isinstance(name, str) and name in ids


def _text(key: bytes) -> str:
    return key.decode(errors="replace")
