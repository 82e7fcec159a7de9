"""Defines the colours and weights that all panels share."""

from __future__ import annotations

from typing import Final

from rich.style import Style

BORDER: Final = Style(color="#5b6b84")
BOLD: Final = Style(bold=True)
DIM: Final = Style(dim=True)
GOOD: Final = Style(color="#7ee0a1")
FAIR: Final = Style(color="#ffd166")
POOR: Final = Style(color="#ff8a80")
DECLINED: Final = Style(color="#ffb86b")
