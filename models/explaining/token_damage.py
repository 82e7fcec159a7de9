"""Names what is wrong with tokens that were kept: another tokenizer's, shifted, cut off, or another text's."""

from __future__ import annotations

import numpy as np

from spanstream.models.arrays import Int32Array
from spanstream.models.text.tokenization import TokenizedDocument

# Characters or tokens; a shift by more is told as "elsewhere".
_LONGEST_SHIFT = 16


def token_damage(given: TokenizedDocument, right: TokenizedDocument) -> str | None:
    """Returns what is wrong with a document's tokens, None where nothing is.

    Args:
        given: the tokens in question.
        right: what the artifact's tokenizer makes of the text.
    """
    if given.text_sha256 != right.text_sha256:
        return "the tokens were made from another text (another version of the document)"
    if given.fingerprint != right.fingerprint:
        return f"the tokens are of another tokenizer ({given.fingerprint[:12]}, not {right.fingerprint[:12]})"
    return _damaged_arrays(given, right)


def _damaged_arrays(given: TokenizedDocument, right: TokenizedDocument) -> str | None:
    lengths = {len(getattr(given, name)) for name in ("ids", "starts", "ends", "words")}
    if lengths != {right.size}:
        return f"there are {min(lengths)} tokens of {right.size}: the arrays are cut off or too long"
    if not np.array_equal(given.ids, right.ids):
        differing = int((given.ids != right.ids).sum())
        return f"{differing} of {right.size} tokens are not those of the text: another tokenizer, or damage"
    for name in ("starts", "ends"):
        if shift := _shift(getattr(given, name), getattr(right, name)):
            return f"the offsets ({name}) are shifted {shift}"
    if not np.array_equal(given.words, right.words):
        return "the word numbers are not those of the text"
    return None if given.is_intact else "the checksum is not that of the arrays"


def _shift(given: Int32Array, right: Int32Array) -> str:
    """Says how far an array is shifted; empty where it is not."""
    if np.array_equal(given, right):
        return ""
    by = given - right
    if (by == by[0]).all():
        return f"by {int(by[0]):+d} characters"
    for tokens in range(1, min(_LONGEST_SHIFT, len(right) - 1) + 1):
        if np.array_equal(given[:-tokens], right[tokens:]):
            return f"by {tokens:+d} tokens"
        if np.array_equal(given[tokens:], right[:-tokens]):
            return f"by {-tokens:+d} tokens"
    return f"at {int((by != 0).sum())} of {len(right)} tokens"
