"""Cuts a tokenized document into windows: slices, assembled with the question only when they are packed.

Token for token and offset for offset what a Hugging Face fast tokenizer gives for `tokenizer(question, context,
truncation="only_second", max_length=..., stride=..., return_overflowing_tokens=True)`; a test compares. One difference
is deliberate: byte-level tokenizers with `add_prefix_space` take the first token of every later window for the text's
first and leave its white space on; here a token has the same place in every window as in the document.
"""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.models.errors import QuestionTooLong
from spanstream.models.text.tokenization import PairTemplate, TokenizedDocument, TokenizedQuestion


@dataclass(frozen=True, slots=True)
class WindowShape:
    """How long windows are: `max_length` tokens in all, neighbours share `stride` tokens of the document."""

    max_length: int
    stride: int
    template: PairTemplate

    def room(self, question: TokenizedQuestion, document: TokenizedDocument) -> int:
        """Returns how many tokens of the document fit beside the question.

        Raises:
            QuestionTooLong: the document does not fit as a whole and windows of it would not advance.
        """
        room = self.max_length - self.template.special_tokens - len(question.ids)
        if document.size > room and room <= self.stride:
            most = self.max_length - self.template.special_tokens - self.stride - 1
            raise QuestionTooLong(
                f"the question has {len(question.ids)} tokens; beside a document that does not fit into one window "
                f"this model takes at most {most}"
            )
        return room


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The document's tokens `token_start` to `token_end` (exclusive), to be read with the question.

    Equal only to itself, so that results can be looked up by window. `number` is which of the document's windows it is,
    counted from 1.
    """

    question: TokenizedQuestion
    document: TokenizedDocument
    token_start: int
    token_end: int
    shape: WindowShape
    number: int

    @property
    def length(self) -> int:
        """Tokens of the assembled window, special tokens included."""
        return self.context_start + self.token_end - self.token_start + len(self.shape.template.suffix)

    @property
    def context_start(self) -> int:
        """Where the document's tokens begin in the assembled window."""
        template = self.shape.template
        return len(template.prefix) + len(self.question.ids) + len(template.middle)


def windows_of(question: TokenizedQuestion, document: TokenizedDocument, shape: WindowShape) -> list[Window]:
    """Returns all windows of the document for this question in order; one empty window for an empty document.

    Raises:
        QuestionTooLong: see `WindowShape.room`.
    """
    room = shape.room(question, document)
    windows: list[Window] = []
    token_start = 0
    while True:
        token_end = min(token_start + room, document.size)
        windows.append(Window(question, document, token_start, token_end, shape, len(windows) + 1))
        if token_end == document.size:
            return windows
        token_start += room - shape.stride
