"""Reads and checks the files that an artifact is built from, before anything long begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from pathlib import Path

from spanstream.models.errors import BuildError, QuestionTooLong
from spanstream.models.inference.packing import Batch, assemble
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import Window, windows_of
from spanstream.models.text.words import without_invisible


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A SQuAD v2.0 file and its questions."""

    path: Path
    examples: Sequence[Example]


def read_files(paths: Iterable[Path], tokenizer: Tokenizer) -> list[LabelledFile]:
    """Reads files, and checks that the tokenizer finds tokens in every text and answer.

    Raises:
        SquadError: a file is not in the layout.
        BuildError: a text with something to read comes out of the tokenizer without a token.
    """
    files = [LabelledFile(path, read_squad(path)) for path in paths]
    for file in files:
        without_tokens: dict[str, bool] = {}
        for example in file.examples:
            for text in (example.context, example.question, *example.answers):
                if text not in without_tokens:
                    without_tokens[text] = (
                        bool(without_invisible(text)) and tokenizer.tokenize_question(text).ids.size == 0
                    )
                if without_tokens[text]:
                    raise BuildError(
                        f"{file.path}: question {example.id}: the checkpoint's tokenizer makes no token of "
                        f"{text[:40]!r}"
                    )
    return files


def refuse_shared_texts(files: Sequence[LabelledFile]) -> None:
    """Refuses files with a text in common: what is tested on one must have had no part in choosing by another.

    Raises:
        BuildError: two files share a text; the error names them and a question.
    """
    for place, file in enumerate(files):
        for other in files[:place]:
            known = SeenQuestions.of(other.examples)
            if seen := next(filter(known.has_text, file.examples), None):
                raise BuildError(
                    f"{file.path}: question {seen.id}: its text is in {other.path} too; what one of them chooses the "
                    "other cannot test"
                )


def without_texts_of(examples: Iterable[Example], files: Iterable[LabelledFile]) -> list[LabelledFile]:
    """Returns the files without the questions about these examples' texts; a file that loses all is left out."""
    left_out = SeenQuestions.of(examples)
    kept = [LabelledFile(file.path, list(filterfalse(left_out.has_text, file.examples))) for file in files]
    return [file for file in kept if file.examples]


def first_windows(file: LabelledFile, options: ReadingOptions, *, number: int) -> list[Window]:
    """Returns the first windows of questions spread evenly over a file.

    Raises:
        BuildError: a question leaves no room for its document.
    """
    windows = []
    for example in file.examples[:: max(1, len(file.examples) // number)][:number]:
        question = options.tokenizer.tokenize_question(example.question)
        document = options.tokenizer.tokenize_document(example.context)
        try:
            windows.append(windows_of(question, document, options.shape)[0])
        except QuestionTooLong as error:
            raise BuildError(f"{file.path}: question {example.id}: {error}") from error
    return windows


def sample_batches(files: Sequence[LabelledFile], options: ReadingOptions, *, number: int) -> list[Batch]:
    """Returns windows spread evenly over the files, each alone in its batch: padding would count as activations."""
    return [
        assemble([window], pad_id=options.pad_id)
        for file in files
        for window in first_windows(file, options, number=max(1, number // len(files)))
    ]
