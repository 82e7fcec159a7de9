"""Loads mappings: a file or a bundled one to a checked `RecordMapping`, or a list of all problems with their places."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.mapping.expressions import BadExpression, CompiledExpression
from spanstream.consumer.formats.mapping.field_mapping import CompiledMapping
from spanstream.consumer.yaml_files import InvalidYaml, NodePath, YamlText, read_yaml_file
from spanstream.schemas.mapping import Constant, EventKind, EventMapping, PathOrDefault, RecordMapping

_FOLDER = resources.files("spanstream.consumer.formats.mapping") / "bundled"


class InvalidMapping(InvalidYaml):
    """The mapping cannot be used; `problems` lists everything that is wrong."""

    check_command = "spanstream mapping check"


def bundled_names() -> list[str]:
    """Returns the names of the bundled mappings."""
    return sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))


def mapping_text(name: str) -> str:
    """Returns the YAML of a bundled mapping, or else of a file.

    Raises:
        Stop: it is neither, or cannot be read.
    """
    if name in bundled_names():
        return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    if not Path(name).exists():
        hint = f"bundled mappings are {', '.join(bundled_names())}"
        raise Stop(f"{name}: there is no such file, and no bundled mapping of this name", hint=hint)
    return read_yaml_file(Path(name))


def bundled_samples(name: str) -> list[bytes]:
    """Returns the sample records of a bundled mapping, one JSON text each."""
    lines = (_FOLDER / f"{name}.jsonl").read_bytes().split(b"\n")
    return [line for line in lines if line]


def load_mapping(name: str) -> RecordMapping:
    """Loads a bundled mapping, or that of a file.

    Raises:
        InvalidMapping: it cannot be used.
        Stop: there is none, or it cannot be read.
    """
    return parse_mapping(mapping_text(name), name)


def parse_mapping(text: str, name: str) -> RecordMapping:
    """Parses and checks the text of a mapping; messages call it `name`.

    Raises:
        InvalidMapping: it cannot be used.
    """
    yaml = YamlText(text, name, InvalidMapping)
    mapping = yaml.validated(RecordMapping)
    problems = list(_wrong_expressions(mapping))
    if problems:
        raise yaml.refusal(problems)
    return mapping


def compile_mapping(name: str, kind: EventKind) -> CompiledMapping:
    """Returns what makes events of this kind, by a bundled mapping or a file.

    Raises:
        InvalidMapping: it cannot be used.
        Stop: there is none, it cannot be read, or it does not make this kind.
    """
    mapping = load_mapping(name)
    if kind not in mapping.kinds:
        raise Stop(f"the mapping {name} makes no {kind}", hint=f"it makes {', '.join(mapping.kinds)}")
    return CompiledMapping(kind, getattr(mapping, kind))


def _wrong_expressions(mapping: RecordMapping) -> Iterator[tuple[NodePath, str]]:
    for kind in mapping.kinds:
        event: EventMapping = getattr(mapping, kind)
        for place, source in (("root",), event.root), *event.sources():
            expression = source.path if isinstance(source, PathOrDefault) else source
            if isinstance(expression, Constant):
                continue
            try:
                CompiledExpression.compile(expression)
            except BadExpression as error:
                yield (kind, *place), f"{'.'.join((kind, *place))}: {error}"
