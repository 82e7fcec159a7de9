"""Writes a tokenized document as bytes for a shared cache, and reads exactly that document's entry or none.

Layout, little-endian: magic `SSTD`, version (u16), Unicode version (u16, 1510 is 15.1.0), tokens (u32), CRC-32 of the
arrays (u32), tokenizer fingerprint (32 bytes), SHA-256 of the text (32 bytes), the arrays ids, starts, ends and words
(4 bytes a token each), and BLAKE2b-128 over all of it. Any flipped bit, cut, or foreign entry is a `BadCacheEntry`.

The Unicode version is that of the Python that wrote the entry: which characters make a word depends on it.
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata

import numpy as np

from spanstream.models.errors import BadCacheEntry
from spanstream.models.text.tokenization import TokenizedDocument

_HEADER = struct.Struct("<4sHHII32s32s")
_MAGIC = b"SSTD"
_VERSION = 2  # 2: escape sequences are spaces, fillers are invisible
_DIGEST_BYTES = 16
_ARRAYS = 4
_UNICODE_VERSION = int(unicodedata.unidata_version.replace(".", ""))
_LITTLE_INT32 = np.dtype("<i4")


def encode(document: TokenizedDocument) -> bytes:
    """Returns the document's tokenization as bytes."""
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        _UNICODE_VERSION,
        document.size,
        document.checksum,
        bytes.fromhex(document.fingerprint),
        bytes.fromhex(document.text_sha256),
    )
    arrays = (document.ids, document.starts, document.ends, document.words)
    body = header + b"".join(array.astype(_LITTLE_INT32, copy=False).tobytes() for array in arrays)
    return body + _digest(body)


def decode(value: bytes, *, fingerprint: str, text_sha256: str) -> TokenizedDocument:
    """Returns the tokenization of this very text by this very tokenizer.

    Raises:
        BadCacheEntry: the value is anything else.
    """
    if len(value) < _HEADER.size + _DIGEST_BYTES:
        raise BadCacheEntry("the entry is cut short")
    body, digest = value[:-_DIGEST_BYTES], value[-_DIGEST_BYTES:]
    if _digest(body) != digest:
        raise BadCacheEntry("the entry is damaged")
    magic, version, unicode_version, tokens, checksum, made_by, made_from = _HEADER.unpack_from(body)
    if (magic, version, unicode_version) != (_MAGIC, _VERSION, _UNICODE_VERSION):
        raise BadCacheEntry("the entry is of another format, version or version of Unicode")
    if made_by.hex() != fingerprint:
        raise BadCacheEntry("the entry is another tokenizer's")
    if made_from.hex() != text_sha256:
        raise BadCacheEntry("the entry is another text's")
    if len(body) != _HEADER.size + _ARRAYS * tokens * _LITTLE_INT32.itemsize:
        raise BadCacheEntry("the entry's length is not what its header says")
    arrays = np.frombuffer(body, dtype=_LITTLE_INT32, offset=_HEADER.size).reshape(_ARRAYS, tokens)
    ids, starts, ends, words = (row.astype(np.int32, copy=False) for row in arrays)
    document = TokenizedDocument(text_sha256, fingerprint, ids, starts, ends, words, checksum)
    if not document.is_intact:
        raise BadCacheEntry("the entry's arrays do not match their checksum")
    return document


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
