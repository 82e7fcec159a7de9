"""Compares two JSON Schemas: what of the old contract does the new one break?

It knows the keywords that the generated schemas use, and reports any other one that differs, so a new keyword cannot
pass unseen.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_FOR_PEOPLE = {"description", "title", "default", "examples", "$schema", "$defs"}
_AT_MOST = {"maxLength", "maximum", "maxProperties", "maxItems"}
_AT_LEAST = {"minLength", "minimum", "minProperties", "minItems"}


def breaking_changes(old: Json, new: Json, *, may_grow: bool) -> list[str]:
    """Returns the changes that break the other side, one line each, with the path of the place.

    Where we read (`may_grow`), all that was valid must stay valid; more may become valid. Where others read what we
    write, the contract must be the same: readers are as closed as ours, so even a new field would break them.
    """
    changes = _compare("", _resolved(old, old), _resolved(new, new))
    if not may_grow:
        changes += [
            f"the other way round: {change}" for change in _compare("", _resolved(new, new), _resolved(old, old))
        ]
    return changes


def _resolved(node: Any, root: Json) -> Any:
    """Returns the node with every reference replaced by what it names."""
    if isinstance(node, list):
        return [_resolved(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        named = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        node = {**named, **{name: value for name, value in node.items() if name != "$ref"}}
    return {name: _resolved(value, root) for name, value in node.items() if name != "$defs"}


def _compare(path: str, old: Json, new: Json) -> list[str]:
    """Returns the places where the new schema refuses what the old one takes."""
    if "anyOf" in old or "anyOf" in new:
        return _options(path, old, new)
    changes: list[str] = []
    for keyword in sorted((old.keys() | new.keys()) - _FOR_PEOPLE):
        before, after = old.get(keyword), new.get(keyword)
        place = f"{path}/{keyword}"
        if keyword == "properties":
            changes += _properties(place, before or {}, after or {})
        elif keyword == "required":
            changes += [f"{place}: {name} is required now" for name in sorted(set(after or []) - set(before or []))]
        elif keyword in {"enum", "oneOf"} and before and after:
            changes += _choices(place, before, after, known=set(old.get("properties", ())))
        elif keyword in _AT_MOST | _AT_LEAST:
            changes += _bound(place, before, after)
        elif isinstance(before, dict) and isinstance(after, dict):
            changes += _compare(place, before, after)
        elif after is not None and before != after:
            changes.append(f"{place}: {before} is {after} now")
        elif after is None and keyword in {"additionalProperties", "oneOf", "type"}:
            changes.append(f"{place}: {before} is gone")
    return changes


def _properties(place: str, old: Json, new: Json) -> list[str]:
    changes = [f"{place}: {name} is gone" for name in old if name not in new]
    for name in old.keys() & new.keys():
        changes += _compare(f"{place}/{name}", old[name], new[name])
    return changes


def _choices(place: str, old: list[Any], new: list[Any], known: set[str]) -> list[str]:
    """Returns the choices that are gone, and the new branches that could take an old record beside its own branch."""
    gone = [f"{place}: {choice} is gone" for choice in old if choice not in new]
    added = [choice for choice in new if choice not in old and isinstance(choice, dict)]
    return gone + [f"{place}: {branch} is new" for branch in added if set(branch.get("required", ())) <= known]


def _options(path: str, old: Json, new: Json) -> list[str]:
    """Returns the old options that none of the new ones takes."""
    after = new.get("anyOf", [new])
    return [
        f"{path}/anyOf: {option} is not taken any more"
        for option in old.get("anyOf", [old])
        if all(_compare(path, option, candidate) for candidate in after)
    ]


def _bound(place: str, before: float | None, after: float | None) -> list[str]:
    if after is None or before == after:
        return []
    keyword = place.rpartition("/")[2]
    looser = before is not None and (after > before if keyword in _AT_MOST else after < before)
    return [] if looser else [f"{place}: {before} is {after} now"]
