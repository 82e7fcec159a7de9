"""Replaces an artifact's folder as a whole: the new one is made beside it and takes its place when it is finished."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanstream.models.artifact import MANIFEST
from spanstream.models.errors import ArtifactError

# Of a manifest's fields, those by which it is told from other programs' files of that name.
_OF_AN_ARTIFACT: Final = frozenset({"tokenizer_fingerprint", "variants", "files"})


@contextmanager
def staged_folder(output: Path) -> Iterator[Path]:
    """Yields an empty folder beside `output`, which takes its place when the block ends without an error.

    After an error or an interrupt, `output` is as it was and the new folder is gone.

    Raises:
        ArtifactError: `output` holds something that is no artifact, or it cannot be written.
    """
    try:
        if not _may_be_replaced(output):
            raise ArtifactError(f"{output}: is not empty and no artifact: it is not overwritten")
        output = output.resolve()  # a link stays a link, to what is replaced
    except (OSError, RuntimeError) as error:  # a link that leads to itself is a RuntimeError before Python 3.13
        raise ArtifactError(f"{output}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-")
    except OSError as error:
        raise ArtifactError(f"{output.parent}: cannot be written to: {error.strerror}") from error
    with scratch as name:
        finished, before = Path(name) / "artifact", Path(name) / "before"
        finished.mkdir()
        try:
            yield finished
            _take_place(finished, output, before)
        except OSError as error:
            raise ArtifactError(f"{output}: cannot be written: {error.strerror}") from error


def _may_be_replaced(output: Path) -> bool:
    """Tells whether nothing is lost with it but an artifact: other programs call their files manifest.json too."""
    if not output.exists():
        return True
    if not output.is_dir():
        return False
    if not any(output.iterdir()):
        return True
    try:
        manifest = json.loads((output / MANIFEST).read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.keys() >= _OF_AN_ARTIFACT


def _take_place(finished: Path, output: Path, before: Path) -> None:
    try:
        if output.exists():
            output.rename(before)
        finished.rename(output)
    finally:
        # An error or an interrupt between the two: the old folder goes back, or it would be removed as scratch.
        if before.exists() and not output.exists():
            before.rename(output)
