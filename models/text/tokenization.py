"""Tokenizes documents and questions, each alone and once; windows are slices of what comes out.

    text -> TokenizedDocument (token ids, character offsets, word numbers)      question -> TokenizedQuestion

The tokenizer is a Hugging Face `tokenizer.json`: WordPiece, byte-level BPE and Unigram are supported.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from tokenizers import Tokenizer as FastTokenizer

from spanstream.models.arrays import Int32Array
from spanstream.models.errors import ArtifactError, InvalidText
from spanstream.models.text.escape_sequences import without_escape_sequences
from spanstream.models.text.piecewise import encode
from spanstream.models.text.words import WordMap

# Part of the fingerprint: raise it when the arrays of a TokenizedDocument change their meaning.
_ARRAYS_VERSION = 1


def sha256_of(text: str) -> str:
    """Returns the SHA-256 of the text's UTF-8 bytes, 64 hexadecimal digits.

    Raises:
        InvalidText: it holds half of a character.
    """
    return hashlib.sha256(_utf8(text)).hexdigest()


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText(f"no Unicode text: a lone surrogate at character {error.start}") from None


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedDocument:
    """A whole text's tokens, without special tokens, and where each stands.

    Attributes:
        text_sha256: SHA-256 of the text's UTF-8 bytes.
        fingerprint: the tokenizer that made it.
        ids: (tokens,) token ids.
        starts: (tokens,) first character of each token, in code points of the text.
        ends: (tokens,) character after each token's last one.
        words: (tokens,) number of the word each token belongs to (see `spanstream.models.text.words`).
        checksum: CRC-32 of the arrays as they were made; `is_intact` compares.
    """

    text_sha256: str
    fingerprint: str
    ids: Int32Array
    starts: Int32Array
    ends: Int32Array
    words: Int32Array
    checksum: int

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Bytes held, for a cache's bound."""
        return self.ids.nbytes + self.starts.nbytes + self.ends.nbytes + self.words.nbytes + 512

    @property
    def is_intact(self) -> bool:
        """Whether the arrays are as they were when the document was tokenized."""
        return self.checksum == checksum_of(self.ids, self.starts, self.ends, self.words)

    def is_whole(self, first: int, last: int) -> bool:
        """Whether the tokens `first` to `last` (inclusive) neither begin nor end inside a word."""
        words = self.words
        begins = first == 0 or words[first - 1] != words[first]
        return bool(begins and (last + 1 == len(words) or words[last + 1] != words[last]))


def checksum_of(*arrays: Int32Array) -> int:
    """Returns the CRC-32 over the arrays' lengths and values."""
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(np.ascontiguousarray(array).data, zlib.crc32(b"%d:" % len(array), checksum))
    return checksum


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedQuestion:
    """A question's token ids, (tokens,), without special tokens."""

    text: str
    ids: Int32Array


@dataclass(frozen=True, slots=True)
class PairTemplate:
    """Where question and context stand among the special tokens: `prefix question middle context suffix`.

    Each of the three is an array of token ids; `segment_types` are the token type ids of the five segments, in order.
    """

    prefix: Int32Array
    middle: Int32Array
    suffix: Int32Array
    segment_types: tuple[int, int, int, int, int]

    @property
    def special_tokens(self) -> int:
        """Tokens of a window that are neither question nor context."""
        return len(self.prefix) + len(self.middle) + len(self.suffix)


class Tokenizer:
    """A `tokenizer.json`, loaded once. Safe to share between threads.

    Raises:
        ArtifactError: the file cannot be read as a tokenizer, or it has no template for a pair of texts.
    """

    def __init__(self, tokenizer_json: str, *, source: str = "tokenizer.json") -> None:
        try:
            self._fast = FastTokenizer.from_str(tokenizer_json)
            self._definition: dict[str, Any] = json.loads(tokenizer_json)
        except Exception as error:  # the library raises bare Exception on a bad file
            raise ArtifactError(f"{source}: not a tokenizer: {error}") from error
        # Windows and batches are cut and padded elsewhere; a file that asks for it would cut documents silently.
        self._fast.no_truncation()
        self._fast.no_padding()
        # One document at a time: a long one takes much memory while it is tokenized.
        self._one_document = Lock()
        self.template = self._pair_template(source)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Reads a `tokenizer.json`."""
        try:
            return cls(path.read_text(encoding="utf-8"), source=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"{path}: cannot be read: {error}") from error

    @cached_property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that change with anything that changes ids, offsets or words."""
        definition = {key: value for key, value in self._definition.items() if key not in {"truncation", "padding"}}
        canonical = json.dumps([_ARRAYS_VERSION, definition], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def definition(self) -> dict[str, Any]:
        """The parsed `tokenizer.json`; not to be changed."""
        return self._definition

    @property
    def size(self) -> int:
        """The number of token ids, added tokens included: the greatest id plus one."""
        return 1 + max(self._fast.get_vocab(with_added_tokens=True).values(), default=-1)

    @cached_property
    def unknown_id(self) -> int | None:
        """The id of what the vocabulary does not know; None where it knows every byte."""
        model = self._definition.get("model", {})
        if model.get("unk_token") is not None:  # WordPiece, BPE
            return self.token_id(model["unk_token"])
        unknown_id: int | None = model.get("unk_id")  # Unigram
        return unknown_id

    def token_text(self, token_id: int) -> str:
        """Returns the token as the vocabulary spells it."""
        return self._fast.id_to_token(token_id) or ""

    def token_id(self, token: str) -> int | None:
        """Returns the id of a token as the vocabulary spells it, None where it has none."""
        token_id: int | None = self._fast.token_to_id(token)
        return token_id

    def normalize(self, text: str) -> str:
        """Returns the text as the tokenizer's normalizer leaves it (unchanged where it has none)."""
        normalizer = self._fast.normalizer
        text = without_escape_sequences(text)
        return text if normalizer is None else str(normalizer.normalize_str(text))

    def tokenize_document(self, text: str) -> TokenizedDocument:
        """Returns all of the text's tokens; nothing is cut. A terminal's escape sequences are read as spaces.

        Raises:
            InvalidText: it holds half of a character.
        """
        sha256 = sha256_of(text)
        with self._one_document:
            encoded = encode(self._fast, without_escape_sequences(text))
        ids, starts, ends = encoded.ids, encoded.starts, encoded.ends
        words = WordMap(text).numbers(starts, ends)
        for array in (ids, starts, ends, words):
            array.flags.writeable = False
        checksum = checksum_of(ids, starts, ends, words)
        return TokenizedDocument(sha256, self.fingerprint, ids, starts, ends, words, checksum)

    def tokenize_question(self, question: str) -> TokenizedQuestion:
        """Returns all of the question's tokens, read as a document's. Raises `InvalidText` as `tokenize_document`."""
        _utf8(question)
        ids = np.array(
            self._fast.encode(without_escape_sequences(question), add_special_tokens=False).ids, dtype=np.int32
        )
        return TokenizedQuestion(question, ids)

    def _pair_template(self, source: str) -> PairTemplate:
        """Reads the template off an encoded pair, so that every post-processor is supported alike."""
        pair = self._fast.encode("a", "b")
        runs: list[tuple[int | None, list[int], int]] = []  # (sequence, ids, type id)
        for sequence, token, type_id in zip(pair.sequence_ids, pair.ids, pair.type_ids, strict=True):
            if runs and runs[-1][0] == sequence:
                runs[-1][1].append(token)
            else:
                runs.append((sequence, [token], type_id))
        if [sequence for sequence, _, _ in runs] != [None, 0, None, 1, None]:
            raise ArtifactError(f"{source}: has no template `special question special context special` for a pair")
        prefix, middle, suffix = (np.array(runs[place][1], dtype=np.int32) for place in (0, 2, 4))
        types = tuple(type_id for _, _, type_id in runs)
        return PairTemplate(prefix, middle, suffix, (types[0], types[1], types[2], types[3], types[4]))
