"""Tells a wrong encoder from bad texts: it fails on one after the other."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from spanstream.consumer.errors import Stop

_MOST_IN_A_ROW: Final = 20


class FailedStretch:
    """Watches how many in a row fail. Each counts once, however often it is tried.

    Args:
        what: they are, in the plural, for the error's text.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._failed: set[Hashable] = set()

    def went_well(self) -> None:
        """Takes in that one did not fail."""
        self._failed.clear()

    def failed(self, which: Hashable, error: Exception) -> None:
        """Takes in that one failed. Raises `Stop` where too many did, without one between them that did not."""
        self._failed.add(which)
        if len(self._failed) >= _MOST_IN_A_ROW:
            raise Stop(
                f"cutting or embedding failed on {len(self._failed)} {self._what} in a row, last with "
                f"{type(error).__name__}: the encoder looks wrong, not they",
                hint="SPANSTREAM_INDEX__ENCODER_PATH names it",
            ) from error
