"""A ticket -> the text that is published as its document, and what of the message is not in it.

    subject, blank line, body (HTML made text) without quoted replies and signature

Places in the text are the record's places: nothing changes it after this.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from spanstream.consumer.triage.text.html import is_html, to_text
from spanstream.consumer.triage.text.quotes import pieces
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Cut, Ticket

CONTENT_TYPE = "content_type"
_KEPT_AS = {"quoted_replies": "quoted_reply", "signatures": "signature"}


@dataclass(frozen=True, slots=True)
class TicketText:
    """A ticket as a document."""

    text: str
    from_html: bool
    cut: tuple[Cut, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of the text's UTF-8 bytes."""
        return sha256_of(self.text)


def text_of(ticket: Ticket, limits: Limits, keep: Collection[str] = ()) -> TicketText:
    """The document's text of a ticket.

    Args:
        ticket: what came.
        limits: of a document.
        keep: `quoted_replies`, `signatures`: these stay in.

    Raises:
        InvalidRecord: `too_large`: it would be no document.
    """
    made = to_text(ticket.body) if is_html(ticket.body, ticket.attributes.get(CONTENT_TYPE)) else None
    body = (ticket.body if made is None else made).replace("\r\n", "\n").replace("\r", "\n")
    kept_kinds = {_KEPT_AS[name] for name in keep}
    text = ticket.subject + "\n\n" if ticket.subject.strip() else ""
    cut: list[Cut] = []
    place = 0
    for piece in pieces(body, ticket.subject):
        if piece.kind in kept_kinds:
            continue
        text += body[place : piece.start]
        cut.append(Cut(kind=piece.kind, at=len(text), chars=piece.end - piece.start))
        place = piece.end
    text += body[place:]
    if len(text) > limits.document_chars:
        detail = f"its text: {len(text)} characters, at most {limits.document_chars} are allowed"
        raise InvalidRecord(Reason.TOO_LARGE, detail)
    return TicketText(text, made is not None, tuple(cut))
