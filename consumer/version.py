"""Tells which version of the program this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str | None:
    """Returns the version of the installed package; None where none is installed."""
    try:
        return version("spanstream")
    except PackageNotFoundError:
        return None
