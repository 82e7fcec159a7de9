"""Options that the verbs of `replay` share, declared once: each group is a function that makes what they say."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from spanstream.consumer.cli.options import ConfigFile
from spanstream.consumer.replay.letters.headers import HeaderPolicy
from spanstream.consumer.replay.letters.selection import LetterState, Selection, TimeSpan

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d+)([smhdw])")
_RANGE = re.compile(r"(\d*)\.\.(\d*)")
_HEX = "hex:"
_ANY = "any"
# Headings in `--help`.
_which = functools.partial(typer.Option, rich_help_panel="Which dead letters (all conditions hold)")
_how = functools.partial(typer.Option, rich_help_panel="What becomes of them on the way")


@dataclass(frozen=True, slots=True)
class TopicOptions:
    """Which dead-letter topic, and where a replay keeps its books; None: by the settings and by convention."""

    config: Path | None
    topic: str | None
    ledger: str | None
    group: str | None


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """What happens to the records on their way."""

    fixes: tuple[str, ...]
    fix_files: tuple[Path, ...]
    to: str | None
    by_key: bool
    policy: HeaderPolicy


def where(
    config: ConfigFile = None,
    topic: Annotated[
        str | None, typer.Option(help="Dead-letter topic; by default the one of the settings.", show_default=False)
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(help="What became of each dead letter; by default TOPIC.ledger.", show_default=False)
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Group whose lag is what is left; by default SPANSTREAM_REPLAY__GROUP_ID.", show_default=False
        ),
    ] = None,
) -> TopicOptions:
    """The options that say where."""
    return TopicOptions(config, topic, ledger, group)


def selection(  # noqa: PLR0913  one parameter an option
    *,
    reason: Annotated[
        list[str] | None,
        _which(help="Reason, or the other products' exception class; a pattern such as Data*; again for more."),
    ] = None,
    origin: Annotated[list[str] | None, _which(help="Topic the record came from; again for more.")] = None,
    origin_partition: Annotated[int | None, _which(min=0, help="Partition it came from.")] = None,
    origin_offset: Annotated[
        str | None, _which(metavar="N|FIRST..LAST", help="Its offset there, both ends included.")
    ] = None,
    since: Annotated[
        str | None,
        _which(metavar="TIME", help="Failed at this time or later: 2026-01-31T12:00 (UTC), or 2h ago: 2h."),
    ] = None,
    until: Annotated[str | None, _which(metavar="TIME", help="Failed before this time.")] = None,
    key: Annotated[list[str] | None, _which(help="The record's key, as text or as hex:00ff; again for more.")] = None,
    attempts: Annotated[str | None, _which(metavar="N|FIRST..LAST", help="How often it was sent again before.")] = None,
    header: Annotated[
        list[str] | None, _which(metavar="NAME=PATTERN", help="It has such a header; again for more conditions.")
    ] = None,
    detail: Annotated[str | None, _which(help="Text that the detail holds.")] = None,
    state: Annotated[str, _which(help="open, replayed, parked or any.")] = LetterState.OPEN,
) -> Selection:
    """The options that say which dead letters; all have to hold."""
    return Selection(
        reasons=tuple(reason or ()),
        topics=tuple(origin or ()),
        partition=origin_partition,
        offsets=_span("--origin-offset", origin_offset),
        since_ms=_time("--since", since),
        until_ms=_time("--until", until),
        keys=tuple(_key(text) for text in key or ()),
        attempts=_span("--attempts", attempts),
        headers=tuple(_pair("--header", text) for text in header or ()),
        detail=detail,
        state=_state(state),
    )


def sending(  # noqa: PLR0913  one parameter an option
    *,
    fix: Annotated[
        list[str] | None,
        _how(
            metavar="NAME[=ARGUMENT]",
            help="Change the records: drop-field=NAME, set-field=NAME=JSON, rename-field=OLD=NEW, re-encode=CHARSET, "
            "current-document, or one of --fix-file; again for more, in this order.",
        ),
    ] = None,
    fix_file: Annotated[
        list[Path] | None,
        _how(metavar="FILE.py", help="Python file whose functions are fixes (docs/replay.md)."),
    ] = None,
    to: Annotated[
        str | None,
        _how(metavar="TOPIC", help="Send there, and not where the records came from.", show_default=False),
    ] = None,
    by_key: Annotated[
        bool, _how("--by-key", help="Let the key choose the partition (murmur2), not the origin's number.")
    ] = False,
    keep_header: Annotated[
        list[str] | None, _how(metavar="PATTERN", help="Carry headers that would be dropped; again for more.")
    ] = None,
    drop_header: Annotated[
        list[str] | None, _how(metavar="PATTERN", help="Drop headers that would be carried; again for more.")
    ] = None,
    rename_header: Annotated[
        list[str] | None, _how(metavar="OLD=NEW", help="Carry a header under another name; again for more.")
    ] = None,
) -> SendingOptions:
    """The options that say what happens to the records."""
    renamed = tuple(_pair("--rename-header", text) for text in rename_header or ())
    policy = HeaderPolicy(tuple(drop_header or ()), tuple(keep_header or ()), renamed)
    return SendingOptions(tuple(fix or ()), tuple(fix_file or ()), to, by_key, policy)


def with_options(**makers: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose parameters of these names are made of the options that their makers declare."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for one in _parameters(command) if one.name not in makers]
        groups = {name: _parameters(maker) for name, maker in makers.items()}

        @functools.wraps(command)
        def run(**values: Any) -> None:  # noqa: ANN401  whatever the options are
            made = {
                name: makers[name](**{one.name: values.pop(one.name) for one in group})
                for name, group in groups.items()
            }
            command(**made, **values)

        shown = [*own, *(one for group in groups.values() for one in group)]
        run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what typer looks at
        run.__annotations__ = {one.name: one.annotation for one in shown}
        return run

    return decorate


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    found = inspect.signature(function, eval_str=True).parameters.values()
    return [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in found]


def _span(option: str, text: str | None) -> TimeSpan:
    if text is None:
        return TimeSpan()
    if text.isdecimal():
        return TimeSpan(int(text), int(text))
    found = _RANGE.fullmatch(text)
    if found is None or text == "..":
        raise typer.BadParameter(f"{option} {text}: should be a number, or a range such as 10..20, 10.. or ..20")
    return TimeSpan(*(int(bound) if bound else None for bound in found.groups()))


def _time(option: str, text: str | None) -> int | None:
    """Milliseconds since the epoch."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        at = datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            hint = "should be a time such as 2026-01-31, 2026-01-31T12:00 (UTC), or an age: 90s, 30m, 2h, 7d"
            raise typer.BadParameter(f"{option} {text}: {hint}") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _key(text: str) -> bytes:
    if not text.startswith(_HEX):
        return text.encode()
    try:
        return bytes.fromhex(text.removeprefix(_HEX))
    except ValueError:
        raise typer.BadParameter(f"--key {text}: behind hex: there should be pairs of hexadecimal digits") from None


def _pair(option: str, text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise typer.BadParameter(f"{option} {text}: should be NAME=VALUE")
    return name, value


def _state(text: str) -> LetterState | None:
    if text == _ANY:
        return None
    try:
        return LetterState(text)
    except ValueError:
        raise typer.BadParameter(f"--state {text}: should be open, replayed, parked or any") from None
