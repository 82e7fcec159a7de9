"""What holds of a feedback, against any text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spanstream.consumer.feedback.checking import make_label
from spanstream.consumer.operations.labelling.feedback import labels_of
from spanstream.models.text.words import WordMap, without_invisible
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Document
from spanstream.schemas.feedback import Feedback

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


def corrected(text: str, start: int, quoted: str) -> Feedback:
    return Feedback(
        question_id="q",
        document_id="d",
        document_sha256=Document(document_id="d", text=text).sha256,
        question="Which?",
        verdict="corrected",
        span=Span(text=quoted, char_start=start, char_end=start + len(quoted)),
        given_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@given(text=texts, data=st.data())
def test_a_label_quotes_its_document_in_whole_words_or_there_is_none(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    inside, quoted = WordMap(text).inside, text[start:end]
    is_whole = not (inside[start] or inside[end]) and bool(without_invisible(quoted)) and quoted == quoted.strip()
    document = Document(document_id="d", text=text)
    feedback = corrected(text, start, text[start:end])
    if is_whole:
        label = make_label(feedback, lambda _: document)
        assert label.span is not None
        assert text[label.span.char_start : label.span.char_end] == label.span.text
        assert len(labels_of([label], lambda _: text).labels) == 1  # what holds here can be an example
        return
    with pytest.raises(InvalidRecord) as refusal:
        make_label(feedback, lambda _: document)
    assert refusal.value.reason is Reason.SPAN_MISMATCH


@given(text=texts, quoted=texts, start=st.integers(0, 100))
def test_what_does_not_stand_at_its_place_is_refused(text: str, quoted: str, start: int) -> None:
    assume(text[start : start + len(quoted)] != quoted)
    with pytest.raises(InvalidRecord) as refusal:
        make_label(corrected(text, start, quoted), lambda _: Document(document_id="d", text=text))
    assert refusal.value.reason is Reason.SPAN_MISMATCH


def test_places_in_other_units_are_left_out_of_the_label() -> None:
    text = "\N{GRINNING FACE} E42"
    feedback = corrected(text, 2, "E42")
    span = Span(text="E42", char_start=2, char_end=5, utf16_start=3, utf16_end=6)
    label = make_label(feedback.model_copy(update={"span": span}), lambda _: Document(document_id="d", text=text))
    assert label.span == Span(text="E42", char_start=2, char_end=5)


def test_a_version_that_is_not_the_contexts_is_refused() -> None:
    inline = corrected("E42", 0, "E42").model_copy(
        update={"document_id": None, "context": "E42", "document_sha256": "0" * 64}
    )
    with pytest.raises(InvalidRecord) as refusal:
        make_label(inline, lambda _: None)
    assert refusal.value.reason is Reason.DOCUMENT_CHANGED
