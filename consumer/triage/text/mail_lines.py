"""Looks at a mail line by line: what is quoted, what reads like a log or a form, where the sender's own words begin."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property
from itertools import accumulate
from typing import Final

# A longer line is prose or a log, and no mark of a mail; the patterns for marks are tried on shorter ones only.
MAX_MARK_CHARS: Final = 400
_QUOTE_MARKS: Final = re.compile(r"(?:>\s?)+")
# What a customer reports: levels, times to the second, codes, versions, stack frames, paths, keys with values.
_EVIDENCE: Final = re.compile(
    r"\b(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|TRACE|\w*Exception|Traceback)\b|\b\d\d:\d\d:\d\d\b|\b[A-Z]{2,}-\d+\b"
    r"|\b\d+\.\d+\.\d+\b|\b0x[0-9a-fA-F]{2,}|^at \S+\(|^(?:\$|#|PS[ >:]|P\.\s?S\.) ?|^[A-Za-z]:\\|^/\w+/|^[{}\[\]]"
    r"|^[\w.-]+ ?=|^[\w-]{2,24}: \S+$"
)

# It may name a version or a code, and is prose all the same.
_SENTENCE: Final = re.compile(r"[A-Z][a-z]+,?(?: \S+){4,}[.!?,]")


class MailLines:
    """The lines of a mail and what can be said of each alone; everything is computed once, in one pass."""

    def __init__(self, text: str, block_quoted: Collection[int] = ()) -> None:
        """Splits the text; `block_quoted` are the numbers of lines that HTML quotes."""
        self.raw = text.split("\n")
        self.quoted = [number in block_quoted or line.lstrip().startswith(">") for number, line in enumerate(self.raw)]
        """Whether a line stands in a quotation, by its `>` or by its HTML."""
        self.words = [
            _QUOTE_MARKS.sub("", line.strip(), count=1).strip() if line.lstrip().startswith(">") else line.strip()
            for line in self.raw
        ]
        """The lines without quotation marks and surrounding spaces."""

    def __len__(self) -> int:
        return len(self.raw)

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """The quotations: quoted lines, with the blank ones between them."""
        runs: list[tuple[int, int]] = []
        is_open = False
        for number in range(len(self)):
            if self.quoted[number]:
                first = runs.pop()[0] if is_open else number
                runs.append((first, number + 1))
                is_open = True
            elif self.words[number]:
                is_open = False
        return runs

    @cached_property
    def first_own(self) -> int:
        """The first line with words that are not quoted; the number of lines if there is none."""
        own = (number for number, words in enumerate(self.words) if words and not self.quoted[number])
        return next(own, len(self))

    def above(self, number: int) -> str:
        """Returns the words of the nearest line above that has some; nothing if there is none."""
        return next((self.words[at] for at in range(number - 1, -1, -1) if self.words[at]), "")

    def is_announced(self, number: int) -> bool:
        """Says whether the words above lead to this line ("The gateway adds this to every mail:")."""
        return self.above(number).endswith((":", "\N{FULLWIDTH COLON}"))

    def has_words(self, first: int, last: int) -> bool:
        """Says whether any of the lines from `first` up to `last` has words."""
        return self._counts[last][0] > self._counts[first][0]

    def is_mostly_evidence(self, first: int, last: int) -> bool:
        """Says whether at least half of these lines read like a log or a form."""
        (words, evidence), (words_above, evidence_above) = self._counts[last], self._counts[first]
        return 2 * (evidence - evidence_above) >= max(1, words - words_above)

    @cached_property
    def _counts(self) -> list[tuple[int, int]]:
        """How many lines above each line have words, and how many read like evidence."""
        each = ((bool(words), is_evidence(words) and not _SENTENCE.fullmatch(words)) for words in self.words)
        return list(accumulate(each, lambda sums, line: (sums[0] + line[0], sums[1] + line[1]), initial=(0, 0)))


def is_evidence(words: str) -> bool:
    """Says whether a line reads like part of a log, a form or a command, and not like a letter."""
    return _EVIDENCE.search(words) is not None
