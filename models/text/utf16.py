"""Counts text in UTF-16 units, as JavaScript, Java and .NET do: a character beyond the basic plane is two of them."""

from __future__ import annotations


def utf16_length(text: str) -> int:
    """Returns how many UTF-16 units the text has. Linear in its length; ASCII costs nothing.

    Raises:
        UnicodeEncodeError: the text holds half of a character; no tokenized text does.
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
