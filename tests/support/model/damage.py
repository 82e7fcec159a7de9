"""Damages to a tokenized document, such as a cache, a bug or a wrong index could do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from spanstream.models.arrays import Int32Array
from spanstream.models.text.tokenization import TokenizedDocument, checksum_of

SHIFTS = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
Shifted = Literal["starts", "ends", "both"]


def resealed(document: TokenizedDocument) -> TokenizedDocument:
    """Returns the document with a checksum that fits, as if the damage came before the checksum."""
    checksum = checksum_of(document.ids, document.starts, document.ends, document.words)
    return replace(document, checksum=checksum)


def shifted(document: TokenizedDocument, by: int, side: Shifted, *, in_tokens: bool) -> TokenizedDocument:
    """Moves offsets by so many characters, or tokens; the checksum is left alone."""

    def moved(array: Int32Array) -> Int32Array:
        if not in_tokens:
            return array + np.int32(by)
        places = np.clip(np.arange(len(array)) + by, 0, max(len(array) - 1, 0))
        values: Int32Array = array[places]
        return values

    starts = moved(document.starts) if side in {"starts", "both"} else document.starts
    ends = moved(document.ends) if side in {"ends", "both"} else document.ends
    return replace(document, starts=starts, ends=ends)


def all_shifts(document: TokenizedDocument) -> Iterator[TokenizedDocument]:
    """Yields every shift by up to five characters or tokens; the checksum is left alone."""
    sides: tuple[Shifted, ...] = ("starts", "ends", "both")
    for by in SHIFTS:
        for side in sides:
            for in_tokens in (False, True):
                yield shifted(document, by, side, in_tokens=in_tokens)


def cut(document: TokenizedDocument, tokens: int) -> TokenizedDocument:
    """Keeps the first tokens only; the checksum is left alone."""
    return replace(
        document,
        ids=document.ids[:tokens],
        starts=document.starts[:tokens],
        ends=document.ends[:tokens],
        words=document.words[:tokens],
    )
