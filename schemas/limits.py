"""Limits how large a record and its parts may be; each limit is a setting of the consumer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

MAX_ID_CHARS: Final = 1_024
"""No setting allows a longer id than this: they are Kafka keys and stand in log lines."""

MAX_METADATA_ENTRIES: Final = 1_024
"""No setting allows more metadata entries than this."""

MAX_REQUEST_QUESTIONS: Final = 1_024
"""No request asks more questions than this about its text."""


MAX_ANSWERS: Final = 20
"""No question has more answers than this, the candidate among them."""

MAX_COLLECTIONS: Final = 20
"""No document is in more collections than this."""

MAX_RETRIEVED: Final = 50
"""No answer names more retrieved passages than this."""

MAX_FURTHER_PLACES: Final = 100
"""No answer names more further places than this."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder accepts. "Characters" are Unicode code points, as everywhere.

    Raises:
        ValueError: a limit is below 1, or above what version 1 of the events allows.
    """

    record_bytes: int = 4 * 1024 * 1024
    """Bytes of a record's key, value and headers together; a larger one is refused without being parsed."""
    document_chars: int = 1_000_000
    """Characters of a document's `text`, and of a question's inline `context`."""
    question_chars: int = 2_000
    """Characters of a `question`."""
    title_chars: int = 1_000
    """Characters of a document's `title`."""
    id_chars: int = 256
    """Characters of a `document_id` or a `question_id`; at most 1,024."""
    metadata_entries: int = 64
    """Entries of `metadata`; at most 1,024."""
    metadata_chars: int = 16_384
    """Characters of all keys and values of `metadata` together."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} must be at least 1")
        if self.id_chars > MAX_ID_CHARS:
            raise ValueError(f"id_chars must be at most {MAX_ID_CHARS}")
        if self.metadata_entries > MAX_METADATA_ENTRIES:
            raise ValueError(f"metadata_entries must be at most {MAX_METADATA_ENTRIES}")
