"""Sends logs to standard error: lines for people on a terminal, JSON everywhere else. Called once, by a command.

The name of an event is a constant; what differs between two lines of it stands in fields. `event` (or `message`),
`level`, `logger` and `timestamp` are no names of fields.
"""

from __future__ import annotations

import logging
import sys
import traceback
from io import StringIO
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from spanstream.consumer.settings import LogSettings
from spanstream.consumer.terminal.sanitizing import sanitized, sanitized_line


def configure_logs(settings: LogSettings) -> None:
    """Sends structlog's and the libraries' lines to standard error, from the set level up."""
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
    )
    last: list[Processor] = (
        [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer(settings.message_key),
            structlog.processors.JSONRenderer(),
        ]
        if as_json
        else [
            _visible,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_visible_traceback),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.setLevel(settings.level.upper())  # some libraries set a level of their own, below the root's
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())


def exception_facts(error: Exception) -> dict[str, str]:
    """Returns an exception's kind and place for a log line, without its message, which may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
    return {"error": type(error).__name__, "at": place}


def _visible(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Makes visible what would act on a terminal: an id, or a library's words, may hold it."""
    return {name: sanitized_line(value) if isinstance(value, str) else value for name, value in line.items()}


def _visible_traceback(stream: TextIO, error: ExcInfo) -> None:
    """Writes a traceback without local variables, which hold the texts of documents."""
    plain = StringIO()
    structlog.dev.plain_traceback(plain, error)
    stream.write(sanitized(plain.getvalue()))
