"""Declares the options that commands about labels share, and opens what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option

from spanstream.consumer.clock import SystemClock
from spanstream.consumer.operations.labelling.sources import LabellingSources, open_sources
from spanstream.consumer.settings import Settings


class Format(StrEnum):
    """Whose files labels are taken from or written for."""

    LABEL_STUDIO = "label-studio"
    ARGILLA = "argilla"
    SQUAD = "squad"


FeedbackFiles = Annotated[
    list[Path] | None,
    Option(
        "--feedback",
        help="JSON lines of feedback events in place of the labels topic; -: standard input; repeatable.",
    ),
]
DocumentFiles = Annotated[
    list[Path] | None,
    Option(
        "--documents",
        help="JSON lines of document events in place of the documents topic; -: standard input; repeatable.",
    ),
]
Uniform = Annotated[
    bool, Option("--uniform", help="Of the labels only those of questions that were drawn uniformly, for guarantees.")
]


@contextmanager
def opened_sources(settings: Settings, files: Mapping[str, Sequence[Path] | None]) -> Iterator[LabellingSources]:
    """Opens the files, or the topics where no file is named."""
    from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader  # noqa: PLC0415  for those who use it

    given = {kind: paths or () for kind, paths in files.items()}
    sources = open_sources(settings, given, lambda: KafkaPartitionReader(settings.kafka), SystemClock())
    try:
        yield sources
    finally:
        sources.close()
