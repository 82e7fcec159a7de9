"""Makes the vectors of open questions; one that the encoder fails on is near to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import structlog

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.indexing.failed_stretch import FailedStretch
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.passages.embedding import embed_each
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.models.arrays import Float32Array

_log = structlog.get_logger(__name__)


class QuestionVectors:
    """Embeds open questions.

    Args:
        encoder: makes the vectors.
    """

    def __init__(self, encoder: Embedder) -> None:
        self._encoder = encoder
        self._stretch = FailedStretch("open questions")
        self._near_nothing: Float32Array = np.zeros(encoder.dimensions, dtype=np.float32)

    def embed(self, questions: Sequence[tuple[Record, str]]) -> Mapping[str, Float32Array]:
        """Returns the vectors of questions, by their text.

        A question that the encoder fails on stays open up to its time, and no document is near to it.

        Raises:
            Stop: it fails on one after the other.
        """
        if not questions:
            return {}
        embedded = embed_each(self._encoder.embed, list(dict.fromkeys(text for _, text in questions)))
        for record, text in questions:
            error = embedded.errors.get(text)
            if error is None:
                self._stretch.went_well()
                continue
            place = {"partition": str(record.partition), "offset": record.offset}
            _log.error("open_question_not_embedded", **place, **exception_facts(error))
            self._stretch.failed((record.partition, record.offset), error)
        return embedded.vectors | dict.fromkeys(embedded.errors, self._near_nothing)
