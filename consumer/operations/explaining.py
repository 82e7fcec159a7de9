"""What the stream holds of an answer that is explained: its document's tokens in Redis, and what was published."""

from __future__ import annotations

from spanstream.consumer.cache.opening import open_cache, open_store
from spanstream.consumer.settings import Settings
from spanstream.models.explaining.explanation import Explanation
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.events import Answer


def kept_tokens(settings: Settings, reader: Reader, text: str) -> TokenizedDocument | None:
    """Returns the tokens of a document's text that the consumers would use; None where no Redis is configured."""
    store = open_store(settings.redis)
    if store is None:
        return None
    try:
        sha256 = sha256_of(text)
        return open_cache(settings, reader, store).get_many({sha256: text})[sha256]
    finally:
        store.close()


def compared_with(answer: Answer, explanation: Explanation, text: str) -> str:
    """Says in one line what was published, and why it may differ from what is explained."""
    quoted = f" “{answer.candidate.text}”" if answer.candidate is not None else ""
    said = f"published: {answer.status}{quoted} with confidence {answer.confidence:.2f}"
    by = f"by {answer.model.name} {answer.model.version} on {answer.answered_at:%Y-%m-%d %H:%M} UTC"
    differences = []
    if answer.document_sha256 != sha256_of(text):
        differences.append("the document has changed since")
    if f"{answer.model.name} {answer.model.version}" != explanation.model:
        differences.append("by another model")
    if answer.collection is not None:
        said_alone = "the confidence and thresholds above are those of this document alone"
        differences.append(f"asked of the collection {answer.collection}: {said_alone}")
    return f"{said} {by}" + "".join(f"; {difference}" for difference in differences)
