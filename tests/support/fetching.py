"""Fetches what the tests' Java servers are made of, once, by Maven."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


class ServerUnavailableError(Exception):
    """There is no Java, no Maven or no way to what it fetches: the text is the reason to skip."""


def fetched(name: str, pom: Path, goal: Callable[[Path], list[str]]) -> Path:
    """Returns a folder in `${XDG_CACHE_HOME:-~/.cache}/spanstream/`, filled by Maven when it is not there.

    Args:
        name: the folder's, with the version in it.
        pom: says what is fetched.
        goal: Maven's goal and options that fill a folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanstream"
    folder = cache / name
    if folder.is_dir():
        return folder
    if shutil.which("mvn") is None:
        raise ServerUnavailableError(f"Maven (mvn) is not on PATH, and {name} is not in the cache")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        filled = Path(scratch) / "filled"
        command = ["mvn", "--quiet", "--batch-mode", f"--file={pom}", *goal(filled)]
        maven = subprocess.run(command, capture_output=True, text=True, check=False)
        if maven.returncode != 0:
            raise ServerUnavailableError(f"Maven could not fetch {name}: {maven.stdout[-500:]}")
        try:
            filled.rename(folder)
        except OSError:  # another test run was first, and its folder is as good
            if not folder.is_dir():
                raise
    return folder
