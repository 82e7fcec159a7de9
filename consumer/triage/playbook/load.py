"""Loads a playbook: YAML to a checked `Playbook`, or a list of all problems, each with its line and column.

text -> yaml_files -> schemas.playbook -> checks across parts
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from spanstream.consumer.triage.playbook.patterns import BadPattern, compiled
from spanstream.consumer.yaml_files import InvalidYaml, NodePath, YamlText, read_yaml_file
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


class InvalidPlaybook(InvalidYaml):
    """The playbook cannot be used; `problems` lists everything that is wrong."""

    check_command = "spanstream triage check"


def load_playbook(file: Path | None) -> Playbook:
    """Loads the playbook of a file; without a file, the bundled playbook.

    Raises:
        InvalidPlaybook: the playbook cannot be used.
        Stop: the file cannot be read.
    """
    if file is None:
        return parse_playbook(bundled_text(), BUNDLED)
    return parse_playbook(read_yaml_file(file), str(file))


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
    yaml = YamlText(text, name, InvalidPlaybook)
    playbook = yaml.validated(Playbook)
    problems = list(_contradictions(playbook))
    if problems:
        raise yaml.refusal(problems)
    return playbook


def _contradictions(playbook: Playbook) -> Iterator[tuple[NodePath, str]]:
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
) -> Iterator[tuple[NodePath, str]]:
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


def _pattern_problem(place: NodePath, pattern: str) -> Iterator[tuple[NodePath, str]]:
    try:
        compiled(pattern)
    except BadPattern as error:
        yield place, str(error)


def _ambiguous_words(place: NodePath, format_: EnumFormat) -> Iterator[tuple[NodePath, str]]:
    owners: dict[str, str] = {}
    for option, words in format_.enum.items():
        for word in {option.casefold(), *(word.casefold() for word in words)}:
            if owners.setdefault(word, option) != option:
                yield (*place, option), f"{word!r} stands for {owners[word]!r} already"


def _unknown_languages(place: NodePath, format_: DateFormat) -> Iterator[tuple[NodePath, str]]:
    from dateparser.data.languages_info import language_order  # noqa: PLC0415  a third of a second, for playbooks with dates

    for number, code in enumerate(format_.date.languages):
        if code not in language_order:
            yield (
                (*place, number),
                f"dateparser reads no dates in {code!r}; it knows {', '.join(language_order[:20])} ...",
            )


def _unknown_value(place: NodePath, test: FieldTest, playbook: Playbook) -> Iterator[tuple[NodePath, str]]:
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
