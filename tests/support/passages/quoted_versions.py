"""Judges what answers about collections quote: by offsets, which versions were the latest ones since the question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from spanstream.consumer.broker.protocols import Record
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.events import Answer, Document
from tests.support.passages.indexing import document_in


@dataclass(frozen=True)
class AskedScope:
    """What a question searches, and where each documents partition ended when it was about to be published."""

    collection: str
    filter: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class QuotedVersion:
    """A piece of a text that an answer shows."""

    document_id: str
    document_sha256: str
    span: Span


@dataclass(frozen=True)
class _Version:
    """A document as it stood from one record of its key to the next, whose offset is `replaced_at`."""

    document: Document | None
    partition: int
    replaced_at: int | None

    def stood_since(self, ends: Mapping[int, int]) -> bool:
        return self.replaced_at is None or self.replaced_at >= ends.get(self.partition, 0)


def quotes_of(answer: Answer) -> list[QuotedVersion]:
    """Returns all that an answer quotes, whether it is sure of it or not."""
    if answer.candidate is None:
        return []
    document_id, sha256 = answer.document_id or "", answer.document_sha256 or ""
    others = (
        QuotedVersion(one.document_id or document_id, one.document_sha256 or sha256, one.span)
        for one in answer.alternatives
    )
    return [QuotedVersion(document_id, sha256, answer.candidate), *others]


class QuotedVersions:
    """Knows every version of each document.

    Args:
        records: of the documents topic, from its beginning, before anything of it was compacted.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        by_key: defaultdict[bytes, list[Record]] = defaultdict(list)
        for record in records:
            by_key[record.key or b""].append(record)
        self._versions = {
            key.decode(): [
                _Version(document_in(one), one.partition.number, None if after is None else after.offset)
                for one, after in pairwise([*of_key, None])
                if one is not None
            ]
            for key, of_key in by_key.items()
        }

    def wrong(self, answer: Answer, asked: AskedScope) -> list[str]:
        """Returns what is wrong with what the answer quotes."""
        found = ((quote, self._why_wrong(quote, asked)) for quote in quotes_of(answer))
        return [f"{answer.question_id} quotes {quote}: {why}" for quote, why in found if why]

    def _why_wrong(self, quote: QuotedVersion, asked: AskedScope) -> str:
        standing = [one.document for one in self._versions.get(quote.document_id, ()) if one.stood_since(asked.ends)]
        quoted = [one for one in standing if one is not None and one.sha256 == quote.document_sha256]
        if not quoted:
            return "deleted or replaced before the question was asked"
        if not any(
            asked.collection in one.collections and asked.filter.items() <= one.metadata.items() for one in quoted
        ):
            return "not in what was asked since the question was"
        span = quote.span
        return "" if quoted[0].text[span.char_start : span.char_end] == span.text else "it does not stand there"
