from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.errors import BadCacheEntry
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import KINDS, trained

TEXT = "The train to Zürich leaves at 10:42."
DOCUMENT = trained("wordpiece-uncased").tokenize_document(TEXT)
ENTRY = token_codec.encode(DOCUMENT)


def _decode(value: bytes, document: TokenizedDocument = DOCUMENT) -> TokenizedDocument:
    return token_codec.decode(value, fingerprint=document.fingerprint, text_sha256=document.text_sha256)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(text=TEXTS)
def test_what_was_encoded_is_decoded(kind: str, text: str) -> None:
    document = trained(kind).tokenize_document(text)
    decoded = _decode(token_codec.encode(document), document)
    assert decoded.is_intact
    assert (decoded.text_sha256, decoded.fingerprint, decoded.checksum) == (
        document.text_sha256,
        document.fingerprint,
        document.checksum,
    )
    for name in ("ids", "starts", "ends", "words"):
        ours, theirs = getattr(decoded, name), getattr(document, name)
        assert ours.dtype == theirs.dtype == np.int32
        assert ours.tolist() == theirs.tolist()


def test_every_single_flipped_bit_is_a_miss() -> None:
    for bit in range(8 * len(ENTRY)):
        damaged = bytearray(ENTRY)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadCacheEntry):
            _decode(bytes(damaged))


def test_every_cut_is_a_miss() -> None:
    for size in range(len(ENTRY)):
        with pytest.raises(BadCacheEntry):
            _decode(ENTRY[:size])


@given(st.binary(max_size=300))
def test_anything_else_is_a_miss(value: bytes) -> None:
    with pytest.raises(BadCacheEntry):
        _decode(value)
    with pytest.raises(BadCacheEntry):
        _decode(ENTRY + value if value else b"")


def test_another_tokenizers_entry_is_a_miss() -> None:
    with pytest.raises(BadCacheEntry, match="another tokenizer"):
        token_codec.decode(ENTRY, fingerprint=trained("byte-level").fingerprint, text_sha256=DOCUMENT.text_sha256)


def test_another_texts_entry_is_a_miss() -> None:
    with pytest.raises(BadCacheEntry, match="another text"):
        token_codec.decode(ENTRY, fingerprint=DOCUMENT.fingerprint, text_sha256=sha256_of(TEXT + " "))


@pytest.mark.parametrize(("name", "value"), [("_VERSION", 99), ("_UNICODE_VERSION", 9990), ("_MAGIC", b"SSTX")])
def test_an_entry_of_another_format_is_a_miss(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_codec, name, value)
    foreign = token_codec.encode(DOCUMENT)
    monkeypatch.undo()
    with pytest.raises(BadCacheEntry, match="another format"):
        _decode(foreign)


def test_arrays_that_do_not_match_their_checksum_are_a_miss() -> None:
    forged = TokenizedDocument(
        DOCUMENT.text_sha256,
        DOCUMENT.fingerprint,
        DOCUMENT.ids,
        DOCUMENT.starts,
        DOCUMENT.ends + 1,
        DOCUMENT.words,
        DOCUMENT.checksum,
    )
    with pytest.raises(BadCacheEntry, match="checksum"):
        _decode(token_codec.encode(forged))
