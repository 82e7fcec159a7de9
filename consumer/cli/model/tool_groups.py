"""Says what to install where a command's tools are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from spanstream.consumer.errors import Stop


def build_tools(purpose: str) -> AbstractContextManager[None]:
    """Guards imports of the build group's tools; where they are not installed, `Stop` says what to do."""
    return _tools(purpose, "build", "pip install -r requirements/build.txt")


def evaluate_tools(purpose: str) -> AbstractContextManager[None]:
    """Guards imports of the evaluate group's tools; where they are not installed, `Stop` says what to do."""
    install = "pip install matplotlib scikit-learn scipy; requirements/evaluate.txt pins them"
    return _tools(purpose, "evaluate", install)


@contextmanager
def _tools(purpose: str, group: str, install: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Stop(f"{purpose} needs the {group} group ({error.name} is missing): {install}") from error
