"""Values of records for tests of the codec: valid JSON unless the fields given make it otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from spanstream.schemas.errors import DETAIL_CHARS, InvalidRecord, one_line


def document(**fields: Any) -> bytes:
    """Returns a document's value with these fields changed or added."""
    return json.dumps({"document_id": "d", "text": "t", **fields}).encode()


def question(**fields: Any) -> bytes:
    """Returns a question's value with these fields changed or added."""
    return json.dumps({"question_id": "q", "question": "who?", "document_id": "d", **fields}).encode()


def refusal(decode: Callable[[], object]) -> InvalidRecord:
    """Returns the refusal, after checking that it is one line of bounded length."""
    with pytest.raises(InvalidRecord) as caught:
        decode()
    error = caught.value
    assert error.detail
    assert len(error.detail) <= DETAIL_CHARS
    assert error.detail == one_line(error.detail)
    return error
