"""`spanstream replay prepare`: creates the ledger and the parking topic."""

from __future__ import annotations

from typing import Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.replay import shared_options
from spanstream.consumer.operations.topics import replay_specs
from spanstream.consumer.replay.wiring import TopicNames, open_replay


def prepare(
    replication_factor: Annotated[int, typer.Option(help="Copies of each partition; -1: the broker's default.")] = -1,
    config: ConfigFile = None,
    topic: shared_options.DeadLetterTopic = None,
    ledger: shared_options.LedgerTopic = None,
    group: shared_options.ReplayGroup = None,
) -> None:
    """Create the ledger (compacted) and the parking topic of a dead-letter topic; what is there stays as it is.

    `spanstream topics create` does it for the consumer's own dead letters.

    Example: spanstream replay prepare --topic orders-dlt
    """
    with open_replay(open_settings(config), TopicNames(topic, ledger, group)) as context:
        names, retention = (context.ledger, context.parking), context.settings.retention
        specs = replay_specs(*names, replication_factor=replication_factor, retention=retention)
        created = context.admin.create(specs)
        for spec in specs:
            typer.echo(f"{spec.name}: {'created' if spec.name in created else 'was there'}")
