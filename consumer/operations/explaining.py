"""Explains questions as the stream reads them, about a text or as they were published; compares what was published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.cache.opening import open_cache, open_store
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.published_questions import PublishedQuestion
from spanstream.consumer.settings import Settings
from spanstream.models.errors import ModelError
from spanstream.models.explaining.explain import explain
from spanstream.models.explaining.explanation import Explanation
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.events import Answer, Question


def explain_text(
    settings: Settings, text: str, question: str, *, expected: str | None, max_answers: int | None
) -> Explanation:
    """Explains a question about a text.

    Args:
        settings: name the model.
        text: what is read.
        question: what is asked.
        expected: the right answer, to be told what became of it.
        max_answers: how many answers are ranked; None: one.

    Raises:
        Stop: the model cannot be opened, or cannot read it.
    """
    with _stopping(), closing(open_reader(settings)) as reader:
        return explain(reader, text, question, expected=expected, max_answers=max_answers or 1)


def explain_published(
    settings: Settings, published: PublishedQuestion, *, expected: str | None, max_answers: int | None
) -> Explanation:
    """Explains a published question, with the document's tokens that the consumers would use.

    Args:
        settings: name the model, and Redis.
        published: the question and its text.
        expected: the right answer, to be told what became of it.
        max_answers: how many answers are ranked; None: as many as the question asks for.

    Raises:
        Stop: the model cannot be opened, or cannot read it.
    """
    with _stopping(), closing(open_reader(settings)) as reader:
        kept = _kept_tokens(settings, reader, published.text)
        asked = published.question
        return explain_event(reader, asked, published.text, expected=expected, document=kept, max_answers=max_answers)


def explain_event(  # noqa: PLR0913  as `explain`
    reader: Reader,
    question: Question,
    text: str,
    *,
    expected: str | None = None,
    document: TokenizedDocument | None = None,
    max_answers: int | None = None,
) -> Explanation:
    """Explains a question as its event asks it.

    Raises:
        Stop: the model cannot read it.
    """
    with _stopping():
        return explain(
            reader,
            text,
            question.question,
            expected=expected,
            document=document,
            threshold=question.min_confidence,
            max_answers=max_answers or question.max_answers or 1,
        )


@contextmanager
def _stopping() -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        raise Stop(str(error)) from None


def _kept_tokens(settings: Settings, reader: Reader, text: str) -> TokenizedDocument | None:
    """Returns the tokens of a document's text that the consumers would use; None where no Redis is configured."""
    store = open_store(settings.redis)
    if store is None:
        return None
    try:
        sha256 = sha256_of(text)
        return open_cache(settings, reader, store).get_many({sha256: text})[sha256]
    finally:
        store.close()


def compared_with(answer: Answer, explanation: Explanation, text: str) -> str:
    """Says in one line what was published, and why it may differ from what is explained."""
    quoted = f" “{answer.candidate.text}”" if answer.candidate is not None else ""
    said = f"published: {answer.status}{quoted} with confidence {answer.confidence:.2f}"
    by = f"by {answer.model.name} {answer.model.version} on {answer.answered_at:%Y-%m-%d %H:%M} UTC"
    differences = []
    if answer.document_sha256 != sha256_of(text):
        differences.append("the document has changed since")
    if f"{answer.model.name} {answer.model.version}" != explanation.model:
        differences.append("by another model")
    if answer.collection is not None:
        said_alone = "the confidence and thresholds above are those of this document alone"
        differences.append(f"asked of the collection {answer.collection}: {said_alone}")
    return f"{said} {by}" + "".join(f"; {difference}" for difference in differences)
