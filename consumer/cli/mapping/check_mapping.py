"""`spanstream mapping check`: says what is wrong with a mapping, or what records become by it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized_line

_STANDARD_INPUT = "-"


def check(
    mapping: Annotated[str, typer.Argument(metavar="FILE|NAME", help="YAML file, or the name of a bundled mapping.")],
    samples: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SAMPLE]...",
            help="Files of records: a JSON value, an array, or one a line; - is standard input. By default a bundled "
            "mapping's own samples.",
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Say what is wrong with a mapping, and show what each sample record becomes, or the path that failed.

    One line for each record and kind of event: SAMPLE:NUMBER: KIND: the event. Exit code 1 if anything is wrong.

    Example: spanstream mapping check zendesk tickets.jsonl
    """
    from spanstream.consumer.formats.mapping.load import (  # noqa: PLC0415  for those who use it
        InvalidMapping,
        bundled_names,
        bundled_samples,
        load_mapping,
    )
    from spanstream.consumer.formats.mapping.trial import samples_in, try_samples  # noqa: PLC0415  for those who use it

    limits = open_settings(config).limits
    try:
        loaded = load_mapping(mapping)
    except InvalidMapping as error:
        for problem in error.problems:
            typer.echo(sanitized_line(f"{error.name}:{problem}"))
        count = len(error.problems)
        raise Stop(f"{error.name}: {count} problem{'' if count == 1 else 's'}") from None
    records = {name: samples_in(_content(name)) for name in samples or ()}
    if not records and mapping in bundled_names():
        records = {mapping: bundled_samples(mapping)}
    failed = 0
    for name, values in records.items():
        for tried in try_samples(loaded, values, limits):
            failed += tried.error is not None
            became = tried.event.decode() if tried.event is not None else str(tried.error)
            typer.echo(sanitized_line(f"{name}:{tried.number}: {tried.kind}: {became}"))
    count = sum(map(len, records.values()))
    samples_read = f"{count} sample{'' if count == 1 else 's'}"
    typer.echo(sanitized_line(f"{loaded.mapping} makes {', '.join(loaded.kinds)}; {samples_read}"), err=True)
    if failed:
        raise Stop(f"{failed} event{'' if failed == 1 else 's'} could not be made")


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == _STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise Stop(f"{name}: cannot be read: {error.strerror}") from error
