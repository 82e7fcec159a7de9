"""Gives the sample events, UTF-8 JSON, one a line and ready to publish.

documents.jsonl   support tickets as documents
questions.jsonl   questions about them, grouped by document
tickets.jsonl     tickets for the triage stream
"""

from __future__ import annotations

from importlib import resources


def sample_documents() -> tuple[bytes, ...]:
    """Returns the document events."""
    return _lines("documents.jsonl")


def sample_questions() -> tuple[bytes, ...]:
    """Returns the question events, grouped by document."""
    return _lines("questions.jsonl")


def sample_tickets() -> tuple[bytes, ...]:
    """Returns the ticket events."""
    return _lines("tickets.jsonl")


def _lines(name: str) -> tuple[bytes, ...]:
    data = (resources.files("spanstream.consumer.operations.samples") / name).read_bytes()
    return tuple(line for line in data.split(b"\n") if line)
