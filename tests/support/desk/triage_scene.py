"""Hand-made triage records, and the tickets that they are of."""

from __future__ import annotations

from spanstream.schemas.answer_parts import Span
from spanstream.schemas.events import Document
from spanstream.schemas.triage import (
    DocumentRead,
    FieldResult,
    FieldStatus,
    PlaybookInfo,
    Reasons,
    Ticket,
    Times,
    Triage,
)
from tests.support.desk.desk_scene import BEGAN, MODEL, TOPICS, DeskScene

TEXT = "The printer on floor 3 shows error 50.2."


def field_of(document: Document, quote: str | None, status: FieldStatus = FieldStatus.ANSWERED) -> FieldResult:
    span = None
    if quote is not None:
        start = document.text.index(quote)
        span = Span(text=quote, char_start=start, char_end=start + len(quote))
    answer = span if status is FieldStatus.ANSWERED else None
    return FieldResult(
        status=status,
        value=quote if answer else None,
        is_default=False,
        answer=answer,
        candidate=span,
        confidence=0.7 if span else None,
        question="Which is it?" if span else None,
        detail=None,
    )


def record_of(document: Document, *, route: str = "printing", **fields: FieldResult) -> Triage:
    return Triage(
        ticket_id=document.document_id,
        revision=1,
        complete=True,
        route=route,
        priority="high",
        reason=Reasons(route="it is about a printer", priority="work stands still"),
        fields=fields,
        ask_customer=["Since when?"],
        document=DocumentRead(document_id=document.document_id, sha256=document.sha256, from_html=False, cut=[]),
        playbook=PlaybookInfo(name="office", version="1", sha256="0" * 64),
        models=[MODEL],
        times=Times(created_at=None, received_at=None, asked_at=BEGAN, decided_at=BEGAN),
    )


def scene_with(document_id: str = "t-1", text: str = TEXT) -> tuple[DeskScene, Document]:
    scene = DeskScene()
    document = scene.document(text, document_id=document_id)
    ticket = Ticket(ticket_id=document_id, subject="Printer", body=text, customer="Anna", attributes={"site": "north"})
    scene.send(TOPICS.tickets, document_id, ticket)
    return scene, document
