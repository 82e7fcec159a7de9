"""`spanstream topics`: creates the topics as the consumer needs them, or shows how they are."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import check_registrable
from spanstream.consumer.operations.registering import register_schemas
from spanstream.consumer.operations.topics import topic_specs, triage_topic_specs

app = typer.Typer(help="Create or describe the topics.", no_args_is_help=True)


@app.command()
def create(
    config: ConfigFile = None,
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of each topic: the most consumers that can share the work.")
    ] = 12,
    replication_factor: Annotated[int, typer.Option(help="Copies of each partition; -1: the broker's default.")] = -1,
    triage: Annotated[
        bool, typer.Option("--triage", help="Also those of the ticket stream: tickets, triage and its state.")
    ] = False,
    register: Annotated[
        bool,
        typer.Option("--register", help="Also register our schemas (SPANSTREAM_REGISTRY__FORMAT) under TOPIC-value."),
    ] = False,
) -> None:
    """Create what is missing: documents (compacted), questions, answers, retries and dead letters.

    Example: SPANSTREAM_REGISTRY__FORMAT=avro spanstream topics create --partitions 12 --triage --register
    """
    settings = open_settings(config)
    specs = topic_specs(settings.topics, partitions=partitions, replication_factor=replication_factor)
    if triage:
        specs += triage_topic_specs(settings.topics, partitions=partitions, replication_factor=replication_factor)
    admin = TopicAdmin(settings.kafka)
    if register:
        check_registrable(settings)
    created = admin.create(specs)
    for spec in specs:
        typer.echo(f"{spec.name}: {'created' if spec.name in created else 'was there'}")
    counts = {name: spec.partitions for name, spec in admin.describe(settings.topics.consumed).items()}
    if len(set(counts.values())) > 1:
        raise Stop(f"questions, retries and documents need the same number of partitions, but have {counts}")
    if triage:
        topics = (*settings.topics.consumed, *settings.topics.consumed_by_triage)
        counts = {name: spec.partitions for name, spec in admin.describe(topics).items()}
        if len(set(counts.values())) > 1:
            raise Stop(f"the triage stream needs topics with the same number of partitions, but they have {counts}")
    if register:
        for line in register_schemas(settings, triage=triage):
            typer.echo(line)


@app.command()
def describe(config: ConfigFile = None) -> None:
    """Show partitions, settings and the group's lag."""
    settings = open_settings(config)
    admin = TopicAdmin(settings.kafka)
    names = [spec.name for spec in topic_specs(settings.topics, partitions=1)]
    triage = [spec.name for spec in triage_topic_specs(settings.topics, partitions=1)]
    specs = admin.describe([*names, *triage])
    names += [name for name in triage if name in specs]
    lag = admin.lag(settings.kafka.group_id, [name for name in settings.topics.consumed if name in specs])
    table = Table(
        "topic", "partitions", "replicas", "cleanup", "max.message.bytes", "lag of " + settings.kafka.group_id
    )
    for name in names:
        spec = specs.get(name)
        if spec is None:
            table.add_row(name, "missing", "", "", "", "")
            continue
        behind = [records for partition, records in lag.items() if partition.topic == name]
        table.add_row(
            name,
            str(spec.partitions),
            str(spec.replication_factor),
            spec.config.get("cleanup.policy", ""),
            spec.config.get("max.message.bytes", ""),
            str(sum(behind)) if behind else "",
        )
    Console().print(table)
