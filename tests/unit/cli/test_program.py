"""What every command understands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop
from spanstream.models.defaults import DEFAULT_ARTIFACT


def commands(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    yield names
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *names, name)


def test_the_version_is_the_programs_and_the_models() -> None:
    done = CliRunner().invoke(app, ["--version"])
    manifest = json.loads((DEFAULT_ARTIFACT / "manifest.json").read_bytes())
    assert done.exit_code == 0
    assert done.stdout.startswith("spanstream ")
    assert done.stdout.endswith(f" (model {manifest['name']} {manifest['version']})\n")


@pytest.mark.parametrize("names", list(commands(get_command(app))), ids=" ".join)
def test_every_command_takes_h_for_help(names: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*names, option]) for option in ("-h", "--help"))
    assert short.exit_code == 0, short.output
    assert short.output == long.output
    assert not re.search(r"SPANSTREAM_\w+__(?![A-Z*])", short.output), "a star was taken for emphasis"


def test_registering_without_a_format_is_refused_before_a_topic_is_created() -> None:
    result = CliRunner().invoke(app, ["topics", "create", "--register"])
    assert isinstance(result.exception, Stop)
    assert str(result.exception).endswith("set SPANSTREAM_REGISTRY__FORMAT to avro, json or protobuf")


def test_a_standard_input_that_is_closed_is_an_empty_one() -> None:
    asks = (
        "import sys; from spanstream.consumer import cli; cli.app = lambda **_: print(sys.stdin.isatty()); cli.main()"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, asks], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
