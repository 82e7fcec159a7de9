"""Finds the model that the settings name: a folder of this machine, or one that is fetched into the cache first."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import structlog

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.archive import fetch_archive
from spanstream.consumer.model_source.download import OnBlock, RemoteFiles
from spanstream.consumer.model_source.folder import fetch_folder
from spanstream.consumer.settings import ModelSettings
from spanstream.models.artifact import MANIFEST, Artifact

_log = structlog.get_logger(__name__)

_BEARER: Final = "Authorization"


def fetch_model(
    source: str,
    output: Path,
    settings: ModelSettings,
    sha256: str | None = None,
    on_block: OnBlock = lambda _, __: None,
) -> Artifact:
    """Fetches an artifact into `output`.

    Args:
        source: s3://bucket/prefix, hf://organisation/name[@revision], or a web server's folder (with a slash at its
            end) or .tar.gz.
        output: folder to make; an artifact that is there is replaced.
        settings: have the token, if one is needed.
        sha256: of the .tar.gz, or of a folder's manifest.
        on_block: called with the bytes of a file so far and in all.

    Raises:
        Stop: it cannot be fetched, or is not what its SHA-256 says.
        ArtifactError: it is no whole artifact, or `output` cannot be replaced.
    """
    if not source.startswith(("s3://", "hf://")) and not source.endswith("/"):
        if sha256 is None:
            raise Stop(
                "a packed model is fetched by its SHA-256 only",
                hint="give it (sha256sum prints it), or end the URL of a folder with a slash",
            )
        return fetch_archive(_web_files(source, settings), sha256, output, on_block)
    return fetch_folder(_files(source, settings), sha256, output, on_block)


def folder_of(settings: ModelSettings) -> Path:
    """Returns the model's folder, or where in the cache it is once it has been fetched."""
    if isinstance(settings.path, Path):
        return settings.path
    cache = settings.cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanstream" / "models"
    return cache / hashlib.sha256(f"{settings.path} {settings.sha256}".encode()).hexdigest()[:16]


def model_folder(settings: ModelSettings) -> Path:
    """Returns the model's folder; one that is elsewhere is fetched, or looked at whether it has changed.

    A model in the cache is used where that place is out of reach, and without a look where it is pinned.

    Raises:
        Stop: it cannot be fetched, and is not in the cache.
        ArtifactError: what was fetched is no whole artifact.
    """
    folder = folder_of(settings)
    is_there = (folder / MANIFEST).exists()
    if isinstance(settings.path, Path) or (is_there and settings.sha256):
        return folder
    try:
        return fetch_model(settings.path, folder, settings, settings.sha256).folder
    except Stop as error:
        if not is_there:
            raise
        _log.warning("model_of_the_cache", detail=str(error))
        return folder


def _files(source: str, settings: ModelSettings) -> RemoteFiles:
    from spanstream.consumer.model_source.stored_files import bucket_files, hub_files  # noqa: PLC0415  for those who use it

    scheme, _, place = source.partition("://")
    if scheme == "s3":
        return bucket_files(place)
    if scheme == "hf":
        return hub_files(place, settings.token.get_secret_value() if settings.token else None)
    return _web_files(source, settings)


def _web_files(base: str, settings: ModelSettings) -> RemoteFiles:
    from spanstream.consumer.model_source.web_files import WebFiles  # noqa: PLC0415  the others speak no HTTP

    if settings.token is None:
        return WebFiles(base, {})
    token, header = settings.token.get_secret_value(), settings.token_header
    return WebFiles(base, {header: f"Bearer {token}" if header == _BEARER else token})
