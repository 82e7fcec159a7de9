"""A stream in memory whose documents are in collections, with an index that follows the topic when a test says so."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.passages.index import PassageIndex
from spanstream.consumer.passages.memory_index import MemoryPassageIndexes
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import IndexSettings
from tests.support.memory.memory_stream import NAME, TOPICS, MemoryStream, StreamMember
from tests.support.passages.indexing import description_of, index_all
from tests.support.passages.word_encoder import WordEncoder

IN_MEMORY = IndexSettings(uri="memory")


@dataclass
class CollectionStream(MemoryStream):
    """The consumer's group with a passage index in memory."""

    indexes: MemoryPassageIndexes = field(default_factory=MemoryPassageIndexes)
    encoder: WordEncoder = field(default_factory=WordEncoder)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.index: PassageIndex = self.indexes.create("g1", description_of(self.encoder, self.partitions))
        self.indexes.switch("g1")

    def start(self, **options: Any) -> StreamMember:
        index = options.setdefault("index", IN_MEMORY)
        options.setdefault("retriever", self.retriever(index))
        return super().start(**options)

    def retriever(self, settings: IndexSettings = IN_MEMORY) -> Retriever:
        return Retriever(self.indexes, self.encoder, settings, self.clock)

    def put(self, document_id: str, text: str, *collections: str, **metadata: str) -> None:
        """Publishes a document; in the collection `kb` unless others are named."""
        event = {"document_id": document_id, "text": text, "metadata": metadata, "collections": collections or ["kb"]}
        self.send(Outgoing(TOPICS.documents, document_id.encode(), json.dumps(event).encode()))

    def ask(self, name: str, question: str = "where from ?", collection: str = "kb", **fields: Any) -> None:
        event = {"question_id": name, "question": question, "collection": collection, **fields}
        headers = ((NAME, name.encode()),)
        self.send(Outgoing(TOPICS.questions, name.encode(), json.dumps(event).encode(), headers))

    def index_now(self) -> None:
        """Brings the index up to the topic's end."""
        index_all(self.broker.records(TOPICS.documents), self.index, self.encoder)
