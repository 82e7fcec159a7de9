"""`spanstream index rebuild`: builds a new generation of the index, and switches to it."""

from __future__ import annotations

from typing import Annotated

import structlog
import typer

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.indexing.rebuild import GRACE_SECONDS, RebuildCounts
from spanstream.consumer.terminal.progress import ProgressStep, at_intervals, show_progress

_log = structlog.get_logger(__name__)

_LOG_SECONDS = 10.0


def rebuild(
    config: ConfigFile = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Embed every passage; take no vector from the index that there is.")
    ] = False,
    grace: Annotated[
        float, typer.Option(min=0.0, help="Seconds from the switch to the end of the old index, for those who use it.")
    ] = GRACE_SECONDS,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds that Kafka or the index may be away before this gives up.")
    ] = 60.0,
) -> None:
    """Build a new index from the beginning of the documents topic, then switch to it and drop the old one.

    The old one is searched, and kept current by `index run`, until the switch; then that goes on with the new one. It
    is needed for another encoder, and mends whatever `index status --check` has found. Stopped or killed, it leaves the
    old index as it was; the next rebuild drops what is half built. Run one at a time.

    Example: spanstream index rebuild
    """
    from spanstream.consumer.indexing.wiring import build_rebuild, open_index_tools  # noqa: PLC0415  half a second

    settings = open_settings(config)
    clock = SystemClock()
    tools, reader = open_index_tools(settings), KafkaPartitionReader(settings.kafka)
    try:
        formats = open_formats(settings).patient(clock, patience)
        with show_progress(_step, at_intervals(_log_counts, clock, seconds=_LOG_SECONDS)) as watch:
            job = build_rebuild(settings, tools, reader, formats, watch)
            job.patience_seconds, job.grace_seconds, job.from_scratch = patience, grace, from_scratch
            counts = job.run()
    finally:
        reader.close()
        tools.close()
    typer.echo(counts)


def _step(counts: RebuildCounts) -> ProgressStep:
    share = 100 * counts.offsets_done / max(1, counts.offsets_total)
    text = f"{share:>3.0f} %  {counts.batches.documents:,} documents, {counts.documents_per_second:,.0f}/s"
    return ProgressStep(counts.offsets_done, counts.offsets_total, text)


def _log_counts(counts: RebuildCounts) -> None:
    _log.info(
        "index_rebuild",
        documents=counts.batches.documents,
        embedded=counts.batches.embedded,
        reused=counts.batches.reused,
        bad=counts.batches.bad,
        failed=counts.batches.failed,
        documents_per_second=round(counts.documents_per_second, 1),
        share=round(counts.offsets_done / max(1, counts.offsets_total), 3),
    )
