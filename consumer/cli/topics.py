"""`spanstream topics`: creates the topics as the consumer needs them, or shows how they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import check_registrable
from spanstream.consumer.operations.registering import register_schemas
from spanstream.consumer.operations.topics import differences, feedback_topic_specs, topic_specs, triage_topic_specs
from spanstream.consumer.settings import Settings, TopicSettings

app = typer.Typer(help="Create or describe the topics.", no_args_is_help=True)


@app.command()
def create(  # noqa: PLR0913, PLR0917  one option each
    config: ConfigFile = None,
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of each topic: the most consumers that can share the work.")
    ] = 12,
    replication_factor: Annotated[int, typer.Option(help="Copies of each partition; -1: the broker's default.")] = -1,
    triage: Annotated[
        bool, typer.Option("--triage", help="Also those of the ticket stream: tickets, triage and its state.")
    ] = False,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Also those of what people say of answers: feedback and labels.")
    ] = False,
    alter: Annotated[
        bool, typer.Option("--alter", help="Set the configs that differ of topics that were there.")
    ] = False,
    register: Annotated[
        bool,
        typer.Option("--register", help="Also register our schemas (SPANSTREAM_REGISTRY__FORMAT) under TOPIC-value."),
    ] = False,
) -> None:
    """Create what is missing: documents and open questions (compacted), questions, answers, retries and dead letters.

    With SPANSTREAM_MODEL__SHADOW_PATH also the topic of the second model's answers.

    How long each keeps what is in `SPANSTREAM_RETENTION__*`, in seconds. Of topics that were there it says which
    configs differ; --alter sets them.

    Example: SPANSTREAM_RETENTION__DELETED_SECONDS=86400 spanstream topics create --partitions 12 --alter
    Example: SPANSTREAM_REGISTRY__FORMAT=avro spanstream topics create --partitions 12 --triage --register
    """
    settings = open_settings(config)
    options = {"partitions": partitions, "replication_factor": replication_factor}
    specs = _specs(settings, options, triage=triage, feedback=feedback)
    admin = TopicAdmin(settings.kafka)
    if register:
        check_registrable(settings)
    created = admin.create(specs)
    for spec in specs:
        if spec.name in created:
            typer.echo(f"{spec.name}: created")
        else:
            _compare(admin, spec, alter=alter)
    _check_partitions(admin, settings.topics, triage=triage, feedback=feedback)
    if register:
        for line in register_schemas(settings, triage=triage, feedback=feedback):
            typer.echo(line)


def _specs(settings: Settings, options: Mapping[str, int], *, triage: bool, feedback: bool) -> list[TopicSpec]:
    topics, retention = settings.topics, settings.retention
    specs = topic_specs(topics, **options, retention=retention, shadow=settings.model.shadow is not None)
    if triage:
        specs += triage_topic_specs(topics, **options, retention=retention)
    if feedback:
        specs += feedback_topic_specs(topics, **options, retention=retention)
    return specs


def _compare(admin: TopicAdmin, wanted: TopicSpec, *, alter: bool) -> None:
    """Prints how a topic that was there differs from what is wanted; with `alter` it is set."""
    found = admin.describe([wanted.name]).get(wanted.name, wanted)
    differing = differences(wanted, found)
    if differing and alter:
        admin.alter(wanted.name, differing)
    verb = "set" if alter else "should be"
    described = [f"{name} was {found.config.get(name)}, {verb} {value}" for name, value in differing.items()]
    typer.echo("; ".join([f"{wanted.name}: was there", *described]))


def _check_partitions(admin: TopicAdmin, topics: TopicSettings, *, triage: bool, feedback: bool) -> None:
    """Checks the topics whose partitions of one number belong together; raises `Stop` where the numbers differ."""
    _check_in_step(admin, topics.consumed, "questions, retries and documents need")
    if triage:
        read = (*topics.consumed, *topics.consumed_by_triage)
        _check_in_step(admin, read, "all topics that the triage stream reads need")
    if feedback:
        _check_in_step(admin, (topics.documents, *topics.consumed_by_feedback), "documents, feedback and labels need")


def _check_in_step(admin: TopicAdmin, topics: Sequence[str], who: str) -> None:
    """Checks that topics have the same number of partitions.

    Raises:
        Stop: they do not.
    """
    counts = {name: spec.partitions for name, spec in admin.describe(topics).items()}
    if len(set(counts.values())) > 1:
        raise Stop(f"{who} the same number of partitions, but they have {counts}")


@app.command()
def describe(config: ConfigFile = None) -> None:
    """Show partitions, settings and the group's lag."""
    settings = open_settings(config)
    admin = TopicAdmin(settings.kafka)
    names = [spec.name for spec in topic_specs(settings.topics, partitions=1, shadow=settings.model.shadow is not None)]
    optional = [
        *triage_topic_specs(settings.topics, partitions=1),
        *feedback_topic_specs(settings.topics, partitions=1),
    ]
    more = [spec.name for spec in optional]
    specs = admin.describe([*names, *more])
    names += [name for name in more if name in specs]
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
