"""`spanstream doctor`: says what is wrong and what to do, one line each."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from spanstream.consumer.cli.config_file import ConfigFile
from spanstream.consumer.cli.exit_codes import FAILED
from spanstream.consumer.errors import Stop
from spanstream.consumer.logs import configure_logs
from spanstream.consumer.operations.doctor import Finding, Level, checks_of, examine
from spanstream.consumer.operations.doctor.checks import secrets_of
from spanstream.consumer.operations.doctor.finding import failed, ok, skipped
from spanstream.consumer.settings import LogSettings
from spanstream.consumer.settings.loading import load_settings
from spanstream.consumer.terminal.sanitizing import sanitized_line

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "bold red", Level.SKIPPED: "dim"}
_LEVEL_CHARS = max(len(level) for level in Level)


def doctor(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with all findings, for programs.")] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0.5, help="Seconds that Kafka has for one answer; what was silent once is not asked again."),
    ] = 4.0,
) -> None:
    """Look at settings, CPU, model, Kafka, topics, index, Redis, registry, ports, extras: a line each, and what to do.

    `ok`: as it should be. `warning`: it works, but not as it could. `failed`: the consumer does not work like this.
    `skipped`: another finding stands in the way. Exits with 0 when nothing failed, with 1 otherwise.

    Nothing is changed but two traces: a probe key in Redis that expires after a minute, and, where transactions are
    on, the transactional id `GROUP_ID.doctor` at the brokers.

    With a Kafka that does not answer it takes about `--timeout` seconds, and a few times that where some brokers
    answer and others do not.

    Example: spanstream doctor --json | jq '.findings[] | select(.level != "ok")'
    """
    console = Console(highlight=False, soft_wrap=True)
    findings: list[Finding] = []
    for finding in _findings(config, timeout):
        findings.append(finding)
        if not as_json:
            console.print(line_of(finding))
    has_failed = any(finding.level is Level.FAILED for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": not has_failed, "findings": [asdict(finding) for finding in findings]}, indent=2))
    if has_failed:
        raise typer.Exit(FAILED)


def _findings(config: Path | None, timeout: float) -> Iterator[Finding]:
    try:
        settings = load_settings(config)
    except Stop as error:
        yield failed("settings", str(error), "correct it; `spanstream run --help` lists all settings")
        yield skipped("everything else", "settings first")
        return
    _keep_quiet(settings.log)
    yield ok("settings", f"environment SPANSTREAM_*{f' over {config}' if config else ''}")
    yield from examine(checks_of(settings, timeout_seconds=timeout), secrets_of(settings))


def _keep_quiet(settings: LogSettings) -> None:
    """Hides the libraries' own lines, unless at debug: what goes wrong is a finding already."""
    if settings.level == "debug":
        configure_logs(settings)
        return
    configure_logs(settings.model_copy(update={"level": "error"}))
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL + 1)


def line_of(finding: Finding) -> Text:
    """Writes the finding on one line."""
    level = f"{finding.level:<{_LEVEL_CHARS}}"
    subject, detail, advice = map(sanitized_line, (finding.subject, finding.detail, finding.advice))
    line = Text.assemble((level, _STYLES[finding.level]), "  ", (subject, "bold"), f": {detail}")
    return line + Text.assemble(("  -> ", "dim"), (advice, "cyan")) if advice else line
