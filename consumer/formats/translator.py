"""A step on the way from a foreign record to one of our events, and what it raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from spanstream.consumer.broker.protocols import Headers
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable

_PAUSE_SECONDS = 1.0


class Message(NamedTuple):
    """What a translator reads and makes: a record's value with its headers. The key is never translated."""

    value: bytes
    headers: Headers = ()

    def header(self, name: str) -> bytes | None:
        """Returns the last value of a header; None where there is none."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


class Translator(Protocol):
    """Turns one form of a message into the next one; the codec stands behind the last translator."""

    def translate(self, message: Message) -> Message:
        """Returns the message in its next form; what this translator has nothing to do with is returned as it is.

        Called on the thread that talks to Kafka: it may not wait longer than a few seconds. After `Retryable` it is
        called again with the same message, about ten times a second.

        Raises:
            InvalidRecord: the message never will be an event; the detail names places and ids, and no content.
            Retryable: what the translator needs is away (a registry).
        """


class TranslatorUnavailable(Retryable):
    """What a translator needs is away: nobody can say yet what the record is, so it waits where it is.

    Raised by `EventFormats` in the place of any `Retryable` of a translator, so that it is not taken for Kafka's.
    """


@dataclass(frozen=True, slots=True)
class PatientTranslator:
    """Waits in place while another translator is unavailable; for tools, which are no member of a group.

    Attributes:
        inner: the other translator.
        clock: measures the time.
        patience_seconds: how long it waits for one message.
    """

    inner: Translator
    clock: Clock
    patience_seconds: float

    def translate(self, message: Message) -> Message:
        """Translates. Raises `Retryable` at the end of its patience."""
        deadline = Deadline(self.clock, self.patience_seconds)
        while True:
            try:
                return self.inner.translate(message)
            except Retryable:
                if deadline.has_passed:
                    raise
                self.clock.sleep(_PAUSE_SECONDS)
