"""What is to be erased, as it was asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.erasure.subjects import json_event


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """Documents and tickets by id, and customers by the name that their tickets have."""

    documents: frozenset[str] = frozenset()
    tickets: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()

    def __or__(self, other: Self) -> ErasureRequest:
        return ErasureRequest(
            self.documents | other.documents, self.tickets | other.tickets, self.customers | other.customers
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked for."""
        return not (self.documents or self.tickets or self.customers)


def read_requests(file: str) -> ErasureRequest:
    """Reads JSON lines, each with one of `document_id`, `ticket_id` and `customer`; - is standard input.

    Raises:
        Stop: the file cannot be read, or a line is something else.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    named: dict[str, set[str]] = {"document_id": set(), "ticket_id": set(), "customer": set()}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        event = json_event(line)
        if len(event) != 1 or not all(name in named and isinstance(value, str) for name, value in event.items()):
            raise Stop(f"{file}:{number}: should be one of document_id, ticket_id and customer, and its name")
        for name, value in event.items():
            named[name].add(value)
    return ErasureRequest(*(frozenset(values) for values in named.values()))
