"""Loads a playbook: YAML to a checked `Playbook`, or a list of all problems, each with its line and column.

text -> yaml_reading -> schemas.playbook
     -> checks across parts
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.playbook.patterns import BadPattern, compiled
from spanstream.consumer.triage.playbook.yaml_reading import yaml_reader
from spanstream.schemas.playbook import (
    DateFormat,
    EnumFormat,
    FieldTest,
    Playbook,
    PriorityRule,
    RegexFormat,
    RouteRule,
    conditions_in,
)

BUNDLED = "software-support"
_MAX_CHARS = 1_000_000
_MAX_DEPTH = 64

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where; lines and columns count from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


class InvalidPlaybook(Stop):
    """The playbook cannot be used; `problems` lists everything that is wrong."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        more = f" (and {len(problems) - 1} more: spanstream triage check {name})" if len(problems) > 1 else ""
        super().__init__(f"{name}:{self.problems[0]}{more}")


def load_playbook(file: Path | None) -> Playbook:
    """Loads the playbook of a file; without a file, the bundled playbook.

    Raises:
        InvalidPlaybook: the playbook cannot be used.
        Stop: the file cannot be read.
    """
    if file is None:
        return parse_playbook(bundled_text(), BUNDLED)
    try:
        return parse_playbook(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Stop(f"{file}: not UTF-8 at byte {error.start}") from error


def bundled_text() -> str:
    """Returns the bundled playbook as YAML."""
    return (resources.files("spanstream.consumer.triage.playbook") / "playbooks" / f"{BUNDLED}.yaml").read_text(
        encoding="utf-8"
    )


def parse_playbook(text: str, name: str) -> Playbook:
    """Parses and checks the text of a playbook; messages call it `name`.

    Raises:
        InvalidPlaybook: the playbook cannot be used.
    """
    if len(text) > _MAX_CHARS:
        raise InvalidPlaybook(name, [Problem(1, 1, f"{len(text)} characters, at most {_MAX_CHARS} are read")])
    try:
        node = yaml_reader("rt").load(StringIO(text))
        value = _plain(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InvalidPlaybook(name, [Problem(line, column, f"no YAML: {error.problem or error.context}")]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InvalidPlaybook(name, [Problem(1, 1, f"no YAML: {str(error).splitlines()[0]}")]) from None
    try:
        playbook = Playbook.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise InvalidPlaybook(
            name, [_located(node, detail["loc"], _worded(detail["loc"], detail["msg"])) for detail in details]
        ) from None
    problems = [_located(node, place, message) for place, message in _contradictions(playbook)]
    if problems:
        raise InvalidPlaybook(name, problems)
    return playbook


def _contradictions(playbook: Playbook) -> Iterator[tuple[Place, str]]:
    """Yields what is wrong between parts that are each right by themselves."""
    for name, field in playbook.fields.items():
        if len(set(field.questions)) < len(field.questions):
            yield ("fields", name, "questions"), "a phrasing is there twice"
        if isinstance(field.format, RegexFormat):
            yield from _pattern_problem(("fields", name, "format", "regex"), field.format.regex)
        if isinstance(field.format, EnumFormat):
            yield from _ambiguous_words(("fields", name, "format", "enum"), field.format)
        if isinstance(field.format, DateFormat):
            yield from _unknown_languages(("fields", name, "format", "date", "languages"), field.format)
    yield from _rule_contradictions("routes", playbook.routes, playbook)
    yield from _rule_contradictions("priorities", playbook.priorities, playbook)


def _rule_contradictions(
    part: str, rules: Sequence[RouteRule | PriorityRule], playbook: Playbook
) -> Iterator[tuple[Place, str]]:
    for number, rule in enumerate(rules[:-1]):
        if rule.when is None:
            yield (part, number), "no rule below this one is ever reached: it has no when"
    if rules[-1].when is not None:
        yield (part, len(rules) - 1, "when"), "the last rule must always apply: give it no when, or add one without"
    for number, rule in enumerate(rules):
        for place, test in conditions_in(rule.when, (part, number, "when")):
            if test.matches is not None:
                yield from _pattern_problem((*place, "matches"), test.matches)
            if isinstance(test, FieldTest):
                yield from _unknown_value(place, test, playbook)


def _pattern_problem(place: Place, pattern: str) -> Iterator[tuple[Place, str]]:
    try:
        compiled(pattern)
    except BadPattern as error:
        yield place, str(error)


def _ambiguous_words(place: Place, format_: EnumFormat) -> Iterator[tuple[Place, str]]:
    owners: dict[str, str] = {}
    for option, words in format_.enum.items():
        for word in {option.casefold(), *(word.casefold() for word in words)}:
            if owners.setdefault(word, option) != option:
                yield (*place, option), f"{word!r} stands for {owners[word]!r} already"


def _unknown_languages(place: Place, format_: DateFormat) -> Iterator[tuple[Place, str]]:
    from dateparser.data.languages_info import language_order  # noqa: PLC0415  a third of a second, for playbooks with dates

    for number, code in enumerate(format_.date.languages):
        if code not in language_order:
            yield (
                (*place, number),
                f"dateparser reads no dates in {code!r}; it knows {', '.join(language_order[:20])} ...",
            )


def _unknown_value(place: Place, test: FieldTest, playbook: Playbook) -> Iterator[tuple[Place, str]]:
    """Yields tests of a field that does not exist, or of a value that an enumeration never has."""
    field = playbook.fields.get(test.field)
    if field is None:
        yield (*place, "field"), f"there is no field {test.field!r}; there are {', '.join(playbook.fields)}"
        return
    if isinstance(field.format, EnumFormat):
        values = {option.casefold() for option in (*field.format.enum, field.if_missing.value) if option}
        for kind, wanted in (("equals", [test.equals] if test.equals else []), ("one_of", test.one_of or [])):
            for value in wanted:
                if value.casefold() not in values:
                    yield (
                        (*place, kind),
                        f"{test.field} is never {value!r}; its options are {', '.join(field.format.enum)}",
                    )


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
