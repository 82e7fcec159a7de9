"""The tools that the chart is tested with, by name; `build`, beside this file, makes what is not in the cache yet."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_BUILD = Path(__file__).with_name("build")


def cache_folder() -> Path:
    """Returns where tools lie, each in a folder of its own that its version is part of."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanstream"


def tool(name: str) -> Path:
    """Returns the folder of a tool, built if it is not there; skips where it cannot be.

    Minutes for the large ones. What Go says while it builds goes to the terminal.
    """
    built = subprocess.run([_BUILD, name], stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode == 0:
        return Path(built.stdout.strip())
    if shutil.which("go") is None:
        pytest.skip(f"{name} is not in {cache_folder()}, and Go (go), which builds it, is not on PATH")
    pytest.skip(f"{name} could not be built; `{_BUILD.name} {name}` says why")
