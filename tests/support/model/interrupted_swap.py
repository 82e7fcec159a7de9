"""Interrupts a program while it puts a new folder in the place of an old one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest


def interrupt_rename(monkeypatch: pytest.MonkeyPatch, output: Path, step: Literal["old", "new"]) -> None:
    """Raises KeyboardInterrupt once: after the old folder has left its place, or before the new one takes it."""
    rename = Path.rename
    interrupts = [KeyboardInterrupt()]

    def interrupted(self: Path, target: Path) -> Path:
        if step == "old" and self == output and interrupts:
            rename(self, target)
            raise interrupts.pop()
        if step == "new" and target == output and interrupts:
            raise interrupts.pop()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
