"""A collection of documents that change, come and go while questions about it are asked."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from spanstream.consumer.broker.protocols import Outgoing
from tests.support.kafka.stream import Stream, named
from tests.support.passages.collected import KB, collected
from tests.support.passages.quoted_versions import AskedScope

_SHIFTS = ("day", "night")
_BAD = b"{"


@dataclass
class ChangingCollection:
    """Publishes versions and questions, and remembers what was asked.

    Attributes:
        stream: the topics.
        count: documents.
        draw: decides everything.
        asked: what each question searches.
        bad: names of all records that are no event: each is to be a dead letter.
        versions: records of the documents topic so far.
        changed: documents that were changed last: every second question is about one of them.
    """

    stream: Stream
    count: int
    draw: random.Random
    asked: dict[str, AskedScope] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    versions: int = 0
    changed: list[int] = field(default_factory=list)

    def publish_all(self) -> None:
        """Publishes a first version of each document."""
        self._publish([self._version(f"depot-{number}") for number in range(self.count)])

    def change(self, count: int) -> None:
        """Publishes something else of some documents: a new text, a tombstone, another collection, no document."""
        self.changed = self.draw.sample(range(self.count), count)
        self._publish([self._change(f"depot-{number}") for number in self.changed])

    def ask(self, count: int) -> None:
        """Publishes questions; of twenty one is no event."""
        topic, records = self.stream.topics.questions, []
        ends = self.stream.ends(self.stream.topics.documents)
        for _ in range(count):
            name = f"q{len(self.asked) + len(self.bad)}"
            if self.draw.random() < 1 / 20:
                records.append(self._bad(topic, name, name))
                continue
            filtered = {"shift": self.draw.choice(_SHIFTS)} if self.draw.random() < 1 / 3 else {}
            self.asked[name] = AskedScope(KB[0], filtered, ends)
            event = {"question_id": name, "question": self._question(), "collection": KB[0], "max_answers": 3}
            records.append(named(name, topic, name, json.dumps(event | {"filter": filtered}).encode()))
        self.stream.publish(records)

    @property
    def outcomes(self) -> int:
        """How many outcomes are due in the end."""
        return len(self.asked) + len(self.bad)

    def _publish(self, records: list[Outgoing]) -> None:
        self.stream.publish(records)
        self.versions += len(records)

    def _change(self, document_id: str) -> Outgoing:
        kind = self.draw.random()
        if kind < 0.2:
            return collected(self.stream.topics.documents, document_id, None)
        if kind < 0.3:
            return self._version(document_id, "archive")
        if kind < 0.35:
            return self._bad(self.stream.topics.documents, document_id, f"bad-{document_id}-{len(self.bad)}")
        return self._version(document_id)

    def _version(self, document_id: str, *collections: str) -> Outgoing:
        number, code = document_id.partition("-")[2], self.draw.randrange(1000, 10000)
        text = (
            f"Depot {number} has a door of its own. The door code of depot {number} is E{code}. "
            f"Nobody but the porter of depot {number} knows it 🙂."
        )
        return collected(
            self.stream.topics.documents, document_id, text, collections or KB, shift=self.draw.choice(_SHIFTS)
        )

    def _bad(self, topic: str, key: str, name: str) -> Outgoing:
        self.bad.append(name)
        return named(name, topic, key, _BAD)

    def _question(self) -> str:
        numbers = self.changed if self.draw.random() < 1 / 2 else range(self.count)
        return f"What is the door code of depot {self.draw.choice(numbers)}?"
