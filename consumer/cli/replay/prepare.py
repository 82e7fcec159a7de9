"""`spanstream replay prepare`: the topics that a replay keeps its books in."""

from __future__ import annotations

from typing import Annotated

import typer

from spanstream.consumer.cli.replay.options import TopicOptions, where, with_options
from spanstream.consumer.cli.replay.workbench import open_replay
from spanstream.consumer.operations.topics import replay_specs


@with_options(where=where)
def prepare(
    where: TopicOptions,
    replication_factor: Annotated[int, typer.Option(help="Copies of each partition; -1: the broker's default.")] = -1,
) -> None:
    """Create the ledger (compacted) and the parking topic of a dead-letter topic; what is there stays as it is.

    `spanstream topics create` does it for the consumer's own dead letters.

    Example: spanstream replay prepare --topic orders-dlt
    """
    with open_replay(where) as bench:
        specs = replay_specs(bench.ledger, bench.parking, replication_factor=replication_factor)
        created = bench.admin.create(specs)
        for spec in specs:
            typer.echo(f"{spec.name}: {'created' if spec.name in created else 'was there'}")
