"""Embeds texts such that one that the encoder fails on fails alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spanstream.models.arrays import Float32Array


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of texts, by text.

    Attributes:
        vectors: of those that were embedded.
        errors: of the others.
    """

    vectors: dict[str, Float32Array] = field(default_factory=dict, repr=False)
    errors: dict[str, Exception] = field(default_factory=dict, repr=False)


def embed_each(
    embed: Callable[[Sequence[str]], Float32Array], texts: Sequence[str], beat: Callable[[], None] = lambda: None
) -> Embedded:
    """Embeds texts all at once; where that fails each half for itself, so that the others go on without a bad one.

    Args:
        embed: makes the vectors, (texts, dimensions).
        texts: at least one.
        beat: called before each call of the encoder; what it raises ends the work.
    """
    beat()
    try:
        return Embedded(dict(zip(texts, embed(texts), strict=True)))
    except Exception as error:  # noqa: BLE001  whatever it is, the other texts go on without this one
        if len(texts) == 1:
            return Embedded(errors={texts[0]: error})
    middle = len(texts) // 2
    first, second = (embed_each(embed, half, beat) for half in (texts[:middle], texts[middle:]))
    return Embedded(first.vectors | second.vectors, first.errors | second.errors)
