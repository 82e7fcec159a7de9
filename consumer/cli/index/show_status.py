"""`spanstream index status`: what the index is built of, how far behind it is, and whether it is what it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.exit_codes import FAILED
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.indexing.comparing import IndexComparison, IndexDifferences
from spanstream.consumer.indexing.cutting import DocumentCutter
from spanstream.consumer.indexing.status import IndexStatus, index_status, open_current
from spanstream.consumer.passages.index import PassageIndex
from spanstream.consumer.passages.opening import open_encoder, open_passage_indexes
from spanstream.consumer.settings import Settings
from spanstream.consumer.terminal.progress import show_stages
from spanstream.consumer.terminal.sanitizing import sanitized_line

_NAMED = 20


def status(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Read the whole topic and the whole index; exit with 1 where they differ."),
    ] = False,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds that Kafka may be away before this gives up.")
    ] = 60.0,
) -> None:
    """Show the index's generation, encoder, passages, and how far behind the documents topic each partition is.

    A sweep of a partition is due where deletions may have been missed; `index run` makes it.

    With `--check`, every passage is compared with what its document says now: nothing may be missing, left over or of
    another version. What the index has not come to yet is counted and is no difference, so it may be run while
    documents flow. Nothing is changed.

    Example: spanstream index status --check
    """
    settings = open_settings(config)
    indexes = open_passage_indexes(settings.index)
    reader = KafkaPartitionReader(settings.kafka)
    try:
        found = open_current(indexes)
        if found is None:
            raise Stop("there is no passage index yet", hint="`spanstream index run` makes it")
        name, index = found
        shown = index_status(indexes, name, index, reader, settings.topics.documents, now_ms=SystemClock().now_ms())
        compared = _compare(settings, index, reader, patience) if check and shown.is_current_topic else None
        index.close()
    finally:
        reader.close()
        indexes.close()
    if as_json:
        typer.echo(json.dumps(_as_json(shown, compared), indent=2))
    else:
        typer.echo("\n".join(_lines(shown, compared)))
    if check and (compared is None or not compared.is_equal):
        raise typer.Exit(FAILED)


def _compare(
    settings: Settings, index: PassageIndex, reader: KafkaPartitionReader, patience: float
) -> IndexDifferences:
    from spanstream.models.text.passages import passages_of  # noqa: PLC0415  for those who compare

    clock = SystemClock()
    cutter = DocumentCutter(open_formats(settings).patient(clock, patience), passages_of)
    with show_stages() as begin:
        topic = settings.topics.documents
        return IndexComparison(
            index, reader, topic, cutter, clock, patience, begin, lambda: open_encoder(settings.index)
        ).run()


def _as_json(shown: IndexStatus, compared: IndexDifferences | None) -> dict[str, Any]:
    partitions = [asdict(partition) | {"lag": partition.lag} for partition in shown.partitions]
    fields = asdict(shown) | {"partitions": partitions, "lag": shown.lag}
    return fields if compared is None else fields | {"check": asdict(compared) | {"is_equal": compared.is_equal}}


def _lines(shown: IndexStatus, compared: IndexDifferences | None) -> Iterator[str]:
    yield f"generation {shown.generation}, {shown.passages:,} passages of {shown.topic}"
    yield f"encoder {shown.encoder}, {shown.dimensions} dimensions"
    if shown.others:
        yield f"further generations, of a rebuild that runs or was killed: {', '.join(shown.others)}"
    if not shown.is_current_topic:
        yield "it is of another topic, that had this name before: `spanstream index run` begins a new one"
        return
    for partition in shown.partitions:
        yield (
            f"  partition {partition.number}: indexed up to {partition.position:,} of {partition.end:,}"
            f", {partition.lag:,} behind"
            + (f"; a sweep is due or runs ({partition.sweep_because})" if partition.sweep_because else "")
        )
    if compared is not None:
        yield from _compared_lines(compared, is_swept=any(one.sweep_because for one in shown.partitions))


def _compared_lines(compared: IndexDifferences, *, is_swept: bool) -> Iterator[str]:
    if compared.failed:
        yield f"without passages, because the encoder fails on them: {_named(compared.failed)}"
    if compared.is_equal:
        yield f"it is what the topic says: {compared.documents:,} documents, {compared.behind:,} of them not due yet"
        return
    for what, names in (
        ("missing", compared.missing),
        ("left over", compared.ghosts),
        ("of another version", compared.outdated),
    ):
        if names:
            yield f"{what}: {_named(names)}"
    is_left_over_alone = not (compared.missing or compared.outdated)
    yield f"`spanstream index {'run' if is_swept and is_left_over_alone else 'rebuild'}` mends it"


def _named(names: tuple[str, ...]) -> str:
    named = ", ".join(map(sanitized_line, names[:_NAMED]))
    return f"{len(names):,} documents: {named}{', ...' if len(names) > _NAMED else ''}"
