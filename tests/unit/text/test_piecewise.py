"""Long texts are tokenized piece by piece, with the very tokens that tokenizing them whole gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from spanstream.models.text.piecewise import EncodedText, encode
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import KINDS, definition

PIECE, OVERLAP = 600, 240


def library(kind: str) -> Tokenizer:
    fast = Tokenizer.from_str(definition(kind))
    fast.no_truncation()
    fast.no_padding()
    return fast


FAST = {kind: library(kind) for kind in KINDS}
# Long enough for several pieces, out of parts that repeat, so that equal runs stand in many places.
PARTS = TEXTS | st.sampled_from(["\n", "the same line\n", "  ", "東京駅", "0x5f"])
LONG = st.lists(PARTS, min_size=1, max_size=9).flatmap(
    lambda parts: st.integers(1, 1 + 6_000 // max(1, len("".join(parts)))).map(lambda times: " ".join(parts) * times)
)


def assert_equal(pieces: EncodedText, whole: EncodedText) -> None:
    for name in ("ids", "starts", "ends", "begins"):
        assert np.array_equal(getattr(pieces, name), getattr(whole, name)), name


@pytest.mark.parametrize("kind", KINDS)
@given(text=LONG)
@settings(max_examples=60)
@example(text="a" * 3_000)
@example(text="a b " * 1_000)
@example(text=" " * 3_000)
@example(text="\u0301" * 3_000)
@example(text="x" + "\u0301 " * 2_000)
@example(text="👩\u200d💻" * 800)
@example(text="word " * 100 + "A" * 2_000 + " word" * 400)
@example(text="")
def test_piece_by_piece_or_whole_the_tokens_are_the_same(kind: str, text: str) -> None:
    whole = encode(FAST[kind], text, piece=max(len(text), 1), overlap=0)
    assert_equal(encode(FAST[kind], text, piece=PIECE, overlap=OVERLAP), whole)


class Counting:
    """Counts the characters that the library is given."""

    def __init__(self) -> None:
        self.longest = 0
        self.total = 0

    def encode(self, text: str, *, add_special_tokens: bool) -> object:
        self.longest = max(self.longest, len(text))
        self.total += len(text)
        return FAST["wordpiece-uncased"].encode(text, add_special_tokens=add_special_tokens)


def test_a_text_is_never_encoded_whole() -> None:
    counting = Counting()
    encode(counting, "東京駅を出発します" * 20_000)
    assert counting.longest <= 32_768


def test_a_word_without_end_is_cut_so_that_memory_and_work_are_bounded() -> None:
    counting, text = Counting(), "some words, then " + "😀" * 600_000 + " and more words"
    encoded = encode(counting, text)
    assert counting.longest <= 131_072
    assert counting.total <= 4 * len(text)
    assert (encoded.starts[0], encoded.ends[-1]) == (0, len(text))
    assert (encoded.starts[1:] >= encoded.ends[:-1]).all()
