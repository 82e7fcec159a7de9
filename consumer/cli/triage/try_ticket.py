"""`spanstream triage try`: runs one ticket through a playbook, without Kafka."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized
from spanstream.schemas.codec import decode_ticket, encode
from spanstream.schemas.errors import InvalidRecord


def try_(  # noqa: PLR0913, PLR0917  a command's options
    playbook: Annotated[Path, typer.Argument(metavar="PLAYBOOK", help="YAML file; - is the bundled playbook.")],
    ticket: Annotated[Path, typer.Argument(metavar="TICKET", help="JSON file of one ticket; - is standard input.")],
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping", metavar="FILE|NAME", help="Make the ticket of other JSON: a mapping file, or a bundled one."
        ),
    ] = None,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the triage record as it would be published.")] = False,
    show_text: Annotated[bool, typer.Option("--text", help="Also show the text of the document.")] = False,
) -> None:
    """Show the record of one ticket: the answers, the route and the priority, and why.

    Example: spanstream triage try playbook.yaml ticket.json
    """
    from spanstream.consumer.answering.open_reader import open_reader  # noqa: PLC0415  the model, for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.pii.hook import load_redaction, unredacted  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.triage_panel import TriagePanel  # noqa: PLC0415  for those who use it
    from spanstream.consumer.triage.playbook.load import load_playbook  # noqa: PLC0415  for those who use it
    from spanstream.consumer.triage.trial import try_ticket  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    redact = load_redaction(settings.redaction.hook) or unredacted
    loaded = load_playbook(None if str(playbook) == "-" else playbook)
    try:
        event = decode_ticket(_event(ticket, mapping), settings.limits)
        reader = open_reader(settings)
        try:
            trial = try_ticket(event, loaded, reader, settings.limits, SystemClock(), redact)
        finally:
            reader.close()
    except InvalidRecord as error:
        raise Stop(f"{ticket}: {error}") from None
    if as_json:
        write_event(encode(trial.triage))
        return
    console = Console(highlight=False)
    if show_text:
        console.print(sanitized(trial.text), markup=False)
    console.print(TriagePanel(trial.triage))


def _event(file: Path, mapping: str | None) -> bytes:
    value = _bytes(file).strip()
    if mapping is None:
        return value
    from spanstream.consumer.formats.mapping.load import compile_mapping  # noqa: PLC0415  for those who use it

    return compile_mapping(mapping, "tickets").map(value)


def _bytes(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
