"""Labels windows, the very windows that serving reads, with the tokens of the answer.

Example -> tokenize -> windows -> [TrainingWindow(first, last)], [CLS] where a window does not hold the answer
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spanstream.models.errors import QuestionTooLong, SquadError
from spanstream.models.metrics.squad_files import Example
from spanstream.models.text.tokenization import TokenizedDocument, Tokenizer
from spanstream.models.text.windowing import Window, WindowShape, windows_of

# Where "no answer here" is: [CLS] stands first in the templates of all supported models.
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """A window and its label.

    Attributes:
        window: the window that is read.
        first: place of the answer's first token in the assembled window; `NO_ANSWER` where it is not in this window.
        last: place of its last token (inclusive).
    """

    window: Window
    first: int
    last: int

    @property
    def has_answer(self) -> bool:
        """Whether the whole answer stands in this window."""
        return self.last != NO_ANSWER


def training_windows(
    path: Path, examples: Iterable[Example], tokenizer: Tokenizer, shape: WindowShape
) -> Iterator[list[TrainingWindow]]:
    """Yields the windows of each example, in order. `path` is for messages.

    Raises:
        SquadError: the tokenizer has no token for a question or an answer, or a question leaves no room for its text.
    """
    documents: dict[str, TokenizedDocument] = {}
    for example in examples:
        document = documents.get(example.context)
        if document is None:
            document = documents[example.context] = tokenizer.tokenize_document(example.context)
        question = tokenizer.tokenize_question(example.question)
        if not len(question.ids):
            raise SquadError(f"{path}: question {example.id}: the tokenizer has no token for the question")
        try:
            windows = windows_of(question, document, shape)
        except QuestionTooLong as error:
            raise SquadError(f"{path}: question {example.id}: {error}") from error
        if not example.has_answer:
            yield [TrainingWindow(window, NO_ANSWER, NO_ANSWER) for window in windows]
            continue
        char_start, char_end = _gold_span(example)
        tokens = np.flatnonzero((document.starts < char_end) & (document.ends > char_start))
        if not len(tokens):
            raise SquadError(f"{path}: question {example.id}: the tokenizer has no token for the answer")
        yield [_label(window, int(tokens[0]), int(tokens[-1])) for window in windows]


def _gold_span(example: Example) -> tuple[int, int]:
    """Returns start and end of the answer that most annotators gave; of several such, the first."""
    votes = Counter(zip(example.starts, example.answers, strict=True))
    start, answer = max(votes, key=lambda span: votes[span])
    return start, start + len(answer)


def _label(window: Window, first: int, last: int) -> TrainingWindow:
    """Labels a window; an answer that its edge cuts is not in it."""
    if first < window.token_start or last >= window.token_end:
        return TrainingWindow(window, NO_ANSWER, NO_ANSWER)
    shift = window.context_start - window.token_start
    return TrainingWindow(window, first + shift, last + shift)
