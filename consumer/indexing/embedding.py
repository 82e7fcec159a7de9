"""Embeds texts such that one that the encoder fails on fails alone; where all fail, the encoder is wrong."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.models.arrays import Float32Array

_MOST_IN_A_ROW: Final = 20


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of texts, by text.

    Attributes:
        vectors: of those that were embedded.
        errors: of the others.
    """

    vectors: dict[str, Float32Array] = field(default_factory=dict, repr=False)
    errors: dict[str, Exception] = field(default_factory=dict, repr=False)


def embed_each(encoder: Embedder, texts: Sequence[str], beat: Callable[[], None]) -> Embedded:
    """Embeds texts all at once; where that fails each half for itself, so that the others go on without a bad one.

    Args:
        encoder: makes the vectors.
        texts: at least one.
        beat: called before each call of the encoder; what it raises ends the work.
    """
    beat()
    try:
        return Embedded(dict(zip(texts, encoder.embed(texts), strict=True)))
    except Exception as error:  # noqa: BLE001  whatever it is, the other texts go on without this one
        if len(texts) == 1:
            return Embedded(errors={texts[0]: error})
    middle = len(texts) // 2
    first, second = (embed_each(encoder, half, beat) for half in (texts[:middle], texts[middle:]))
    return Embedded(first.vectors | second.vectors, first.errors | second.errors)


class FailedStretch:
    """Watches how many in a row fail. Each counts once, however often it is tried.

    Args:
        what: they are, in the plural, for the error's text.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._failed: set[Hashable] = set()

    def went_well(self) -> None:
        """Takes in that one did not fail."""
        self._failed.clear()

    def failed(self, which: Hashable, error: Exception) -> None:
        """Takes in that one failed. Raises `Stop` where too many did, without one between them that did not."""
        self._failed.add(which)
        if len(self._failed) >= _MOST_IN_A_ROW:
            raise Stop(
                f"cutting or embedding failed on {len(self._failed)} {self._what} in a row, last with "
                f"{type(error).__name__}: the encoder looks wrong, not they",
                hint="SPANSTREAM_INDEX__ENCODER_PATH names it",
            ) from error
