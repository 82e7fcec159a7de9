"""What tests of the loop say to a `MemoryStream`, in one word."""

from __future__ import annotations

from typing import Any

from spanstream.consumer.broker.partitioner import partition_of
from tests.support.memory.memory_stream import MemoryStream, StreamMember

TEXT = "The train leaves at 07:05 from platform 3."
# One document for each of the two partitions.
ZERO, ONE = (next(f"d{n}" for n in range(99) if partition_of(b"d%d" % n, 2) == number) for number in (0, 1))


def two_documents(group_protocol: str = "classic", **fields: Any) -> MemoryStream:
    """Returns a stream with a document in each partition."""
    stream = MemoryStream(group_protocol=group_protocol, **fields)
    stream.document(ZERO, TEXT)
    stream.document(ONE, TEXT)
    return stream


def ask(stream: MemoryStream, *names: str, about: str = ZERO) -> None:
    for name in names:
        stream.question(name, about)


def once(stream: MemoryStream, names: str) -> bool:
    return stream.outcomes() == dict.fromkeys(names.split(), 1)


def forget_faults(stream: MemoryStream) -> None:
    stream.broker.faults.errors.clear()
    stream.broker.faults.lost_replies = 0


def join(stream: MemoryStream) -> StreamMember:
    """Returns a new member of the group; the others hear of it in their next turn."""
    member = stream.start()
    member.turn()
    return member


def turns_in(stream: MemoryStream, member: StreamMember, seconds: float) -> int:
    """Returns how often the loop goes round in so much time; fails where it does not let time pass."""
    end, turns = stream.clock.now + seconds, 0
    while stream.clock.now < end:
        member.turn()
        turns += 1
        assert turns < 1000, "the loop spins"
    return turns
