"""`spanstream feedback publish`: publishes feedback from JSON lines, checked against the documents."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Annotated

import typer

from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.publish import File, opened_writer, publish_file
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.operations.publishing import feedback_record
from spanstream.consumer.pii.hook import load_redaction
from spanstream.schemas.feedback import Feedback

_PATIENCE_SECONDS = 30.0


def publish(
    file: File,
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Do not read the documents first; `feedback run` checks all the same."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Publish feedback; what would be no label now is refused, with its line and the reason.

    Example: spanstream feedback publish verdicts.jsonl
    """
    from spanstream.consumer.replay.current_documents import CurrentDocuments  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    writer, redact = opened_writer(settings, Feedback), load_redaction(settings.redaction.hook)
    topic, limits = settings.topics.feedback, settings.limits
    with ExitStack() as stack:
        find = None
        if not unchecked:
            clock = SystemClock()
            formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
            reader = KafkaPartitionReader(settings.kafka)
            documents = CurrentDocuments(reader, settings, formats, clock, _PATIENCE_SECONDS)
            find = stack.enter_context(closing(documents)).find
        publish_file(settings, file, lambda line: feedback_record(line, topic, limits, writer, redact, find))
