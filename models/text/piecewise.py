"""Encodes a long text piece by piece, with the tokens that encoding it whole would give.

    text -> overlapping pieces -> tokens of each -> joined where two pieces agree

The library keeps about 500 bytes for each token until its arrays are copied: half a gigabyte for a million Chinese
characters. Pieces bound that. A tokenizer cuts a text into words before it cuts words into tokens, so what it does at a
place depends on the surroundings of the place alone: two pieces are joined in the middle of a run of equal tokens, at a
word's beginning. Where no such run is found (one word longer than a piece), the piece is lengthened, up to a bound: the
library takes up to 80 bytes for each byte of a word, so a word longer than that is cut there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from spanstream.models.arrays import BoolArray, Int32Array

# Characters. A piece of Chinese takes 16 MB while it is encoded.
_PIECE: Final = 32_768
_OVERLAP: Final = 2_048
# Characters. A piece of one word of emoji takes 40 MB while it is encoded.
_LONGEST_PIECE: Final = 4 * _PIECE
# Tokens on either side of a joint that must be equal in both pieces.
_EQUAL_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class EncodedText:
    """The tokens of a text, without special tokens; every array is (tokens,).

    Attributes:
        ids: token ids.
        starts: first character of each token, in code points of the whole text.
        ends: character after each token's last one.
        begins: whether a word of the tokenizer begins with the token.
    """

    ids: Int32Array
    starts: Int32Array
    ends: Int32Array
    begins: BoolArray

    def __getitem__(self, tokens: slice) -> EncodedText:
        return EncodedText(self.ids[tokens], self.starts[tokens], self.ends[tokens], self.begins[tokens])


def encode(
    fast: Any,  # noqa: ANN401  the library publishes no types
    text: str,
    *,
    piece: int = _PIECE,
    overlap: int = _OVERLAP,
    longest_piece: int = _LONGEST_PIECE,
) -> EncodedText:
    """Encodes a text.

    Args:
        fast: the library's tokenizer.
        text: of any length.
        piece: characters that are encoded at a time; more than twice `overlap`.
        overlap: characters that neighbouring pieces share.
        longest_piece: a word that does not end within so many characters is cut there.
    """
    parts: list[EncodedText] = []
    first, behind = 0, piece
    left = _encode(fast, text, first, behind)
    done = 0  # tokens of `left` that are in the parts already
    while behind < len(text):
        begin = behind - overlap
        right = _encode(fast, text, begin, begin + piece)
        joint = _joint(left, right, begin + overlap // 2)
        if joint is None and behind - first + piece <= longest_piece:
            behind += piece
            left = _encode(fast, text, first, behind)
            continue
        if joint is None:
            begin = behind
            joint, right = (len(left.ids), 0), _encode(fast, text, begin, begin + piece)
        parts.append(left[done : joint[0]])
        left, done, first, behind = right, joint[1], begin, begin + piece
    parts.append(left[done:])
    return EncodedText(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "starts", "ends", "begins"))
    )


def _encode(fast: Any, text: str, first: int, behind: int) -> EncodedText:  # noqa: ANN401  the library publishes no types
    encoding = fast.encode(text[first:behind], add_special_tokens=False)
    ids = np.array(encoding.ids, dtype=np.int32)
    # Three times as fast as an array of the pairs.
    spans = np.fromiter(chain.from_iterable(encoding.offsets), dtype=np.int32, count=2 * len(ids)) + np.int32(first)
    words = np.array([-1 if word is None else word for word in encoding.word_ids], dtype=np.int32)
    return EncodedText(ids, spans[0::2].copy(), spans[1::2].copy(), np.diff(words, prepend=-2) != 0)


def _joint(left: EncodedText, right: EncodedText, middle: int) -> tuple[int, int] | None:
    """Returns the same word's first token in both, as near to character `middle` as can be; None: they do not agree."""
    places = np.flatnonzero(left.begins & (left.starts >= right.starts[0])) if len(right.ids) else np.zeros(0, int)
    for place in places[np.argsort(np.abs(left.starts[places] - middle), kind="stable")].tolist():
        other = int(np.searchsorted(right.starts, left.starts[place]))
        if _agree(left, place, right, other):
            return place, other
    return None


def _agree(left: EncodedText, place: int, right: EncodedText, other: int) -> bool:
    if min(place, other) < _EQUAL_TOKENS or other + _EQUAL_TOKENS > len(right.ids):
        return False
    here, there = (slice(middle - _EQUAL_TOKENS, middle + _EQUAL_TOKENS) for middle in (place, other))
    return all(
        np.array_equal(getattr(left, name)[here], getattr(right, name)[there])
        for name in ("ids", "starts", "ends", "begins")
    )
