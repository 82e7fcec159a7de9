"""Hypothesis strategies for the events of version 1: everything the models accept, Unicode included."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from spanstream.schemas.answer_parts import Alternative, ModelInfo, Place, RetrievedPassage, Span, WindowsRead
from spanstream.schemas.events import Answer, Document, Question
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
collection_names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
times = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds

documents = st.builds(
    Document,
    document_id=identifiers,
    text=texts,
    title=st.none() | texts,
    metadata=metadata,
    collections=st.lists(collection_names, max_size=3, unique=True),
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    source = draw(st.sampled_from(["document_id", "context", "collection"]))
    asks_collection = source == "collection"
    return Question(
        question_id=draw(identifiers),
        question=draw(texts.filter(lambda text: not is_blank(text))),
        document_id=draw(identifiers) if source == "document_id" else None,
        context=draw(texts) if source == "context" else None,
        document_sha256=None if asks_collection else draw(st.none() | sha256s),
        min_confidence=draw(st.none() | probabilities),
        metadata=draw(metadata),
        max_answers=draw(st.none() | st.integers(1, 20)),
        collection=draw(collection_names) if asks_collection else None,
        filter=draw(metadata) if asks_collection else {},
        answer_again=asks_collection and draw(st.booleans()),
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
def further_places(draw: st.DrawFn, span: Span, apart: int) -> list[Place]:
    """Draws places of the span's text, so far apart from each other and from the span that nothing overlaps."""
    places = []
    for number in range(1, draw(st.integers(0, 2)) + 1):
        start = span.char_start + number * apart
        place = {"char_start": start, "char_end": start + len(span.text)}
        if span.utf16_start is not None and span.utf16_end is not None:
            place |= {"utf16_start": span.utf16_start, "utf16_end": span.utf16_end}
        places.append(Place(**place))
    return places


@st.composite
def alternatives(draw: st.DrawFn, of_other_documents: bool) -> list[Alternative]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        text, start = draw(names), (number + 2) * 10_000_000
        span = Span(text=text, char_start=start, char_end=start + len(text))
        is_of_another = of_other_documents and draw(st.booleans())
        found.append(
            Alternative(
                span=span,
                further_places=draw(further_places(span, 1_000)),
                confidence=draw(st.none() | probabilities),
                null_score_diff=draw(st.floats(allow_nan=False, allow_infinity=False)),
                window=draw(st.integers(1, 3_000)),
                document_id=draw(identifiers) if is_of_another else None,
                document_sha256=draw(sha256s) if is_of_another else None,
            )
        )
    return found


retrieved_passages = st.builds(
    RetrievedPassage,
    document_id=identifiers,
    char_start=st.integers(0, 999),
    char_end=st.integers(1_000, 2_000),
    score=st.floats(allow_nan=False, allow_infinity=False),
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    candidate = draw(st.none() | spans())
    collection = draw(st.none() | collection_names)
    is_of_none = collection is not None and candidate is None
    document_id = draw(identifiers if collection else st.none() | identifiers)
    answered = candidate is not None and draw(st.booleans())
    total = draw(st.integers(0, 3_000))
    return Answer(
        question_id=draw(identifiers),
        document_id=None if is_of_none else document_id,
        document_sha256=None if is_of_none else draw(sha256s),
        status="answered" if answered else "no_answer",
        answer=candidate if answered else None,
        candidate=candidate,
        confidence=draw(probabilities),
        null_score_diff=None if candidate is None else draw(st.floats(allow_nan=False, allow_infinity=False)),
        windows=WindowsRead(total=total, read=draw(st.integers(0, total))),
        model=ModelInfo(name=draw(names), version=draw(names), precision=draw(names), calibration=draw(names)),
        metadata=draw(metadata),
        answered_at=draw(times),
        further_places=[] if candidate is None else draw(further_places(candidate, 1_000)),
        alternatives=[] if candidate is None else draw(alternatives(of_other_documents=collection is not None)),
        collection=collection,
        retrieved=draw(st.lists(retrieved_passages, max_size=3)) if collection else [],
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
