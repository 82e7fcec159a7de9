"""Opens the engine that the settings name."""

from __future__ import annotations

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import PassageIndexes
from spanstream.consumer.settings import IndexSettings


def open_passage_indexes(settings: IndexSettings) -> PassageIndexes:
    """Opens the engine.

    Raises:
        Stop: none is set, its extra is not installed, or it refuses; the text is one line that says what to do.
    """
    if settings.uri is None:
        raise Stop("no passage index is set", hint="set SPANSTREAM_INDEX__URI")
    raise Stop(f"no engine for {settings.uri!r}")
