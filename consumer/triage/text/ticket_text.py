"""Turns a ticket into the text that is published as its document, and lists what was cut from the message.

    subject, blank line, body (HTML converted to text) without quoted replies and signature, all of it redacted

Offsets in a triage record are offsets in this text, so nothing changes it afterwards.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from spanstream.consumer.pii.hook import Redact, unredacted
from spanstream.consumer.triage.text.html_detection import is_html
from spanstream.consumer.triage.text.html_quotes import html_to_text_and_quotes
from spanstream.consumer.triage.text.removable_parts import removable_parts
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Cut, Ticket

CONTENT_TYPE = "content_type"
# The playbook's word for what stays, and the kind of the part.
_KIND_OF_KEEP = {"quoted_replies": "quoted_reply", "signatures": "signature"}


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


def document_text(
    ticket: Ticket, limits: Limits, keep: Collection[str] = (), redact: Redact = unredacted
) -> TicketText:
    """Builds the text of a ticket's document.

    Args:
        ticket: the ticket as it was received.
        limits: how long a document may be.
        keep: the playbook's `keep`: `quoted_replies` or `signatures` are then not cut.
        redact: what the subject, and each piece of the body that stays, goes through.

    Raises:
        InvalidRecord: `too_large`: the text is longer than a document may be; or the redaction failed.
    """
    converted, block_quoted = None, frozenset[int]()
    if is_html(ticket.body, ticket.attributes.get(CONTENT_TYPE)):
        converted, block_quoted = html_to_text_and_quotes(ticket.body)
    body = (ticket.body if converted is None else converted).replace("\r\n", "\n").replace("\r", "\n")
    kept_kinds = {_KIND_OF_KEEP[name] for name in keep}
    text = redact(ticket.subject) + "\n\n" if ticket.subject.strip() else ""
    cut: list[Cut] = []
    copied_to = 0
    for part in removable_parts(body, ticket.subject, block_quoted):
        if part.kind in kept_kinds:
            continue
        text += redact(body[copied_to : part.start])
        cut.append(Cut(kind=part.kind, at=len(text), chars=part.end - part.start))
        copied_to = part.end
    text += redact(body[copied_to:])
    if len(text) > limits.document_chars:
        detail = f"its text: {len(text)} characters, at most {limits.document_chars} are allowed"
        raise InvalidRecord(Reason.TOO_LARGE, detail)
    return TicketText(text, converted is not None, tuple(cut))
