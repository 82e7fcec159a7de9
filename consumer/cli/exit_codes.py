"""The program's exit codes besides 0 (done) and 2 (wrong usage, typer's own)."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
"""A failure, explained in one line."""
INTERRUPTED: Final = 130
"""Ended by Ctrl-C: 128 and the number of the signal, as shells count."""
TERMINATED: Final = 143
"""Ended by SIGTERM; the loops have finished what they had begun."""
