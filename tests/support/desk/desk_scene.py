"""A desk over a broker in memory: hand-made answers, their documents, and a client that behaves as a browser does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.testclient import TestClient

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition, PartitionReader
from spanstream.consumer.desk.opening import open_parts
from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.desk.web.access import Access
from spanstream.consumer.desk.web.app import create_app
from spanstream.consumer.replay.ledger import ledger_of
from spanstream.consumer.settings import DeskSettings, Settings, TopicSettings
from spanstream.schemas.answer_parts import ModelInfo, Span, WindowsRead
from spanstream.schemas.codec import encode
from spanstream.schemas.dead_letters import DeadLetter, Reason, Stage, to_headers
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.triage import AnyEvent
from tests.support.kafka.program import until

TOPICS = TopicSettings()
BEGAN = datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
MODEL = ModelInfo(name="minilm", version="1.4.0", precision="int8", calibration="platt")
TOKEN = "a token of the tests"  # noqa: S105  that is what it is
HOSTILE = (
    "<script>alert(1)</script> \u202eleft\u202c \x00 </pre><img src=x onerror=alert(2)> 'quoted' \"twice\" & so on"
)


class StandingGroup:
    """Answers questions about a group that never moves."""

    def __init__(self, lag: int = 0, members: int = 1) -> None:
        self._lag, self._members = lag, members

    def lag(self, _: str, __: object) -> dict[Partition, int]:
        return {Partition(TOPICS.questions, 0): self._lag}

    def members(self, _: str) -> dict[str, list[Partition]]:
        return {f"member-{number}": [] for number in range(self._members)}


@dataclass
class DeskScene:
    """What is in the topics, and a desk over it once `open` was called."""

    broker: MemoryBroker = field(default_factory=MemoryBroker)
    count: int = 0

    def __post_init__(self) -> None:
        for topic in (*TOPICS.model_dump().values(), ledger_of(TOPICS.dead_letters)):
            self.broker.create_topic(topic, 2)

    def send(self, topic: str, key: str, event: AnyEvent | None) -> None:
        value = None if event is None else encode(event)
        self.broker.publisher().publish([Outgoing(topic, key.encode(), value)], {})

    def document(self, text: str, document_id: str = "ticket-1", title: str | None = None) -> Document:
        document = Document(document_id=document_id, text=text, title=title)
        self.send(TOPICS.documents, document_id, document)
        return document

    def answer(
        self,
        document: Document,
        question: str,
        quote: str | None,
        confidence: float = 0.9,
        *,
        declined: bool = False,
        question_id: str | None = None,
        model: ModelInfo = MODEL,
        collection: str | None = None,
        max_answers: int | None = None,
        **several: Any,
    ) -> Answer:
        """Publishes a question about a document, or a collection that it is in, and its answer; returns the answer."""
        self.count += 1
        question_id = question_id or f"q-{self.count}"
        document_id = document.document_id if collection is None else None
        asked = Question(
            question_id=question_id,
            question=question,
            document_id=document_id,
            collection=collection,
            max_answers=max_answers,
        )
        key = document_id or question_id
        is_quoted = collection is None or quote is not None
        span = None
        if quote is not None:
            start = document.text.index(quote)
            span = Span(text=quote, char_start=start, char_end=start + len(quote))
        is_given = span is not None and not declined
        answer = Answer(
            question_id=question_id,
            document_id=document.document_id if is_quoted else None,
            document_sha256=document.sha256 if is_quoted else None,
            status="answered" if is_given else "no_answer",
            answer=span if is_given else None,
            candidate=span,
            confidence=confidence,
            null_score_diff=None if span is None else -1.5,
            windows=WindowsRead(total=1, read=1),
            model=model,
            metadata={},
            answered_at=BEGAN + timedelta(seconds=self.count),
            collection=collection,
            **several,
        )
        self.send(TOPICS.questions, key, asked)
        self.send(TOPICS.answers, key, answer)
        return answer

    def letter(
        self, value: bytes, reason: Reason = Reason.INVALID_EVENT, detail: str = "it is wrong", **fields: Any
    ) -> None:
        """Publishes a dead letter with this value."""
        letter = DeadLetter(
            reason=reason,
            detail=detail,
            stage=Stage.DECODE,
            topic=TOPICS.questions,
            partition=0,
            offset=7,
            attempt=1,
            failed_at=BEGAN,
        )
        headers = to_headers(letter, fields.get("headers", ()))
        self.broker.publisher().publish([Outgoing(TOPICS.dead_letters, fields.get("key", b"k"), value, headers)], {})

    @contextmanager
    def open(
        self, *, is_writing: bool = False, open_reader: Callable[[], PartitionReader] | None = None, **settings: Any
    ) -> Iterator[DeskParts]:
        """Opens the parts, and waits until they have read what is there."""
        settings_of_all = Settings(desk=DeskSettings(**settings))
        parts = open_parts(
            settings_of_all,
            is_writing=is_writing,
            open_reader=open_reader or self.broker.reader,
            open_publisher=self.broker.publisher,
            queries=StandingGroup(),
        )
        try:
            until(lambda: parts.follower.is_caught_up, "the desk to have read the topics")
            until(lambda: parts.groups.state().verdict != "unknown", "the desk to know how the consumers are")
            yield parts
        finally:
            parts.close()


def browser_of(parts: DeskParts, **options: Any) -> TestClient:
    """Returns a client that keeps cookies and asks for pages."""
    token = parts.settings.desk.token
    access = Access(None if token is None else token.get_secret_value(), frozenset({"desk.example"}))
    app = create_app(parts, access)
    return TestClient(app, base_url="http://127.0.0.1:8082", headers={"Accept": "text/html"}, **options)


def csrf_of(page: str) -> str:
    """Returns the CSRF token of the forms on a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None, "there is no form on the page"
    return found[1]


def submit(browser: TestClient, page: str, address: str, fields: Mapping[str, str]) -> Any:
    """Loads a page, and sends a form of it."""
    csrf = csrf_of(browser.get(page).text)
    return browser.post(address, data={"csrf": csrf, **fields}, follow_redirects=False)
