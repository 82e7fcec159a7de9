"""Writes every setting as a row, for `--help` and the docs.

`python -m spanstream.consumer.settings.table [--check | --write] FILE`.

    Settings ──> rows ──> Markdown table ──> between the two marks in FILE

Without a file the table is printed. `--check` writes nothing and fails where the file is not current.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from spanstream.consumer.settings import ENV_PREFIX, Settings
from spanstream.models.defaults import DEFAULT_ARTIFACT

BEGIN: Final = "<!-- settings: written by `make format` -->"
END: Final = "<!-- settings: end -->"

_MIB: Final = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One setting.

    Attributes:
        name: the environment variable.
        default: as it would be written there; empty where the default is that it is not set.
        description: one line, with the unit where the name does not say it.
    """

    name: str
    default: str
    description: str


def rows() -> Iterator[Row]:
    """Yields all settings, in the order they are declared."""
    defaults = Settings.model_construct()
    for name, field in Settings.model_fields.items():
        value = getattr(defaults, name)
        if isinstance(value, BaseModel):
            described = {inner: setting.description or "" for inner, setting in type(value).model_fields.items()}
        elif dataclasses.is_dataclass(value):
            described = _docstrings(type(value))
        else:
            yield Row((ENV_PREFIX + name).upper(), _written(value), field.description or "")
            continue
        for inner, description in described.items():
            yield Row(f"{ENV_PREFIX}{name}__{inner}".upper(), _written(getattr(value, inner)), description)


def table() -> str:
    """Returns the rows as a Markdown table."""
    lines = ["| Setting | Default | |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {_shown(row)} | {row.description.replace('|', chr(92) + '|')} |" for row in rows()]
    return "\n".join(lines)


def written_into(text: str) -> str:
    """Returns the text with the current table between its marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    match arguments:
        case []:
            print(table())  # noqa: T201  the output of a command
            return 0
        case ["--check" | "--write" as option, name]:
            file = Path(name)
            text = file.read_text(encoding="utf-8")
            current = written_into(text)
            if option == "--write" and text != current:
                file.write_text(current, encoding="utf-8")
            if option == "--check" and text != current:
                print(f"{name}: its table of settings is not current: make format", file=sys.stderr)  # noqa: T201  a command
                return 1
            return 0
        case _:
            print("usage: python -m spanstream.consumer.settings.table [--check FILE | --write FILE]", file=sys.stderr)  # noqa: T201  a command
            return 2


def _docstrings(kind: type) -> dict[str, str]:
    """Returns the docstring below each field of a dataclass, on one line."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    docstrings: dict[str, str] = {}
    if isinstance(body, ast.ClassDef):
        for statement, following in zip(body.body, body.body[1:], strict=False):
            match statement, following:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    docstrings[name] = " ".join(text.split())
    return {field.name: docstrings.get(field.name, "") for field in dataclasses.fields(kind)}


def _written(value: object) -> str:
    """Returns a value as it is written in the environment; the bundled model's path as it is in the repository."""
    if value is None:
        return ""
    if isinstance(value, Path):
        return f"models/artifacts/{value.name}" if value == DEFAULT_ARTIFACT else str(value)
    return value if isinstance(value, str) else json.dumps(value)


def _shown(row: Row) -> str:
    if not row.default:
        return "not set"
    if row.name.endswith("_BYTES") and (size := int(row.default)) >= _MIB:
        return f"`{row.default}` ({size // _MIB} MiB)"
    return f"`{row.default}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
