"""Spells predicted token ids as characters without looking at any offset, so that validation can compare them.

Vocabularies spell tokens in three ways: WordPiece (`##ing`), byte-level BPE (`Ġthe`, one character a byte) and
Metaspace (`▁the`). White space, invisible characters and case are left out of the comparison, since normalizers and
pre-tokenizers change them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.words import visible_of


class Surface:
    """Spells tokens and compares them with a text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        definition = tokenizer.definition
        model = definition["model"]
        self._word_piece_prefix: str = model.get("continuing_subword_prefix") or ""
        self._byte_level = "ByteLevel" in _types(definition.get("decoder")) | _types(definition.get("pre_tokenizer"))
        unknown = model.get("unk_token")
        self._unknown_id = tokenizer.token_id(unknown) if unknown is not None else model.get("unk_id")
        self._added = {token["id"]: token["content"] for token in definition.get("added_tokens", [])}

    def is_unknown(self, token_id: int) -> bool:
        """Whether the token is the one for what the vocabulary cannot spell, which says nothing about the text."""
        return token_id == self._unknown_id

    def drops(self, char: str) -> bool:
        """Whether the tokenizer's normalizer leaves nothing of the character, so that no token stands for it."""
        return not visible_of(self._tokenizer.normalize(char))

    def agrees(self, token_ids: Iterable[int], text: str) -> bool:
        """Whether the tokens spell the text, after the tokenizer's own normalizer; an unknown token is any text."""
        expected = _condensed(self._tokenizer.normalize(text))
        literals, unknowns = self._spell(token_ids)
        return _matches(literals, unknowns, expected)

    def _spell(self, token_ids: Iterable[int]) -> tuple[list[str], int]:
        """Returns the literal pieces between runs of unknown tokens, and how many unknown tokens there are."""
        pieces: list[str] = []
        literals: list[str] = []
        unknowns = 0
        after_unknown = False
        for token_id in token_ids:
            if token_id == self._unknown_id:
                unknowns += 1
                if not after_unknown:
                    literals.append(self._join(pieces))
                    pieces = []
                after_unknown = True
            else:
                pieces.append(self._piece(token_id))
                after_unknown = False
        literals.append(self._join(pieces))
        return literals, unknowns

    def _piece(self, token_id: int) -> str:
        """Spells one token for the comparison; byte-level pieces are joined before they are decoded."""
        token = self._tokenizer.token_text(token_id)
        if token_id in self._added:
            content: str = self._tokenizer.normalize(token)
            return "".join(_BYTE_SPELLING[byte] for byte in content.encode()) if self._byte_level else content
        prefix = self._word_piece_prefix
        return token[len(prefix) :] if prefix and token.startswith(prefix) else token

    def _join(self, pieces: list[str]) -> str:
        joined = "".join(pieces)
        if self._byte_level:
            joined = bytes(self._bytes[char] for char in joined if char in self._bytes).decode(errors="replace")
        return _condensed(joined)

    @cached_property
    def _bytes(self) -> dict[str, int]:
        return {char: byte for byte, char in _BYTE_SPELLING.items()}


def _matches(literals: list[str], unknowns: int, expected: str) -> bool:
    """Whether `expected` is the literals in order, with anything for each run of unknown tokens between them.

    Anything may be nothing: an unknown token can stand for a character that is left out of the comparison.
    """
    if not unknowns:
        return expected == literals[0]
    first, *middle, last = literals
    if not expected.startswith(first):
        return False
    place = len(first)
    for literal in middle:
        start = expected.find(literal, place)
        if start < 0:
            return False
        place = start + len(literal)
    return expected.endswith(last) and len(expected) - len(last) >= place


def _condensed(text: str) -> str:
    # Metaspace's sign for a space goes too: a text that holds it is tokenized as if it held a space.
    return visible_of(text).replace("▁", "").casefold()


def _types(part: dict[str, Any] | None) -> set[str]:
    """Returns the types named in a tokenizer's decoder or pre-tokenizer, sequences included."""
    if part is None:
        return set()
    nested = [*part.get("decoders", []), *part.get("pretokenizers", [])]
    return {part["type"]}.union(*(_types(child) for child in nested))


def _byte_spelling() -> dict[int, str]:
    """Returns the spelling of each byte in byte-level vocabularies: itself or from U+0100 on (GPT-2)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spelling = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in spelling)
    return spelling | {byte: chr(256 + place) for place, byte in enumerate(others)}


_BYTE_SPELLING = _byte_spelling()
