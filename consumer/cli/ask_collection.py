"""`spanstream ask --collection`: asks questions about a collection, and shows the passages that were looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer, Question

if TYPE_CHECKING:
    from spanstream.consumer.operations.collection_asker import CollectionReply
    from spanstream.consumer.terminal.passages_table import PassageView


def collection_questions(
    collection: str, asked: Sequence[str], wanted: Mapping[str, str], max_answers: int
) -> list[Question]:
    """Returns the events that ask a collection; `wanted` is metadata that its documents should have.

    Raises:
        Stop: one is no question, or the collection's name is none.
    """
    try:
        return [
            Question(
                question_id=str(number),
                question=text,
                collection=collection,
                filter=dict(wanted),
                max_answers=max_answers,
                metadata={"question": text},
            )
            for number, text in enumerate(asked, start=1)
        ]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Stop(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def ask_collection(questions: Sequence[Question], settings: Settings, *, as_json: bool) -> None:
    """Answers questions about collections, each with the passages that were looked at.

    Raises:
        Stop: a question would not be answered now.
    """
    from spanstream.consumer.operations.collection_asker import open_collection_asker  # noqa: PLC0415  for those who use it

    console = Console(highlight=False)
    with open_collection_asker(settings, SystemClock()) as asker:
        for reply in asker.replies(questions):
            if as_json:
                write_event(encode(reply.answer))
            else:
                _show(reply, console)


def _show(reply: CollectionReply, console: Console) -> None:
    from spanstream.consumer.terminal.answer_views import answer_view  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.panels import TicketPanel  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.passages_table import passages_table  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.views import TicketView  # noqa: PLC0415  for those who use it

    answer = reply.answer
    document_id = answer.document_id or ""
    view = answer_view(reply.question.question, answer)
    name, text = document_id or "no document", reply.texts.get(document_id, "")
    console.print(TicketPanel(TicketView(name, f"of {answer.collection}", text, (view,))))
    for other in answer.alternatives:
        if other.document_id is not None:
            console.print(Text(f"“{other.span.text}” is of {other.document_id}"))
    if answer.retrieved:
        console.print(passages_table(_passages(answer, reply.texts)))
    else:
        console.print(
            Text(f"nothing is near: {answer.collection} is empty, the filter fits nothing, or a name is wrong")
        )


def _passages(answer: Answer, texts: Mapping[str, str]) -> list[PassageView]:
    from spanstream.consumer.terminal.passages_table import PassageView  # noqa: PLC0415  for those who use it

    views, candidate = [], answer.candidate
    for passage in answer.retrieved:
        start, end = passage.char_start, passage.char_end
        quoted = None
        if candidate and passage.document_id == answer.document_id and start <= candidate.char_start < end:
            quoted = (candidate.char_start - start, min(candidate.char_end, end) - start)
        text = texts[passage.document_id][start:end]
        views.append(PassageView(passage.document_id, start, end, passage.score, text, quoted))
    return views
