"""Documents of a collection as records."""

from __future__ import annotations

from collections.abc import Sequence

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Document

KB = ("kb",)


def collected(
    topic: str, document_id: str, text: str | None, collections: Sequence[str] = KB, **metadata: str
) -> Outgoing:
    """Returns a document's record; without a text, its tombstone."""
    if text is None:
        return Outgoing(topic, document_id.encode(), None)
    document = Document(document_id=document_id, text=text, collections=list(collections), metadata=metadata)
    return Outgoing(topic, document_id.encode(), encode(document))
