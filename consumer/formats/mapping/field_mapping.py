"""Makes one of our events out of foreign JSON, field by field, as an `EventMapping` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from spanstream.consumer.formats.mapping.expressions import CannotEvaluate, CompiledExpression
from spanstream.consumer.formats.translator import Message
from spanstream.schemas.cloudevents import is_ours
from spanstream.schemas.errors import InvalidRecord, Reason, one_line
from spanstream.schemas.mapping import Constant, EventKind, EventMapping, PathOrDefault, Source

_EXPRESSION_CHARS: Final = 120
"""Characters of an expression that a detail shows."""
_NAMES: Final = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
_NOT_TEXTS: Final[Mapping[tuple[str, ...], tuple[type, ...]]] = {
    ("min_confidence",): (int, float),
    ("max_answers",): (int, float),
    ("answer_again",): (bool,),
    ("collections",): (list,),
}
"""What fields take beside a text, by their place."""


class _FieldRule:
    """Where a field's value comes from, compiled; `takes` are the types beside a text. Raises `BadExpression`."""

    def __init__(self, name: str, source: Source, *, is_needed: bool, takes: tuple[type, ...] = ()) -> None:
        self._name = name
        self._is_needed = is_needed
        self._takes = takes
        self._path: CompiledExpression | None = None
        self._default: str | None = None
        if isinstance(source, Constant):
            self._default = source.constant
        elif isinstance(source, PathOrDefault):
            self._path, self._default = CompiledExpression.compile(source.path), source.default
        else:
            self._path = CompiledExpression.compile(source)

    def value(self, record: Any) -> str | float | list[Any] | None:  # noqa: ANN401  any JSON
        """Returns the field's value; of a field that takes a list, a text is split at its commas. None: it is left out.

        Raises:
            InvalidRecord: there is none, or it is no text.
        """
        found = None if self._path is None else _search(self._name, self._path, record)
        value = self._default if found is None else found
        if isinstance(value, str):
            return _names_in(value) if list in self._takes else value
        if type(value) in self._takes:
            return value
        if value is None and not self._is_needed:
            return None
        raise _refusal(
            self._name, self._path, "gave nothing" if value is None else f"gave {_NAMES[type(value)]}, no text"
        )


class CompiledMapping:
    """A `Translator` to one kind of event. It holds no state, so threads may share it.

    A record that carries a `ce_type` of ours is our event already: the ticket stream asks its questions on topics that
    others write to as well.

    Args:
        kind: the kind of event.
        mapping: how it is made.

    Raises:
        BadExpression: one of its expressions is wrong.
    """

    def __init__(self, kind: EventKind, mapping: EventMapping) -> None:
        self._root_name = f"{kind}.root"
        self._root = CompiledExpression.compile(mapping.root)
        needed = {name for name, field in type(mapping).model_fields.items() if field.is_required()}
        self._rules = {
            place: _FieldRule(
                ".".join((kind, *place)), source, is_needed=place[0] in needed, takes=_NOT_TEXTS.get(place, ())
            )
            for place, source in mapping.sources()
        }

    def translate(self, message: Message) -> Message:
        """Returns our event; one of ours stays as it is.

        Raises:
            InvalidRecord: it is no JSON, or a field cannot be made: the detail names it and its expression.
        """
        if is_ours(message.header("ce_type")):
            return message
        return message._replace(value=self.map(message.value))

    def map(self, value: bytes) -> bytes:
        """Returns the event that a record's value becomes, as JSON. Raises as `translate` does."""
        try:
            record = from_json(value, allow_inf_nan=False)
        except ValueError as error:
            refusal = InvalidRecord(Reason.UNDECODABLE, f"Invalid JSON: {error}")
        else:
            return to_json(self._event(record), inf_nan_mode="constants")
        raise refusal

    def _event(self, record: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
        root = _search(self._root_name, self._root, record)
        if root is None:
            raise _refusal(self._root_name, self._root, "gave nothing")
        event: dict[str, Any] = {}
        for (name, *keys), rule in self._rules.items():
            value = rule.value(root)
            if value is not None and keys:
                event.setdefault(name, {})[keys[0]] = value
            elif value is not None:
                event[name] = value
        return event


def _names_in(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _search(name: str, path: CompiledExpression, record: Any) -> Any:  # noqa: ANN401  any JSON
    try:
        return path.search(record)
    except CannotEvaluate as error:
        refusal = _refusal(name, path, str(error))
    raise refusal


def _refusal(name: str, path: CompiledExpression | None, problem: str) -> InvalidRecord:
    shown = "" if path is None else one_line(path.expression, _EXPRESSION_CHARS)
    return InvalidRecord(Reason.INVALID_EVENT, f"mapping: {name}: {shown} {problem}")
