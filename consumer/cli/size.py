"""`spanstream size`: says which partitions, pods, threads and memory a load needs."""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from spanstream.consumer.cli.config_file import ConfigFile
from spanstream.consumer.model_source.source import model_folder
from spanstream.consumer.operations.sizing import Load, Machine, Size, chart_values, size_of
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.loading import load_settings
from spanstream.models.defaults import MAX_LENGTH
from spanstream.models.inference.cpu import available_cpus

if TYPE_CHECKING:
    from spanstream.consumer.passages.retrieval import Embedder
    from spanstream.models.reader import Reader


def size(  # noqa: PLR0913, PLR0917  one option each
    questions_per_second: Annotated[
        float, typer.Option("--questions-per-second", "-q", min=0.001, help="At the busiest time, of the whole stream.")
    ],
    windows_per_question: Annotated[
        float, typer.Option("--windows-per-question", "-w", min=0.1, help="Windows read for one, on average.")
    ] = 1.0,
    documents: Annotated[int, typer.Option(min=0, help="Documents in their topic.")] = 0,
    passages: Annotated[
        int,
        typer.Option(min=0, help="Passages of collections, some 110 words each; for the disk of an index in a folder."),
    ] = 0,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds a question may wait before another pod starts.")] = 10.0,
    growth: Annotated[float, typer.Option(min=1, help="Partitions for this multiple of the load.")] = 2.0,
    utilisation: Annotated[float, typer.Option(min=0.05, max=1, help="Share of the measured rate to plan with.")] = 0.7,
    windows_per_second: Annotated[
        float | None, typer.Option(min=0.1, help="Of one pod; by default measured here, with --threads.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of a pod; by default this cgroup's CPU quota.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to measure.")] = 5.0,
    values: Annotated[
        bool, typer.Option("--values", help="Values for the Helm chart (YAML), and nothing else.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Say how many partitions and pods a load needs, and which threads and memory a pod; docs/sizing.md explains.

    Run it on a machine like the pods': the rate is the machine's. Caches and backlogs are taken from the settings.

    Example: spanstream size --questions-per-second 40 --windows-per-question 2 --documents 500000 --values > size.yaml
    """
    settings = load_settings(config)
    load = Load(questions_per_second, windows_per_question, documents, wait, growth, passages)
    machine = _machine(settings, threads or settings.model.threads, windows_per_second, utilisation, seconds)
    result = size_of(load, machine, settings)
    if values:
        typer.echo(f"# spanstream size: {_title(load, machine)}\n{chart_values(result)}", nl=False)
    else:
        Console().print(_table(load, machine, result))


def _machine(
    settings: Settings, threads: int | None, rate: float | None, utilisation: float, seconds: float
) -> Machine:
    """Measures the rate, where it is not given, and the program's memory."""
    from spanstream.consumer.operations.model_bench import bench_session  # noqa: PLC0415  loads the runtime

    threads = threads or available_cpus()
    second, encoder = _second_model(settings), _encoder(settings)
    figures = bench_session(model_folder(settings.model), threads=threads, seconds=seconds if rate is None else 0.5)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    for model in (second, encoder):
        if model is not None:
            model.close()
    return Machine(threads, rate or figures.windows_per_second, peak, utilisation)


def _second_model(settings: Settings) -> Reader | None:
    """Opens the model that is tried, if there is one, and reads a whole window with it."""
    from spanstream.consumer.answering.open_reader import open_shadow_reader  # noqa: PLC0415  loads the runtime

    if settings.model.shadow is None:
        return None
    reader = open_shadow_reader(settings.model.shadow, settings)
    reader.read("word " * MAX_LENGTH, ["Which word is it?"])
    return reader


def _encoder(settings: Settings) -> Embedder | None:
    """Opens the encoder of collections, if they are searched, and embeds a whole text with it."""
    from spanstream.consumer.passages.opening import open_encoder  # noqa: PLC0415  loads the runtime

    if settings.index.uri is None:
        return None
    encoder = open_encoder(settings.index)
    encoder.embed(["word " * MAX_LENGTH])
    return encoder


def _title(load: Load, machine: Machine) -> str:
    return (
        f"{load.questions_per_second:g} questions/s of {load.windows_per_question:g} windows, "
        f"{machine.windows_per_second:.0f} windows/s a pod with {machine.threads} threads"
    )


def _table(load: Load, machine: Machine, result: Size) -> Table:
    table = Table(title=_title(load, machine), show_header=False, title_justify="left")
    table.add_row("pods", f"{result.pods}", f"{result.questions_per_second:.1f} questions/s each")
    table.add_row("partitions", f"{result.partitions}", f"for {load.growth:g} times this load; their number stays")
    table.add_row("threads, CPU limit", f"{result.threads}", "of a pod")
    table.add_row(
        "memory limit", f"{result.memory_bytes >> 20} MiB", f"of a pod; {machine.program_bytes >> 20} measured"
    )
    table.add_row("lag a pod", f"{result.lag_per_pod}", f"records, cleared in {load.wait_seconds:g} s")
    if result.index_bytes:
        disk = f"{result.index_bytes / (1 << 30):.1f} GiB"
        table.add_row("passage index", disk, "of disk, in a folder; a rebuild needs as much again")
    return table
