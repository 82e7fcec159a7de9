"""The options that the commands of `replay` share, each declared once, and what their texts come to."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.time_option import time_ms
from spanstream.consumer.replay.letters.letter import LetterState
from spanstream.consumer.replay.letters.selection import NumberRange, Selection
from spanstream.consumer.replay.planning.headers import HeaderPolicy
from spanstream.consumer.replay.wiring import SendingOptions

_RANGE = re.compile(r"(\d*)\.\.(\d*)")
_HEX = "hex:"
_ANY = "any"
# Headings in `--help`.
_select = functools.partial(typer.Option, rich_help_panel="Which dead letters (all conditions hold)")
_change = functools.partial(typer.Option, rich_help_panel="What becomes of them on the way")

# The dead-letter topic.

DeadLetterTopic = Annotated[
    str | None, typer.Option(help="Dead-letter topic; by default the one of the settings.", show_default=False)
]
LedgerTopic = Annotated[
    str | None, typer.Option(help="What became of each dead letter; by default TOPIC.ledger.", show_default=False)
]
ReplayGroup = Annotated[
    str | None,
    typer.Option(help="Group whose lag is what is left; by default SPANSTREAM_REPLAY__GROUP_ID.", show_default=False),
]

# Which dead letters.

ReasonPatterns = Annotated[
    list[str] | None,
    _select(help="Reason, or the other products' exception class; a pattern such as Data*; again for more."),
]
OriginTopics = Annotated[list[str] | None, _select(help="Topic the record came from; again for more.")]
OriginPartition = Annotated[int | None, _select(min=0, help="Partition it came from.")]
OriginOffsets = Annotated[str | None, _select(metavar="N|FIRST..LAST", help="Its offset there, both ends included.")]
Since = Annotated[
    str | None,
    _select(metavar="TIME", help="Failed at this time or later: 2026-01-31T12:00 (UTC), or 2h ago: 2h."),
]
Until = Annotated[str | None, _select(metavar="TIME", help="Failed before this time.")]
RecordKeys = Annotated[list[str] | None, _select(help="The record's key, as text or as hex:00ff; again for more.")]
Attempts = Annotated[str | None, _select(metavar="N|FIRST..LAST", help="How often it was sent again before.")]
HeaderPatterns = Annotated[
    list[str] | None, _select(metavar="NAME=PATTERN", help="It has such a header; again for more conditions.")
]
DetailText = Annotated[str | None, _select(help="Text that the detail holds.")]
State = Annotated[str, _select(help="open, replayed, parked or any.")]
OPEN = LetterState.OPEN.value
"""The default of `--state`."""

# What becomes of them on the way.

FixNames = Annotated[
    list[str] | None,
    _change(
        metavar="NAME[=ARGUMENT]",
        help="Change the records: drop-field=NAME, set-field=NAME=JSON, rename-field=OLD=NEW, re-encode=CHARSET, "
        "current-document, or one of --fix-file; again for more, in this order.",
    ),
]
FixFiles = Annotated[
    list[Path] | None, _change(metavar="FILE.py", help="Python file whose functions are fixes (docs/replay.md).")
]
Destination = Annotated[
    str | None, _change(metavar="TOPIC", help="Send there, and not where the records came from.", show_default=False)
]
ByKey = Annotated[
    bool, _change("--by-key", help="Let the key choose the partition (murmur2), not the origin's number.")
]
OverNewer = Annotated[
    bool, _change("--over-newer", help="Send to a compacted topic even where it holds something newer of the key.")
]
KeepHeaders = Annotated[
    list[str] | None, _change(metavar="PATTERN", help="Carry headers that would be dropped; again for more.")
]
DropHeaders = Annotated[
    list[str] | None, _change(metavar="PATTERN", help="Drop headers that would be carried; again for more.")
]
RenameHeaders = Annotated[
    list[str] | None, _change(metavar="OLD=NEW", help="Carry a header under another name; again for more.")
]


def parse_selection(  # noqa: PLR0913, PLR0917  one parameter an option
    reason: list[str] | None = None,
    origin: list[str] | None = None,
    origin_partition: int | None = None,
    origin_offset: str | None = None,
    since: str | None = None,
    until: str | None = None,
    key: list[str] | None = None,
    attempts: str | None = None,
    header: list[str] | None = None,
    detail: str | None = None,
    state: str = OPEN,
) -> Selection:
    """Makes a selection of the options that say which dead letters.

    Raises:
        typer.BadParameter: one cannot be read.
    """
    return Selection(
        reasons=tuple(reason or ()),
        topics=tuple(origin or ()),
        partition=origin_partition,
        offsets=_range("--origin-offset", origin_offset),
        since_ms=time_ms("--since", since),
        until_ms=time_ms("--until", until),
        keys=tuple(_key(text) for text in key or ()),
        attempts=_range("--attempts", attempts),
        headers=tuple(_pair("--header", text) for text in header or ()),
        detail=detail,
        state=_state(state),
    )


def parse_sending(  # noqa: PLR0913, PLR0917  one parameter an option
    fix: list[str] | None,
    fix_file: list[Path] | None,
    to: str | None,
    keep_header: list[str] | None,
    drop_header: list[str] | None,
    rename_header: list[str] | None,
    *,
    by_key: bool,
    over_newer: bool,
) -> SendingOptions:
    """Makes sending options of the options that say what happens to the records.

    Raises:
        typer.BadParameter: one cannot be read.
    """
    renamed = tuple(_pair("--rename-header", text) for text in rename_header or ())
    policy = HeaderPolicy(tuple(drop_header or ()), tuple(keep_header or ()), renamed)
    return SendingOptions(tuple(fix or ()), tuple(fix_file or ()), to, by_key, over_newer, policy)


def _range(option: str, text: str | None) -> NumberRange:
    if text is None:
        return NumberRange()
    if text.isdecimal():
        return NumberRange(int(text), int(text))
    bounds = _RANGE.fullmatch(text)
    if bounds is None or text == "..":
        raise typer.BadParameter(f"{option} {text}: should be a number, or a range such as 10..20, 10.. or ..20")
    return NumberRange(*(int(bound) if bound else None for bound in bounds.groups()))


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
