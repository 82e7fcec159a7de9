"""Documents without a topic, for what looks them up."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.models.text.tokenization import sha256_of
from tests.support.memory.fake_time import FakeClock


@dataclass
class StubDocuments:
    """Documents by partition and id; an error in a text's place is raised. Looking one up takes its time."""

    clock: FakeClock
    texts: dict[tuple[int, str], str | Exception] = field(default_factory=dict)
    seconds: float = 0.0

    def look_up(self, number: int, document_id: str) -> StoredDocument | None:
        return self.find(number, document_id)

    def find(self, number: int, document_id: str) -> StoredDocument | None:
        self.clock.sleep(self.seconds)
        text = self.texts.get((number, document_id))
        if isinstance(text, Exception):
            raise text
        return None if text is None else StoredDocument(document_id, text, sha256_of(text), 0)
