"""Reads a point in time that an option gives: a time, or how long ago it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"(\d+)([smhdw])")


def time_ms(option: str, text: str | None) -> int | None:
    """Returns milliseconds since the epoch; None where the option is not given.

    Raises:
        BadParameter: it is neither a time nor an age.
    """
    if text is None:
        return None
    age = _AGE.fullmatch(text)
    if age is not None:
        time = datetime.now(UTC) - timedelta(seconds=int(age[1]) * _UNITS[age[2]])
    else:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            hint = "should be a time such as 2026-01-31, 2026-01-31T12:00 (UTC), or an age: 90s, 30m, 2h, 7d"
            raise typer.BadParameter(f"{option} {text}: {hint}") from None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
