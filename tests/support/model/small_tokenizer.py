"""A real tokenizer that needs no file: WordPiece over letters and a few words, with BERT's template."""

from __future__ import annotations

import string

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

from spanstream.models.text.tokenization import Tokenizer

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_WORDS = ("the", "train", "leaves", "at", "from", "platform", "##s", "##ing")


def small_tokenizer(*extra_words: str) -> Tokenizer:
    """Makes a tokenizer; other `extra_words` make another fingerprint."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = (*_SPECIAL, *characters, *(f"##{character}" for character in characters), *_WORDS, *extra_words)
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    fast = tokenizers.Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))  # noqa: S106  no secret
    fast.normalizer = normalizers.BertNormalizer()
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    fast.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return Tokenizer(fast.to_str(), source="a tokenizer made by a test")
