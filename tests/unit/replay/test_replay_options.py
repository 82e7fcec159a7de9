"""Options of `spanstream replay` that are refused before anything connects, and what the others come to."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from spanstream.consumer.cli.program import app
from spanstream.consumer.cli.replay.shared_options import parse_selection
from spanstream.consumer.replay.letters.selection import NumberRange, Selection


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["replay", *arguments], env={"SPANSTREAM_LOG__LEVEL": "error", "COLUMNS": "200"})


@pytest.mark.parametrize(
    "arguments",
    [("run", "--yes", "--state", "parked"), ("list", "--since", "yesterday"), ("list", "--attempts", ".."),
     ("list", "--attempts", "3..x"), ("list", "--key", "hex:zz"), ("list", "--header", "team"),
     ("list", "--state", "lost"), ("show", "x"), ("run", "--rename-header", "a"), ("run", "--limit", "0"),
     ("run", "--rate", "0"), ("manifest",), ("no-such-verb",)],
)  # fmt: skip
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("verb", ["summary", "list", "show", "check", "run", "manifest", "prepare"])
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    help_text = invoke(verb, "--help").stdout
    assert f"Example: spanstream replay {verb}" in help_text
    if verb not in {"manifest", "prepare"}:
        assert "--reason" in help_text


@pytest.mark.parametrize("verb", ["summary", "list", "show", "check", "run"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("--since", "x"), ("--until", "x"), ("--origin-offset", "x"), ("--attempts", "x"), ("--key", "hex:x"),
     ("--header", "x"), ("--state", "x")],
)  # fmt: skip
def test_every_verb_reads_each_option_as_that_option(verb: str, option: str, value: str) -> None:
    result = invoke(verb, option, value)
    assert result.exit_code == 2
    assert f"{option} {value}: " in result.output


def test_options_come_to_a_selection() -> None:
    selection = parse_selection(
        reason=["a", "b"],
        origin_offset="10..",
        since="2026-01-31",
        until="2026-01-31T00:00:01+01:00",
        key=["text", "hex:00ff"],
        attempts="2",
        header=["a=b=c"],
        state="any",
    )
    assert selection == Selection(
        reasons=("a", "b"),
        offsets=NumberRange(10, None),
        since_ms=1_769_817_600_000,
        until_ms=1_769_814_001_000,
        keys=(b"text", b"\x00\xff"),
        attempts=NumberRange(2, 2),
        headers=(("a", "b=c"),),
        state=None,
    )
