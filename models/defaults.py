"""Holds the defaults of the model's settings. Imports nothing of the project, so that a setting loads no runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

# How a document that does not fit into one window is cut: at every so many tokens, or between sentences.
WindowMode = Literal["sliding", "sentences"]

# Resolved: in a checkout the package is reached over a link.
DEFAULT_ARTIFACT: Final = Path(__file__).resolve().parent / "artifacts" / "minilm-l6-qa"
# What passages and questions about a collection are embedded with.
DEFAULT_ENCODER: Final = DEFAULT_ARTIFACT.with_name("minilm-l6-encoder")
# Windows read of one document at most: 32 x 384 tokens are about 30 pages. BM25 picks among more.
DEFAULT_MAX_WINDOWS: Final = 32
# Bytes of the long documents, with their BM25 indexes, that are kept for their next question.
KEPT_INDEX_BYTES: Final = 32 << 20
# The distance from the reference above which a figure of what is read has drifted (docs/drift.md).
DRIFT_LIMIT: Final = 0.25
# Tokens of a window, question and special tokens included.
MAX_LENGTH: Final = 384
# Tokens of the document that a window shares with the next one.
STRIDE: Final = 128
# Tokens of the longest answer. Error messages are longer than SQuAD's answers; 30 and 48 score the same there.
MAX_ANSWER_TOKENS: Final = 48
