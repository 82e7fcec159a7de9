from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanstream.models.errors import ArtifactError
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.words import WordMap
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import KINDS, definition, trained
from tests.support.model.word_cuts import cuts_word

WORDS = (
    "café",
    "cafe\u0301",
    "naïve",
    "nai\u0308ve",
    "E1234",
    "ERR_CONN_5021",
    "v2.3.1",
    "don't",
    "5€",
    "שָׁלוֹם",
    "हिन्दी",
    "한국어",
    "\u1112\u1161\u11ab",
    "ภาษาไทย",
    "Überraschungsgröße",
    "ılık",
    "İSTANBUL",
    "ﬁnal",
    "½",
    "x²",
    "co\u00adoperate",
    "zero\u200bwidth",
    "👩\u200d💻",
    "❤️",
    "東京",
    "1,280.50",
    "résume\u0301",
)


def _spans(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """Returns the characters of every whole word of the text, as an answer would quote them."""
    document = tokenizer.tokenize_document(text)
    word_map = WordMap(text)
    numbers = document.words
    return [
        word_map.char_span(document.starts[numbers == number], document.ends[numbers == number])
        for number in range(int(numbers.max(initial=-1)) + 1)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", WORDS)
def test_a_word_can_be_quoted_to_its_last_character(kind: str, word: str) -> None:
    text = f"It reads ({word}) and {word}, or {word}"
    spans = _spans(trained(kind), text)
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    place = text.find(word)
    while place >= 0:
        assert place in starts
        assert place + len(word) in ends
        place = text.find(word, place + 1)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@example(text="\x00\u0301x")
@example(text="\ue000\u0301x")
@example(text="0\u115f")
@given(text=TEXTS)
def test_no_whole_word_begins_or_ends_inside_of_one(kind: str, text: str) -> None:
    for place in {place for span in _spans(trained(kind), text) for place in span}:
        assert not cuts_word(text, place)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@given(text=TEXTS)
def test_tokens_lie_in_the_text_and_words_are_counted_from_zero(kind: str, text: str) -> None:
    document = trained(kind).tokenize_document(text)
    assert len(document.ids) == len(document.starts) == len(document.ends) == len(document.words) == document.size
    if document.size:
        assert document.starts.min() >= 0
        assert document.ends.max() <= len(text)
        assert (document.starts <= document.ends).all()
        assert document.words[0] == 0
        assert set(np.diff(document.words).tolist()) <= {0, 1}
    assert document.is_intact


def test_a_decomposed_accent_is_outside_of_its_token_and_inside_of_the_answer() -> None:
    text = unicodedata.normalize("NFD", "un café")
    document = trained("wordpiece-uncased").tokenize_document(text)
    assert document.ends.max() == len(text) - 1
    assert [text[start:end] for start, end in _spans(trained("wordpiece-uncased"), text)] == ["un", "cafe\u0301"]


def test_a_word_longer_than_any_answer_leaves_the_others_to_be_quoted() -> None:
    blob = "QmFzZTY0" * 10
    for kind in KINDS:
        text = f"The digest {blob} is wrong."
        assert [text[slice(*span)] for span in _spans(trained(kind), text)] == [
            "The",
            "digest",
            blob,
            "is",
            "wrong",
            ".",
        ]


def test_truncation_and_padding_of_the_file_are_left_aside() -> None:
    text = "the train leaves at " * 20
    plain = json.loads(definition("wordpiece-uncased"))
    asking = plain | {
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "OnlySecond", "stride": 4},
        "padding": {
            "strategy": {"Fixed": 64},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
    }
    tokenizers = [Tokenizer(json.dumps(definition)) for definition in (plain, asking)]
    sizes = {tokenizer.tokenize_document(text).size for tokenizer in tokenizers}
    assert len(sizes) == 1
    assert min(sizes) > 64
    assert len({tokenizer.fingerprint for tokenizer in tokenizers}) == 1


def test_tokenizers_that_differ_have_fingerprints_that_differ() -> None:
    assert len({trained(kind).fingerprint for kind in KINDS}) == len(KINDS)
    changed = json.loads(definition("wordpiece-uncased"))
    changed["normalizer"]["clean_text"] = False
    assert Tokenizer(json.dumps(changed)).fingerprint != trained("wordpiece-uncased").fingerprint


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"model": null}'])
def test_a_file_that_is_no_tokenizer_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"tokens\.json"):
        Tokenizer(text, source="tokens.json")


def test_a_tokenizer_without_a_template_for_pairs_is_refused() -> None:
    without = json.loads(definition("wordpiece-uncased")) | {"post_processor": None}
    with pytest.raises(ArtifactError, match="template"):
        Tokenizer(json.dumps(without))


def test_the_arrays_of_a_document_cannot_be_written_to() -> None:
    document = trained("byte-level").tokenize_document("The train.")
    for array in (document.ids, document.starts, document.ends, document.words):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@given(text=st.text(max_size=30))
@settings(max_examples=30)
def test_a_question_has_the_ids_of_the_same_document(text: str) -> None:
    tokenizer = trained("unigram-nfkd")
    assert tokenizer.tokenize_question(text).ids.tolist() == tokenizer.tokenize_document(text).ids.tolist()
