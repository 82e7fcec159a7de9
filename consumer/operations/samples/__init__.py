"""The sample tickets and their questions: document and question events, one JSON event a line, ready to publish."""

from importlib import resources


def ticket_lines() -> tuple[bytes, ...]:
    """The document events of the sample tickets, UTF-8 JSON, one each."""
    return _lines("tickets.jsonl")


def question_lines() -> tuple[bytes, ...]:
    """The question events of the sample questions, UTF-8 JSON, one each, grouped by ticket."""
    return _lines("questions.jsonl")


def _lines(name: str) -> tuple[bytes, ...]:
    data = (resources.files("spanstream.consumer.operations.samples") / name).read_bytes()
    return tuple(line for line in data.split(b"\n") if line)
