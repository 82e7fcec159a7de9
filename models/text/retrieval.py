"""Picks the windows to read of a document too long to read whole: BM25 of the question over blocks of tokens.

Terms are the tokenizer's own ids, so nothing is tokenized again and every language it knows is served. Scoring blocks
shorter than a window lets one index serve all questions about a document, however long each of them is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spanstream.models.arrays import Float32Array
from spanstream.models.text.tokenization import TokenizedDocument, TokenizedQuestion
from spanstream.models.text.windowing import Window

_BLOCK_TOKENS = 64
# Of the dictionary from a term to its number, and of the library's set of these numbers.
_TERM_BYTES = 200


class BlockIndex:
    """BM25 over blocks of a document: Lucene's variant, after Robertson and Zaragoza 2009 with idf never negative."""

    def __init__(self, document: TokenizedDocument) -> None:
        import bm25s  # noqa: PLC0415  a tenth of a second to import, and only long documents need it

        known, ids = np.unique(document.ids, return_inverse=True)
        self._terms: dict[int | str, int] = {token_id: number for number, token_id in enumerate(known.tolist())}
        blocks = [ids[start : start + _BLOCK_TOKENS] for start in range(0, document.size, _BLOCK_TOKENS)]
        self._document_bytes = document.nbytes
        self._index = bm25s.BM25(method="lucene")
        self._index.index((blocks, self._terms), show_progress=False)

    @property
    def nbytes(self) -> int:
        """Bytes held, and those of the document, for the bound of a cache whose keys are documents."""
        arrays = sum(array.nbytes for array in self._index.scores.values() if isinstance(array, np.ndarray))
        return self._document_bytes + arrays + _TERM_BYTES * len(self._terms)

    def choose(self, windows: Sequence[Window], question: TokenizedQuestion, most: int) -> list[Window]:
        """Returns the `most` windows whose blocks score highest, in the document's order; the earlier one of equals."""
        scores = self.scores(windows, question)
        ranked = sorted(range(len(windows)), key=lambda place: (-scores[place], windows[place].token_start))
        return sorted((windows[place] for place in ranked[:most]), key=lambda window: window.token_start)

    def scores(self, windows: Sequence[Window], question: TokenizedQuestion) -> list[float]:
        """Returns the score of each window; all 0 where the document has no term of the question."""
        terms = [self._terms[token_id] for token_id in question.ids.tolist() if token_id in self._terms]
        if not terms:
            return [0.0] * len(windows)
        blocks: Float32Array = self._index.get_scores(terms)
        return [_window_score(window, blocks) for window in windows]


def _window_score(window: Window, block_scores: Float32Array) -> float:
    """Returns the sum over the blocks that the window touches, each weighed by the share that the window holds."""
    first, last = window.token_start // _BLOCK_TOKENS, -(-window.token_end // _BLOCK_TOKENS)
    blocks = np.arange(first, last)
    held = np.minimum((blocks + 1) * _BLOCK_TOKENS, window.token_end) - np.maximum(
        blocks * _BLOCK_TOKENS, window.token_start
    )
    return float((block_scores[first:last] * held / _BLOCK_TOKENS).sum())
