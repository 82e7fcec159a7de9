"""Translators that turn a prefix off, raise, or are away for a while."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.translator import Message
from spanstream.schemas.errors import InvalidRecord, Reason


@dataclass
class Prefixed:
    """Takes its prefix off, and refuses what has another one."""

    prefix: bytes
    behind: bytes = b""

    def translate(self, message: Message) -> Message:
        if not message.value.startswith(self.prefix):
            raise InvalidRecord(Reason.UNDECODABLE, f"no {self.prefix.decode()}")
        return message._replace(value=message.value.removeprefix(self.prefix) + self.behind)


@dataclass
class Raising:
    """Raises its error, whatever comes."""

    error: Exception

    def translate(self, _: Message) -> Message:
        raise self.error


@dataclass
class Away:
    """Is away for so many calls, and for each value that is named; then it leaves messages as they are."""

    calls: int = 0
    names: set[bytes] = field(default_factory=set)
    asked: int = 0

    def translate(self, message: Message) -> Message:
        self.asked += 1
        if self.calls > 0:
            self.calls -= 1
            raise Retryable("the registry at r:1 does not answer")
        if any(name in message.value for name in self.names):
            raise Retryable("the registry at r:1 does not answer")
        return message
