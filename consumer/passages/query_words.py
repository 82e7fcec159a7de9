"""The words of a question that are searched for."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"\w+")
# A question is shorter; of a long text each word costs as much as the first ones.
_MOST_WORDS: Final = 64
_MOST_CHARS: Final = 1000
# They are in nearly every passage, so they say nothing and cost the most: Lucene's English list, and question words.
_COMMON: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
        "who",
        "what",
        "when",
        "where",
        "which",
        "why",
        "how",
        "do",
        "does",
        "did",
        "can",
        "i",
        "my",
        "we",
        "you",
        "your",
    ]
)


def query_words(text: str) -> list[str]:
    """Returns the distinct words of a text in lower case, without common English ones, as far as they are searched."""
    words = dict.fromkeys(word for word in _WORD.findall(text.lower()[:_MOST_CHARS]) if word not in _COMMON)
    return list(words)[:_MOST_WORDS]
