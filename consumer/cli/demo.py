"""`spanstream demo`: an embedded broker, sample tickets, answers and a dead letter on the screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.logs import configure_logs
from spanstream.consumer.settings import LogSettings, ModelSettings

_STARTED = time.time()


def demo(
    picture: Annotated[
        Path | None, typer.Option(help="Also write an SVG picture of some of it (the README's is made so).")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default the cgroup's quota.")] = None,
) -> None:
    """Show what the stream does, with nothing installed but this program: ends by itself in well under a minute."""
    from spanstream.consumer.demo.picture import picture as choose  # noqa: PLC0415  only the demo needs its pictures
    from spanstream.consumer.demo.picture import save_picture  # noqa: PLC0415  only the demo needs its pictures
    from spanstream.consumer.demo.stream import run_stream  # noqa: PLC0415  loads the runtime
    from spanstream.consumer.terminal.panels import DeadLetterPanel, SummaryPanel, TicketPanel  # noqa: PLC0415  only the demo draws them
    from spanstream.consumer.terminal.triage_panel import TriagePanel  # noqa: PLC0415  only the demo draws it

    configure_logs(LogSettings(level="error"))
    console = Console()
    with console.status("tickets and questions are on their way through an embedded Kafka broker ..."):
        outcome = run_stream(ModelSettings(threads=threads), _STARTED)
    for ticket in outcome.tickets:
        console.print(TicketPanel(ticket))
    for letter in outcome.dead_letters:
        console.print(DeadLetterPanel(letter))
    console.print(SummaryPanel(outcome.summary))
    console.print("The triage stream: a playbook's questions about support tickets, and what follows from the answers.")
    for triage in outcome.triage:
        console.print(TriagePanel(triage))
    if picture is not None:
        save_picture(picture, choose(outcome.tickets, outcome.dead_letters, outcome.summary))
        console.print(f"picture: {picture}")
