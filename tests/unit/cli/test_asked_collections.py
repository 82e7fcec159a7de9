"""`spanstream ask --collection` where a collection gives nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from spanstream.consumer.cli.ask_collection import ask_collection, collection_questions
from spanstream.consumer.operations import collection_asker
from spanstream.consumer.operations.collection_asker import CollectionReply
from spanstream.consumer.settings import Settings
from spanstream.schemas.answer_parts import ModelInfo, WindowsRead
from spanstream.schemas.events import Answer


def test_where_nothing_is_near_it_is_said_why_that_may_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [question] = collection_questions("handbok", ["When?"], {}, 1)
    nothing: dict[str, Any] = dict.fromkeys(("document_id", "document_sha256", "answer", "candidate"))
    answer = Answer(
        **nothing,
        question_id="1",
        status="no_answer",
        confidence=0.0,
        null_score_diff=None,
        windows=WindowsRead(total=0, read=0),
        model=ModelInfo(name="m", version="1", precision="int8", calibration="c"),
        metadata={},
        answered_at=datetime(2026, 2, 1, tzinfo=UTC),
        collection="handbok",
    )

    @contextmanager
    def opened(*_: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(replies=lambda _: [CollectionReply(question, answer, {})])

    monkeypatch.setattr(collection_asker, "open_collection_asker", opened)
    ask_collection([question], Settings(), as_json=False)
    assert "nothing is near: handbok is empty, the filter fits nothing, or a name is wrong" in capsys.readouterr().out
