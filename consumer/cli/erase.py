"""`spanstream erase`: erases the texts of documents, tickets and customers, and verifies that nothing is left."""

from __future__ import annotations

import dataclasses
import json
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.erasure.erasing import Erasure, WhatStands, counted, find, find_erased
from spanstream.consumer.operations.erasure.manifest import read_subjects
from spanstream.consumer.operations.erasure.opening import open_search, open_shared_texts
from spanstream.consumer.operations.erasure.requests import ErasureRequest, read_requests
from spanstream.consumer.settings import Settings
from spanstream.consumer.terminal.sanitizing import sanitized_line

Documents = Annotated[list[str] | None, typer.Option("--document-id", help="Document; may be repeated.")]
Tickets = Annotated[list[str] | None, typer.Option("--ticket-id", help="Ticket; may be repeated.")]
Customers = Annotated[
    list[str] | None, typer.Option("--customer", help="All tickets whose `customer` is this; may be repeated.")
]
File = Annotated[
    str | None,
    typer.Option(
        help='JSON lines of {"document_id": ...}, {"ticket_id": ...}, {"customer": ...}; - is standard input.'
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what stands where and until when; delete nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ManifestFile = Annotated[
    Path | None, typer.Option(help="File for what was done; by default erase-TIME.jsonl.", show_default=False)
]
HashIds = Annotated[bool, typer.Option("--hash-ids", help="Write salted SHA-256 of the ids into the manifest.")]
Again = Annotated[
    Path | None,
    typer.Option(metavar="MANIFEST", help="Erase once more what a manifest names, so that what is due goes."),
]
Verify = Annotated[
    Path | None,
    typer.Option(
        metavar="MANIFEST", help="Delete nothing: read everything, and list what is left; exit code 1 if any."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object a line: each topic, then Redis.")]


def erase(  # noqa: PLR0913  one parameter an option
    *,
    document_id: Documents = None,
    ticket_id: Tickets = None,
    customer: Customers = None,
    file: File = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    manifest: ManifestFile = None,
    hash_ids: HashIds = False,
    again: Again = None,
    verify: Verify = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Erase the texts of documents, of tickets or of a customer's tickets, and say what stands until when.

    Documents are deleted by tombstones, tickets by records that make the triage stream forget them, tokenizations in
    Redis by their keys. Of the topics that only age removes records from it says until when. The manifest it writes
    holds ids and no text; verify with it that nothing is left. Doing it again harms nothing.

    Example: spanstream erase --customer "Ann Example" --manifest ann.jsonl; spanstream erase --verify ann.jsonl
    """
    request = ErasureRequest(frozenset(document_id or ()), frozenset(ticket_id or ()), frozenset(customer or ()))
    if file is not None:
        request |= read_requests(file)
    if [request.is_empty, again is None, verify is None].count(False) != 1:
        raise typer.BadParameter("name documents, tickets or customers, or one manifest (--again, --verify)")
    settings = open_settings(config)
    with open_search(settings) as search, open_shared_texts(settings.redis) as shared:
        if verify is not None:
            _verify(find_erased(search, shared, read_subjects(verify)), verify, as_json=as_json)
            return
        erasure = find(search, shared, request) if again is None else find_erased(search, shared, read_subjects(again))
        erasure.plan()
        _show(erasure.lines(), as_json=as_json)
        if search.shared:
            typer.echo(f"kept: {len(search.shared):,} documents that other tickets have too", err=True)
        if dry_run or not (erasure.records or erasure.keys):
            typer.echo(f"{erasure}; nothing was done", err=True)
            return
        if not yes:
            _confirm(str(erasure))
        path = again or manifest or Path(f"erase-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}.jsonl")
        if again is None:
            erasure.write_manifest(path, salt=uuid.uuid4().hex if hash_ids else None)
        _run(settings, erasure, path)
    typer.echo(f"{erasure}; manifest: {path}", err=True)


def _run(settings: Settings, erasure: Erasure, manifest: Path) -> None:
    publisher = AtLeastOncePublisher(settings.kafka)
    try:
        erasure.run(publisher, manifest)
    finally:
        publisher.close()


def _verify(erasure: Erasure, manifest: Path, *, as_json: bool) -> None:
    """Lists what is left of what a manifest says was erased.

    Raises:
        Stop: something is.
    """
    _show(erasure.lines(), as_json=as_json)
    if erasure.standings or erasure.keys:
        left = f"{counted(erasure.records_left, 'record')} and {counted(len(erasure.keys), 'key')} in Redis"
        raise Stop(f"not all that {manifest} names is gone: {left}")
    typer.echo(f"nothing is left of what {manifest} names", err=True)


def _show(lines: Sequence[WhatStands], *, as_json: bool) -> None:
    for line in lines:
        if as_json:
            typer.echo(json.dumps(dataclasses.asdict(line), ensure_ascii=False))
        else:
            typer.echo(sanitized_line(f"{line.where}: {counted(line.count, line.what)}, {line.says}"))


def _confirm(outlook: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{outlook}; nobody can be asked here: --yes says that it is meant")
    typer.confirm(f"{outlook}. Go on?", abort=True)
