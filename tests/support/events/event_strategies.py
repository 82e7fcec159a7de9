"""Hypothesis strategies for the events of version 1: everything the models accept, Unicode included."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from spanstream.schemas.events import Answer, Document, ModelInfo, Question, Span, WindowsRead
from spanstream.schemas.feedback import WITH_SPAN, Feedback, TicketField, Verdict
from spanstream.schemas.fields import is_blank
from spanstream.schemas.triage import (
    Cut,
    DocumentRead,
    FieldResult,
    FieldStatus,
    PlaybookInfo,
    Reasons,
    Ticket,
    Times,
    Triage,
)

texts = st.text(st.characters(codec="utf-8"), max_size=60)
identifiers = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
metadata = st.dictionaries(texts, texts, max_size=4)
sha256s = st.text("0123456789abcdef", min_size=64, max_size=64)
probabilities = st.floats(0, 1)
times = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds

documents = st.builds(
    Document,
    document_id=identifiers,
    text=texts,
    title=st.none() | texts,
    metadata=metadata,
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    has_context = draw(st.booleans())
    return Question(
        question_id=draw(identifiers),
        question=draw(texts.filter(lambda text: not is_blank(text))),
        document_id=None if has_context else draw(identifiers),
        context=draw(texts) if has_context else None,
        document_sha256=draw(st.none() | sha256s),
        min_confidence=draw(st.none() | probabilities),
        metadata=draw(metadata),
    )


@st.composite
def spans(draw: st.DrawFn) -> Span:
    text = draw(names)
    start = draw(st.integers(0, 1_000_000))
    place = {"char_start": start, "char_end": start + len(text)}
    if draw(st.booleans()):
        utf16_start = start + draw(st.integers(0, 1_000))
        place |= {"utf16_start": utf16_start, "utf16_end": utf16_start + len(text.encode("utf-16-le")) // 2}
    return Span(text=text, **place)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    candidate = draw(st.none() | spans())
    answered = candidate is not None and draw(st.booleans())
    total = draw(st.integers(0, 3_000))
    return Answer(
        question_id=draw(identifiers),
        document_id=draw(st.none() | identifiers),
        document_sha256=draw(sha256s),
        status="answered" if answered else "no_answer",
        answer=candidate if answered else None,
        candidate=candidate,
        confidence=draw(probabilities),
        null_score_diff=None if candidate is None else draw(st.floats(allow_nan=False, allow_infinity=False)),
        windows=WindowsRead(total=total, read=draw(st.integers(0, total))),
        model=ModelInfo(name=draw(names), version=draw(names), precision=draw(names), calibration=draw(names)),
        metadata=draw(metadata),
        answered_at=draw(times),
    )


@st.composite
def feedbacks(draw: st.DrawFn) -> Feedback:
    has_context, has_field = draw(st.booleans()), draw(st.booleans())
    verdict: Verdict = draw(st.sampled_from(["accepted", "corrected", "no_answer", "unsure"]))
    return Feedback(
        feedback_id=draw(st.none() | identifiers),
        question_id=draw(st.none() | identifiers if has_field else identifiers),
        field=TicketField(ticket_id=draw(identifiers), name=draw(names)) if has_field else None,
        document_id=None if has_context else draw(identifiers),
        context=draw(texts) if has_context else None,
        document_sha256=draw(st.none() | sha256s if has_context else sha256s),
        question=draw(texts.filter(lambda text: not is_blank(text))),
        verdict=verdict,
        span=draw(spans()) if verdict in WITH_SPAN else None,
        by=draw(st.none() | texts),
        given_at=draw(times),
        source=draw(st.sampled_from(["person", "suggested", None])),
        metadata=draw(metadata),
    )


tickets = st.builds(
    Ticket,
    ticket_id=identifiers,
    subject=texts,
    body=texts,
    created_at=st.none() | times,
    channel=st.none() | texts,
    customer=st.none() | texts,
    attributes=metadata,
)


@st.composite
def field_results(draw: st.DrawFn) -> FieldResult:
    status = draw(st.sampled_from(FieldStatus))
    candidate = draw(spans() if status is FieldStatus.ANSWERED else st.none() | spans())
    return FieldResult(
        status=status,
        value=draw(st.none() | texts),
        is_default=draw(st.booleans()),
        answer=candidate if status is FieldStatus.ANSWERED else None,
        candidate=candidate,
        confidence=draw(st.none() | probabilities),
        question=draw(st.none() | texts),
        detail=draw(st.none() | texts),
    )


_cuts = st.builds(
    Cut, kind=st.sampled_from(["quoted_reply", "signature"]), at=st.integers(0, 99), chars=st.integers(0, 99)
)
_documents_read = st.builds(
    DocumentRead, document_id=identifiers, sha256=sha256s, from_html=st.booleans(), cut=st.lists(_cuts, max_size=2)
)
_models = st.builds(ModelInfo, name=names, version=names, precision=names, calibration=names)
triage_records = st.builds(
    Triage,
    ticket_id=identifiers,
    revision=st.integers(1, 2**31 - 1),
    complete=st.booleans(),
    route=names,
    priority=names,
    reason=st.builds(Reasons, route=texts, priority=texts),
    fields=st.dictionaries(names, field_results(), max_size=3),
    ask_customer=st.lists(texts, max_size=2),
    document=_documents_read,
    playbook=st.builds(PlaybookInfo, name=names, version=names, sha256=sha256s),
    models=st.lists(_models, max_size=2),
    times=st.builds(
        Times, created_at=st.none() | times, received_at=st.none() | times, asked_at=times, decided_at=times
    ),
)
