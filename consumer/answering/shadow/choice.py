"""Chooses the questions that the second model reads."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_BYTES: Final = 8
_RANGE: Final = float(1 << (8 * _BYTES))


def is_chosen(question_id: str, share: float) -> bool:
    """Whether a question is among this share (0 to 1) of all; the same for every member, after every restart.

    Whatever is chosen at a share is chosen at each greater one too.
    """
    digest = blake2b(question_id.encode(), digest_size=_BYTES, person=b"shadow").digest()
    return int.from_bytes(digest) < share * _RANGE
