"""Defines the model's errors, named by what happens next.

ModelError
├── ArtifactError      stop: the artifact's folder is damaged, incomplete, not for this program, or cannot be written
├── InvalidText        the text or question is no Unicode text: it holds half of a character
├── ForkedReader       stop: the reader's threads are another process's
├── QuestionTooLong    dead letter `too_large`: the question leaves no room for the document
├── InferenceFailed    dead letter `inference_failed`: the session raised on this window alone
├── InvalidSpan        the answer would not be what the model pointed at
│   ├── SpanMismatch       dead letter `span_mismatch`: the text at the span is not the predicted tokens
│   └── DocumentChanged    dead letter `document_changed`: the tokens were made from another text
└── BadCacheEntry      a cache miss: not exactly this document's tokenization
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Characters of a foreign error's text: enough to know what it is about.
_LONGEST: Final = 200


class ModelError(Exception):
    """Anything the model raises on purpose; its text is one line, without the text of a question or a document."""


class ArtifactError(ModelError):
    """The artifact cannot be used or written; the text names the file."""


class InvalidText(ModelError):
    """A text holds a lone surrogate, half of a character, which no tokenizer and no UTF-8 can take."""


class ForkedReader(ModelError):
    """The process was forked after the reader was loaded: its threads stayed behind, and nothing would be read."""


class QuestionTooLong(ModelError):
    """The question's tokens leave no room for a window of the document."""


class InferenceFailed(ModelError):
    """The session raised on this window, alone in its batch."""


class InvalidSpan(ModelError):
    """A span failed validation; `candidate` describes it, for the dead letter's header."""

    def __init__(self, detail: str, candidate: Mapping[str, object]) -> None:
        super().__init__(detail)
        self.candidate = candidate


class SpanMismatch(InvalidSpan):
    """The text at the span is not what the predicted tokens say, or the span ends inside a word."""


class DocumentChanged(InvalidSpan):
    """The tokens were made from another text than the one to be quoted."""


class BadCacheEntry(ModelError):
    """The bytes are not this document's tokenization by this tokenizer: damaged, foreign or of another version."""


class BuildError(ModelError):
    """A training, build or evaluation cannot go on; its text is one line that names the input to blame."""


class SquadError(BuildError):
    """A file is not in the SQuAD v2.0 layout; the text names the file and, where there is one, the question's id."""


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or the name of its class where the text is empty."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def one_line(error: BaseException) -> str:
    """Returns an error's whole text on one line, cut where it becomes a report."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
