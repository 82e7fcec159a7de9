"""Opens the engine that the settings name: a folder is SQLite's, an address is a search server's; and the encoder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import PassageIndexes
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.consumer.settings import IndexSettings
from spanstream.models.defaults import DEFAULT_ENCODER
from spanstream.models.errors import ArtifactError


def open_passage_indexes(settings: IndexSettings) -> PassageIndexes:
    """Opens the engine.

    Raises:
        Stop: none is set, its extra is not installed, or it refuses; the text is one line that says what to do.
    """
    if settings.uri is None:
        raise Stop("no passage index is set", hint="set SPANSTREAM_INDEX__URI")
    scheme = urlsplit(settings.uri).scheme
    if scheme in {"http", "https"}:
        # Each engine is an extra: imported only where it is used.
        from spanstream.consumer.passages.opensearch.opensearch_indexes import OpenSearchPassageIndexes  # noqa: PLC0415

        return OpenSearchPassageIndexes.connect(settings)
    if "://" in settings.uri:
        raise Stop(f"no passage index can be at {scheme}://", hint="set a folder, http:// or https://")
    from spanstream.consumer.passages.sqlite.sqlite_indexes import SqlitePassageIndexes  # noqa: PLC0415

    return SqlitePassageIndexes(Path(settings.uri).expanduser() / settings.name, settings.timeout_seconds)


def open_encoder(settings: IndexSettings, threads: int | None = None) -> Embedder:
    """Opens the encoder of the settings. Raises `Stop` where it is damaged."""
    from spanstream.models.embedding.encoder import Encoder  # noqa: PLC0415  for those who use it

    try:
        return Encoder.load(settings.encoder_path or DEFAULT_ENCODER, threads)
    except ArtifactError as error:
        raise _no_encoder(settings, error) from error


def encoder_fingerprint(settings: IndexSettings) -> str:
    """Returns the fingerprint of the encoder of the settings, without opening it. Raises `Stop` as `open_encoder`."""
    from spanstream.models.embedding.encoder_artifact import load_encoder_artifact  # noqa: PLC0415  for those who use it

    try:
        return load_encoder_artifact(settings.encoder_path or DEFAULT_ENCODER).fingerprint
    except ArtifactError as error:
        raise _no_encoder(settings, error) from error


def _no_encoder(settings: IndexSettings, error: ArtifactError) -> Stop:
    return Stop(
        str(error), hint="set SPANSTREAM_INDEX__ENCODER_PATH to an encoder's folder" if settings.encoder_path else ""
    )
