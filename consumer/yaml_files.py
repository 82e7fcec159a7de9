"""Reads the YAML files that people write, and says of each problem where it stands.

text -> YAML 1.2 (`no` is a word, a repeated key an error), without aliases and tags -> plain values, with their places
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from spanstream.consumer.errors import Stop

_M = TypeVar("_M", bound=BaseModel)

NodePath = tuple[str | int, ...]
"""Steps into a value: keys, and positions in lists."""

_MAX_CHARS = 1_000_000
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where; lines and columns count from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


class InvalidYaml(Stop):
    """A file cannot be used; `problems` lists everything that is wrong.

    A subclass for each kind of file names the command that shows all of them.
    """

    check_command: ClassVar[str]

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        more = f" (and {len(problems) - 1} more: {self.check_command} {name})" if len(problems) > 1 else ""
        super().__init__(f"{name}:{self.problems[0]}{more}")


class YamlText:
    """The value of a YAML text, and the places of its parts.

    Args:
        text: the YAML.
        name: what messages call it.
        invalid: the error to raise.

    Raises:
        InvalidYaml: it is no YAML, or has aliases or tags.
    """

    def __init__(self, text: str, name: str, invalid: type[InvalidYaml]) -> None:
        self._name = name
        self._invalid = invalid
        if len(text) > _MAX_CHARS:
            raise invalid(name, [Problem(1, 1, f"{len(text)} characters, at most {_MAX_CHARS} are read")])
        try:
            self._node = yaml_reader("rt").load(StringIO(text))
            self._value = _plain(self._node)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise invalid(name, [Problem(line, column, f"no YAML: {error.problem or error.context}")]) from None
        except (YAMLError, ValueError, RecursionError) as error:
            raise invalid(name, [Problem(1, 1, f"no YAML: {str(error).splitlines()[0]}")]) from None

    def validated(self, model: type[_M]) -> _M:
        """Returns the value as this model. Raises `InvalidYaml` with all that is wrong with it."""
        try:
            return model.model_validate(self._value)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
        raise self.refusal([(detail["loc"], _worded(detail["loc"], detail["msg"])) for detail in details])

    def refusal(self, problems: Sequence[tuple[NodePath, str]]) -> InvalidYaml:
        """Returns the error that says what is wrong, and at which places."""
        return self._invalid(self._name, [_located(self._node, place, message) for place, message in problems])


def read_yaml_file(file: Path) -> str:
    """Returns the text of a file. Raises `Stop` where it cannot be read or is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Stop(f"{file}: not UTF-8 at byte {error.start}") from error


def yaml_reader(kind: Literal["rt", "safe"]) -> YAML:
    """Returns a reader that refuses aliases: `rt` keeps the places of what it reads, `safe` makes plain values.

    Written in Python, it raises a RecursionError where the text is nested a few hundred levels deep.
    """
    yaml = YAML(typ=kind, pure=True)
    yaml.Composer = AliasRefuser
    return yaml


class AliasRefuser(Composer):
    """Refuses aliases: each level of them can hold the one below many times, so a few lines stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401  the library's signature
        """Returns the next node.

        Raises:
            ComposerError: it is an alias.
        """
        if self.parser.check_event(AliasEvent):
            event = self.parser.peek_event()
            raise ComposerError(None, None, f"the alias *{event.anchor}: write what it stands for", event.start_mark)
        return super().compose_node(parent, index)


def _plain(node: Any, depth: int = 0) -> Any:  # noqa: ANN401  any YAML
    """Converts the library's nodes to Python's own values.

    Raises:
        ValueError: the YAML has a tag, or is nested too deeply.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value, depth + 1) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value, depth + 1) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if hasattr(node, "tag") and node.tag.value:
        raise ValueError(f"the tag {node.tag.value} means nothing here")
    return node


def _located(node: Any, place: Sequence[str | int], message: str) -> Problem:  # noqa: ANN401  any YAML
    """Finds the place in the text that a path leads to; steps that are no part of the text are skipped."""
    line = column = 0
    for step in place:
        if isinstance(node, CommentedMap) and step in node:
            line, column = node.lc.key(step)
            node = node[step]
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            line, column = node.lc.item(step)
            node = node[step]
    return Problem(line + 1, column + 1, message)


def _worded(place: Sequence[str | int], message: str) -> str:
    """Words pydantic's message for people, with the name of what it is about in front."""
    names = [str(step) for step in place if not isinstance(step, int)]
    text = message.removeprefix("Value error, ")
    text = {"Field required": "is missing", "Extra inputs are not permitted": "is unknown here"}.get(text, text)
    text = text.replace("Input should be a valid string", "should be a text: quote it")
    return f"{names[-1]}: {text}" if names else text
