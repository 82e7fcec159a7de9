"""What the model's commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.errors import Stop

Folder = Annotated[Path, typer.Argument(help="Artifact folder; by default the bundled artifact.")]


@contextmanager
def build_tools(doing: str) -> Iterator[None]:
    """Import the build group's tools inside; where they are not installed, `Stop` says what to do."""
    try:
        yield
    except ImportError as error:
        raise Stop(
            f"{doing} needs the build group ({error.name} is missing): pip install -r requirements/build.txt"
        ) from error


@contextmanager
def evaluate_tools(doing: str) -> Iterator[None]:
    """Import the evaluate group's tools inside; where they are not installed, `Stop` says what to do."""
    try:
        yield
    except ImportError as error:
        raise Stop(
            f"{doing} needs the evaluate group ({error.name} is missing): pip install matplotlib scikit-learn scipy",
            hint="requirements/evaluate.txt pins them",
        ) from error
