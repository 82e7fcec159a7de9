"""Reads and writes the headers of a question that stays open (`open.*`): it was declined, and may be answered later.

    declined question ── OpenQuestion.to_headers ──> open-questions topic ── from_headers ──> what is to be asked again
    the same, asked again ── AskedAgain.to_headers ──> questions topic ── from_headers ──> what becomes of it

In the topic of open questions the key is the question's id; its value and its other headers are as they came. All
values are UTF-8 text: numbers in decimal, marks apart by blanks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

OPEN_PREFIX: Final = "open."
OPEN_ID: Final = "open.id"
OPEN_SINCE: Final = "open.since"
OPEN_KEY: Final = "open.key"
OPEN_SEEN: Final = "open.seen"
OPEN_ASKED: Final = "open.asked"

Headers = tuple[tuple[str, bytes | None], ...]

_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What is known of a question that is open.

    Attributes:
        since_ms: when it was first declined, milliseconds since the epoch.
        key: of its record in the questions topic.
        seen: marks of the passages that it was declined with, or that made it be asked again.
        is_asked: it is asked again just now: what became of that is not known yet.
    """

    since_ms: int
    key: bytes | None
    seen: frozenset[str]
    is_asked: bool = False

    def to_headers(self, own: Iterable[tuple[str, bytes | None]]) -> Headers:
        """Returns the question's own headers, then these."""
        headers = (*without_open(own), (OPEN_SINCE, str(self.since_ms).encode()), (OPEN_KEY, self.key))
        headers = (*headers, (OPEN_SEEN, _joined(self.seen)))
        return (*headers, (OPEN_ASKED, b"1")) if self.is_asked else headers

    @staticmethod
    def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> OpenQuestion | None:
        """Reads them; None where they are not there, or are not ours."""
        found = dict(headers)
        since_ms = _number(found.get(OPEN_SINCE))
        if since_ms is None:
            return None
        return OpenQuestion(since_ms, found.get(OPEN_KEY), _marks(found.get(OPEN_SEEN)), OPEN_ASKED in found)


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """What a question that is asked again says of itself.

    Attributes:
        question_id: the key under which it is open.
        since_ms: when it was first declined.
        seen: marks of the passages that it was declined with before, and of those that it is asked for now.
    """

    question_id: str
    since_ms: int
    seen: frozenset[str] = frozenset()

    def to_headers(self, own: Iterable[tuple[str, bytes | None]]) -> Headers:
        """Returns the question's own headers, then these."""
        ours = ((OPEN_ID, self.question_id.encode()), (OPEN_SINCE, str(self.since_ms).encode()))
        return (*without_open(own), *ours, (OPEN_SEEN, _joined(self.seen)))

    @staticmethod
    def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> AskedAgain | None:
        """Reads them; None where the question is not asked again."""
        ours = {name: value for name, value in headers if name.startswith(OPEN_PREFIX)}
        since_ms, name = _number(ours.get(OPEN_SINCE)), ours.get(OPEN_ID)
        if since_ms is None or not name:
            return None
        return AskedAgain(name.decode(errors="replace"), since_ms, _marks(ours.get(OPEN_SEEN)))


def without_open(headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Returns the headers that a question came with."""
    return tuple((name, value) for name, value in headers if not name.startswith(OPEN_PREFIX))


def _joined(marks: frozenset[str]) -> bytes:
    return " ".join(sorted(marks)).encode()


def _marks(value: bytes | None) -> frozenset[str]:
    return frozenset((value or b"").decode(errors="replace").split())


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) <= _DIGITS else None
