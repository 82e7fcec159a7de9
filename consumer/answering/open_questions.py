"""Keeps questions open that were declined (`answer_again`), and says what came of those that were asked again.

| A question with `answer_again` | answered | declined | dead letter |
|---|---|---|---|
| first asked | answer, and a tombstone | answer, and an open record | dead letter |
| asked again | answer of an id of its own, and a tombstone | the open record alone | dead letter, and a tombstone |

So each record still leads to one outcome, and the topic of open questions says of each question whether it waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.passages.index import PassagePlace
from spanstream.schemas.dead_letters import own_headers
from spanstream.schemas.open_questions import AskedAgain, OpenQuestion

_MARK_BYTES: Final = 6


def marks_of(places: Iterable[PassagePlace]) -> frozenset[str]:
    """Returns a mark of each passage: another one for another version of its document."""
    return frozenset(_mark(place) for place in places)


def left_open(topic: str, record: Record, question_id: str, places: Sequence[PassagePlace], now_ms: int) -> Outgoing:
    """Makes the record of a question that was declined with these passages."""
    again = AskedAgain.from_headers(record.headers)
    seen = marks_of(places)
    if again is None:
        opened = OpenQuestion(now_ms, record.key, seen)
    else:
        opened = OpenQuestion(again.since_ms, record.key, seen | again.seen)
    return Outgoing(topic, question_id.encode(), record.value, opened.to_headers(own_headers(record.headers)))


def closed(topic: str, question_id: str) -> Outgoing:
    """Makes the tombstone of a question that is not open any more."""
    return Outgoing(topic, question_id.encode(), None)


def _mark(place: PassagePlace) -> str:
    said = f"{place.document_id}\0{place.document_sha256}\0{place.char_start}\0{place.char_end}"
    return hashlib.blake2b(said.encode(), digest_size=_MARK_BYTES).hexdigest()
