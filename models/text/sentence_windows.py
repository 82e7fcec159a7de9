"""Cuts a tokenized document into windows of whole sentences: each as full as can be, neighbours share some sentences.

A window ends where a sentence ends. The next one begins with a sentence too: it shares as many as fit into the stride,
and at least as many tokens as the longest answer has, so that no answer is cut by every window. Where sentences are too
long for that, windows are cut between the lines of a stack trace, else as the sliding mode cuts.
"""

from __future__ import annotations

import numpy as np

from spanstream.models.arrays import Int32Array
from spanstream.models.text.sentences import boundaries_of
from spanstream.models.text.tokenization import TokenizedDocument, TokenizedQuestion
from spanstream.models.text.windowing import Window, WindowShape


class SentenceMap:
    """The tokens of a document that sentences begin with; the same for every question, so worth keeping.

    Attributes:
        sentences: (sentences,) first token of each sentence, paragraph, list item or log entry, in order.
        lines: (lines,) first token of each further line of a stack trace, in order.
    """

    def __init__(self, document: TokenizedDocument, text: str) -> None:
        boundaries = boundaries_of(text)
        self.sentences = _first_tokens(document, boundaries.sentences)
        self.lines = _first_tokens(document, boundaries.lines)
        self._document_bytes = document.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes held, and those of the document, for the bound of a cache whose keys are documents."""
        return self._document_bytes + self.sentences.nbytes + self.lines.nbytes

    def windows(
        self, question: TokenizedQuestion, document: TokenizedDocument, shape: WindowShape, max_answer_tokens: int
    ) -> list[Window]:
        """Returns all windows of the document for this question, in order.

        Args:
            question: what they are read for.
            document: the one that this was made of.
            shape: the windows'.
            max_answer_tokens: the longest answer.

        Raises:
            QuestionTooLong: see `WindowShape.room`.
        """
        room = shape.room(question, document)
        shared = min(max_answer_tokens, shape.stride)
        windows: list[Window] = []
        token_start = token_end = 0
        while True:
            token_end = self._end(token_start, token_end, document.size, room, shape.stride)
            windows.append(Window(question, document, token_start, token_end, shape, len(windows) + 1))
            if token_end == document.size:
                return windows
            token_start = self._next_start(token_end, room, shape.stride, shared)

    def _end(self, token_start: int, previous_end: int, size: int, room: int, stride: int) -> int:
        """Returns where the window ends that begins here: behind the last sentence, else line, that fits.

        One that would be less than half full, or have nothing new, is cut where its room ends.
        """
        limit = token_start + room
        if limit >= size:
            return size
        least = max(previous_end, token_start + max(stride, room // 2))
        for places in (self.sentences, self.lines):
            fitting = int(np.searchsorted(places, limit, side="right"))
            if fitting and places[fitting - 1] > least:
                return int(places[fitting - 1])
        return limit

    def _next_start(self, token_end: int, room: int, stride: int, shared: int) -> int:
        """Returns where the window begins that comes after one that ends here.

        Args:
            token_end: where the one before ends.
            room: tokens of the document that fit into a window; about half of them are new in each.
            stride: what neighbours share at most, but for a sentence that is longer.
            shared: what they share at least.
        """
        for places in (self.sentences, self.lines):
            number = int(np.searchsorted(places, token_end - stride))
            if number < len(places) and places[number] <= token_end - shared:
                return int(places[number])
            if number and places[number - 1] >= token_end - max(stride, room // 2):
                return int(places[number - 1])
        return token_end - stride


def _first_tokens(document: TokenizedDocument, places: list[int]) -> Int32Array:
    """Returns the first token behind each place, without those that would cut a word."""
    tokens = np.unique(np.searchsorted(document.starts, places)).astype(np.int32)
    tokens = tokens[(tokens > 0) & (tokens < document.size)]
    whole: Int32Array = tokens[document.words[tokens] != document.words[tokens - 1]]
    return whole
