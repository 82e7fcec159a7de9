"""Puts a finished folder in the place of another one, in one step as far as anyone can see."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spanstream.models.artifact import MANIFEST
from spanstream.models.errors import BuildError


@contextmanager
def replacing(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, which takes its place when the block ends well; else nothing is left of it.

    Raises:
        BuildError: `output` holds something that is no artifact, or it cannot be written.
    """
    if output.exists() and not (output / MANIFEST).exists() and (not output.is_dir() or any(output.iterdir())):
        raise BuildError(f"{output}: is not empty and no artifact: it is not overwritten")
    output = output.resolve()  # a link stays a link, to what is replaced
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-")
    except OSError as error:
        raise BuildError(f"{output.parent}: cannot be written to: {error.strerror}") from error
    with scratch as name:
        finished, before = Path(name) / "artifact", Path(name) / "before"
        finished.mkdir()
        try:
            yield finished
            _take_place(finished, output, before)
        except OSError as error:
            raise BuildError(f"{output}: cannot be written: {error.strerror}") from error


def _take_place(finished: Path, output: Path, before: Path) -> None:
    if output.exists():
        output.rename(before)
    try:
        finished.rename(output)
    except OSError:
        if before.exists():
            before.rename(output)
        raise
