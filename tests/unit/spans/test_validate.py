from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spanstream.models.errors import DocumentChanged, InvalidSpan, SpanMismatch
from spanstream.models.spans.search import TokenSpan
from spanstream.models.spans.validate import Validator
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.models.text.words import without_invisible
from tests.support.model.damage import all_shifts, cut, resealed
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import KINDS, trained
from tests.support.model.word_cuts import cuts_word

TEXT = "The train to Zürich leaves at 10:42 from platform 7; the café at platform 7 takes 95€ or ERR_CONN_5021."


def _whole_spans(document: TokenizedDocument, most: int) -> Iterator[TokenSpan]:
    """Yields every span of whole words that is no longer than `most` tokens."""
    words = document.words.tolist()
    begins = [place for place in range(len(words)) if place == 0 or words[place - 1] != words[place]]
    ends = [place for place in range(len(words)) if place + 1 == len(words) or words[place + 1] != words[place]]
    for first in begins:
        yield from (TokenSpan(first, last, 0.0) for last in ends if first <= last < first + most)


def _quote(text: str, document: TokenizedDocument, span: TokenSpan, kind: str) -> str | None:
    """Returns the text that would be published; None where validation refuses it."""
    try:
        char_start, char_end = Validator(trained(kind)).char_span(text, document, span)
    except InvalidSpan:
        return None
    return text[char_start:char_end]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
# Without its accent the letter would end an escape sequence, which the text does not hold.
@example(text="0\x9b0À")
def test_there_is_never_a_false_alarm(kind: str, text: str) -> None:
    assume(without_invisible(text))
    # Some tokenizers make a space of an accent that stands alone: it leaves no trace, and is refused at an edge.
    assume(not any(trained(kind).normalize(character).isspace() for character in text if not character.isspace()))
    document = trained(kind).tokenize_document(text)
    validator = Validator(trained(kind))
    for span in _whole_spans(document, most=8):
        char_start, char_end = validator.char_span(text, document, span)
        assert 0 <= char_start < char_end <= len(text)
        assert not cuts_word(text, char_start)
        assert not cuts_word(text, char_end)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(text=TEXTS, choice=st.randoms(use_true_random=False))
def test_shifted_offsets_never_give_another_text(kind: str, text: str, choice: object) -> None:
    document = trained(kind).tokenize_document(text)
    assume(without_invisible(text) and document.size)
    spans = list(_whole_spans(document, most=8))
    assume(spans)
    span = choice.choice(spans)  # type: ignore[attr-defined]  # hypothesis' own Random
    right = _quote(text, document, span, kind)
    for damaged in all_shifts(document):
        assert _quote(text, resealed(damaged), span, kind) in {right, None}


@pytest.mark.parametrize("kind", KINDS)
def test_shifted_offsets_are_noticed_by_the_checksum(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    span = next(_whole_spans(document, most=8))
    for damaged in all_shifts(document):
        with pytest.raises(SpanMismatch):
            Validator(trained(kind)).char_span(TEXT, damaged, span)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["café\ufffd", "café\ue000", "\ue0007 seven\ufffd", "M\ufffdller"])
def test_no_shift_takes_in_what_a_tokenizer_dropped(kind: str, text: str) -> None:
    document = trained(kind).tokenize_document(text)
    for span in _whole_spans(document, most=3):
        right = _quote(text, document, span, kind)
        for damaged in all_shifts(document):
            assert _quote(text, resealed(damaged), span, kind) in {right, None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        "yes Yes " * 30,
        "☃ Yes ☃ yes ☃ YES ☃",
        "☃ ☂ ☁ ☀",
        "a A a A a A b",
        ". , . , . ,",
        "7 seven 7 Seven 7",
    ],
)
def test_a_text_that_repeats_itself_hides_no_shift(kind: str, text: str) -> None:
    document = trained(kind).tokenize_document(text)
    for span in _whole_spans(document, most=3):
        right = _quote(text, document, span, kind)
        assert right is not None
        for damaged in all_shifts(document):
            assert _quote(text, resealed(damaged), span, kind) in {right, None}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_document_never_gives_another_text(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    spans = list(_whole_spans(document, most=6))
    for tokens in range(document.size):
        for span in spans[:: max(len(spans) // 20, 1)]:
            right = _quote(TEXT, document, span, kind)
            assert _quote(TEXT, cut(document, tokens), span, kind) is None
            assert _quote(TEXT, resealed(cut(document, tokens)), span, kind) in {right, None}


@pytest.mark.parametrize("name", ["ids", "starts", "ends", "words"])
def test_arrays_of_different_lengths_are_refused(name: str) -> None:
    document = trained("wordpiece-uncased").tokenize_document(TEXT)
    damaged = resealed(replace(document, **{name: getattr(document, name)[:-1]}))
    with pytest.raises(SpanMismatch, match="different lengths"):
        Validator(trained("wordpiece-uncased")).char_span(TEXT, damaged, TokenSpan(0, 0, 0.0))


@pytest.mark.parametrize("kind", KINDS)
def test_another_version_of_the_text_is_refused(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    for text in (TEXT + " ", TEXT.replace("10:42", "11:42"), TEXT.lower(), TEXT[1:]):
        with pytest.raises(DocumentChanged):
            Validator(trained(kind)).char_span(text, document, TokenSpan(0, 0, 0.0))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(text=TEXTS, foreign_text=TEXTS)
def test_the_tokens_of_another_text_are_refused_even_under_this_ones_hash(
    kind: str, text: str, foreign_text: str
) -> None:
    document = trained(kind).tokenize_document(text)
    forged = replace(trained(kind).tokenize_document(foreign_text), text_sha256=document.text_sha256)
    for span in list(_whole_spans(document, most=4))[:4]:
        assert _quote(text, forged, span, kind) in {_quote(text, document, span, kind), None}


def test_another_tokenizers_document_is_refused() -> None:
    for kind in KINDS:
        for foreign_kind in set(KINDS) - {kind}:
            with pytest.raises(SpanMismatch, match="another tokenizer"):
                Validator(trained(kind)).char_span(
                    TEXT, trained(foreign_kind).tokenize_document(TEXT), TokenSpan(0, 0, 0.0)
                )


@pytest.mark.parametrize("kind", KINDS)
def test_another_token_in_the_answer_is_refused(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    letters = [trained(kind).token_id(letter) for letter in ("x", "w")]
    for span in list(_whole_spans(document, most=6))[::7]:
        for place in range(span.first, span.last + 1):
            ids = document.ids.copy()
            ids[place] = next(letter for letter in letters if letter not in {ids[place], None})
            damaged = replace(document, ids=ids)
            assert _quote(TEXT, damaged, span, kind) is None
            assert _quote(TEXT, resealed(damaged), span, kind) is None


@pytest.mark.parametrize("kind", KINDS)
def test_another_token_beside_the_answer_is_refused(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    span = list(_whole_spans(document, most=3))[6]
    ids = document.ids.copy()
    ids[span.last + 1] = ids[span.last + 3]
    assert ids[span.last + 1] != document.ids[span.last + 1]
    assert _quote(TEXT, resealed(replace(document, ids=ids)), span, kind) is None


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_words_are_refused(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    span = next(_whole_spans(document, most=3))
    for words in (
        np.zeros_like(document.words),
        np.arange(document.size, dtype=np.int32),
        document.words[::-1].copy(),
        document.words + np.int32(1),
        np.roll(document.words, 1),
    ):
        with pytest.raises(SpanMismatch, match="words"):
            Validator(trained(kind)).char_span(TEXT, resealed(replace(document, words=words)), span)


@pytest.mark.parametrize("kind", KINDS)
def test_a_span_that_cuts_a_word_is_refused(kind: str) -> None:
    document = trained(kind).tokenize_document(TEXT)
    whole = {(span.first, span.last) for span in _whole_spans(document, most=document.size)}
    refused = 0
    for first in range(0, document.size - 4, 3):
        for last in range(first, first + 4):
            if (first, last) not in whole:
                refused += 1
                with pytest.raises(SpanMismatch, match="inside a word"):
                    Validator(trained(kind)).char_span(TEXT, document, TokenSpan(first, last, 0.0))
    assert refused > 10


@pytest.mark.parametrize(("first", "last"), [(-1, 0), (0, 10_000), (3, 2), (10_000, 10_001)])
def test_a_span_outside_of_the_tokens_is_refused(first: int, last: int) -> None:
    document = trained("byte-level").tokenize_document(TEXT)
    with pytest.raises(SpanMismatch, match="outside of the document"):
        Validator(trained("byte-level")).char_span(TEXT, document, TokenSpan(first, last, 0.0))


@pytest.mark.parametrize("value", [-1, len(TEXT) + 1, 2**31 - 1, -(2**31)])
def test_offsets_outside_of_the_text_are_refused(value: int) -> None:
    document = trained("wordpiece-cased").tokenize_document(TEXT)
    for name in ("starts", "ends"):
        array = getattr(document, name).copy()
        array[5] = value
        damaged = resealed(replace(document, **{name: array}))
        with pytest.raises(SpanMismatch, match="outside of the text"):
            Validator(trained("wordpiece-cased")).char_span(TEXT, damaged, TokenSpan(0, 0, 0.0))


def test_a_refused_span_says_which_it_was() -> None:
    document = trained("wordpiece-uncased").tokenize_document(TEXT)
    damaged = resealed(replace(document, words=np.zeros_like(document.words)))
    with pytest.raises(SpanMismatch) as caught:
        Validator(trained("wordpiece-uncased")).char_span(TEXT, damaged, TokenSpan(0, 0, 0.0))
    assert caught.value.candidate["first_token"] == 0
    assert caught.value.candidate["char_start"] == 0
    assert "train" not in str(caught.value)


def test_the_words_of_an_answer_are_spelled_with_their_accents() -> None:
    text = "Der Zu\u0308rcher cafe\u0301."
    for kind in KINDS:
        document = trained(kind).tokenize_document(text)
        quotes = {_quote(text, document, span, kind) for span in _whole_spans(document, most=24)}
        assert {"Zu\u0308rcher", "cafe\u0301", "Zu\u0308rcher cafe\u0301"} <= quotes
        assert not quotes & {"cafe", "Zu", "rcher", None}


def test_the_hash_is_that_of_the_texts_utf8_bytes() -> None:
    assert sha256_of("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"
