"""Fetches the files of an artifact, as its manifest names them.

    manifest.json ──> each file that is not here yet, resumed ──> SHA-256 ──> all are whole: they take the place at once

What has come of the files stays beside the output, in a folder of its own, until all are there.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.download import OnBlock, RemoteFiles, fetch_file
from spanstream.models.artifact import MANIFEST, Artifact, Manifest, first_problem, load_artifact, sha256_of_file
from spanstream.models.errors import ArtifactError
from spanstream.models.staging import staged_folder


def fetch_folder(files: RemoteFiles, sha256: str | None, output: Path, on_block: OnBlock) -> Artifact:
    """Fetches an artifact into `output`; one that is there and the same is left alone.

    Args:
        files: where its manifest and the files beside it are.
        sha256: of the manifest; None: the place is trusted.
        output: folder to make; an artifact that is there is replaced.
        on_block: called with the bytes of a file so far and in all.

    Raises:
        Stop: it cannot be fetched, or a file is not what the manifest says.
        ArtifactError: what was fetched is no whole artifact, or `output` cannot be replaced.
    """
    parts = output.parent / f".{output.name}.part"
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with _alone(parts):
            parts.mkdir(exist_ok=True)
            manifest = _fetch_manifest(files, sha256, parts)
            present = _loaded(output)
            if present is not None and present.manifest == manifest:
                shutil.rmtree(parts)
                return present
            for name, expected in manifest.files.items():
                if present is not None and present.manifest.files.get(name) == expected:
                    shutil.copy(output / name, parts / name)
                _fetch_whole(files, parts / name, expected, on_block)
            with staged_folder(output) as staged:
                for name in (MANIFEST, *manifest.files):
                    shutil.move(parts / name, staged / name)
                load_artifact(staged)
            shutil.rmtree(parts)
    except OSError as error:
        raise Stop(f"{output}: cannot be written: {error.strerror or error}") from error
    return load_artifact(output)


def _fetch_manifest(files: RemoteFiles, sha256: str | None, parts: Path) -> Manifest:
    """Fetches it anew each time: it is small, and says whether anything has changed."""
    file = parts / MANIFEST
    file.unlink(missing_ok=True)
    fetch_file(files, MANIFEST, file, lambda _, __: None)
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise Stop(f"the model's {MANIFEST} has SHA-256 {found}, not {sha256.lower()}; nothing was fetched")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise Stop(f"the model's {MANIFEST} is none: {first_problem(error)}") from error


def _fetch_whole(files: RemoteFiles, file: Path, expected: str, on_block: OnBlock) -> None:
    """Fetches a file that has this SHA-256, unless it is here; a part of another version is thrown away once."""
    for _ in range(2):
        if file.exists() and sha256_of_file(file) == expected:
            return
        is_new = not file.exists()
        fetch_file(files, file.name, file, on_block)
        if sha256_of_file(file) == expected:
            return
        file.unlink()
        if is_new:
            break
    raise Stop(f"the model's file {file.name} is damaged: its SHA-256 is not the manifest's")


def _loaded(folder: Path) -> Artifact | None:
    with suppress(ArtifactError):
        return load_artifact(folder)
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process fetches into this folder."""
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
