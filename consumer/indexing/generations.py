"""Which generation of the index is kept current: found, made where there is none, and never mixed with another."""

from __future__ import annotations

from contextlib import suppress

import structlog

from spanstream.consumer.errors import SpanstreamError, Stop
from spanstream.consumer.passages.index import IndexDescription, PassageIndex, PassageIndexes

_log = structlog.get_logger(__name__)

REBUILD = "`spanstream index rebuild` makes a new one, and keeps what can be kept"
_APART = "give each stream a SPANSTREAM_INDEX__NAME of its own"


def next_name(names: list[str]) -> str:
    """Returns the name of the generation after these: they are numbered."""
    numbers = [int(name[1:]) for name in names if name[1:].isdigit()]
    return f"g{max(numbers, default=0) + 1:05}"


def check_encoder(index: PassageIndex, wanted: IndexDescription) -> None:
    """Checks that vectors of the encoder may be put into the index. Raises `Stop` where they may not."""
    found = index.description
    if (found.encoder, found.dimensions) != (wanted.encoder, wanted.dimensions):
        raise Stop(f"the passage index is another encoder's ({found.encoder}, not {wanted.encoder})", hint=REBUILD)


class CurrentGeneration:
    """The generation that is searched, open.

    Args:
        indexes: the generations.
    """

    def __init__(self, indexes: PassageIndexes) -> None:
        self._indexes = indexes
        self._name: str | None = None
        self._index: PassageIndex | None = None

    @property
    def index(self) -> PassageIndex | None:
        """The open generation; None before the first look."""
        return self._index

    @property
    def name(self) -> str | None:
        """Its name."""
        return self._name

    def look(self, wanted: IndexDescription, *, may_create: bool) -> bool:
        """Opens the generation that is searched now, if that is another than before; returns whether it is.

        Where there is none, or it is of a topic that is no more, a new one is made and switched to at once: it can be
        searched while it fills. That is the work of one member alone, the one that `may_create`; others see it later.

        Raises:
            Retryable: the engine does not answer.
            Stop: it is another encoder's, or another stream puts its own in the place of ours.
        """
        name = self._indexes.current()
        if name is not None and name == self._name and self._index is not None:
            if self._index.description.topic_id == wanted.topic_id:
                return False
            self.forget()
        index = None if name is None else self._indexes.open(name)
        if index is not None and index.description.topic_id != wanted.topic_id:
            if self._index is not None and self._index.description.topic_id == wanted.topic_id:
                index.close()
                raise Stop("another documents topic is indexed in the same place, by another stream", hint=_APART)
            _log.warning("index_of_another_topic", generation=name, topic_id=index.description.topic_id)
            index.close()
            index = None
        if index is None:
            if not may_create:
                return False
            name = next_name(self._indexes.names())
            index = self._indexes.create(name, wanted)
            self._indexes.switch(name)
            _log.info("index_created", generation=name, encoder=wanted.encoder, topic_id=wanted.topic_id)
        check_encoder(index, wanted)
        self.forget()
        self._name, self._index = name, index
        _log.info("index_opened", generation=name)
        return True

    def forget(self) -> None:
        """Lets go of the open generation: the next look opens it, or another one, anew."""
        if self._index is not None:
            with suppress(SpanstreamError):  # it may have been dropped
                self._index.close()
        self._name, self._index = None, None
