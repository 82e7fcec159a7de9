r"""Loads a user's own fixes: the functions of a Python file.

    from dataclasses import replace

    def strip_bom(draft):
        return replace(draft, value=draft.value.removeprefix(b"\xef\xbb\xbf"))

is chosen with `--fix-file mine.py --fix strip-bom`. A function takes a `RecordDraft` and returns a `RecordDraft`. A
record on which it raises stays in the dead-letter topic. With a second parameter it gets the text behind the `=`.
"""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.fixes.built_in import (
    BUILT_IN,
    CannotFix,
    CurrentText,
    Fix,
    RecordDraft,
    current_document,
)

CURRENT_DOCUMENT = "current-document"
_WITH_ARGUMENT = 2


@dataclass(frozen=True, slots=True)
class FixFile:
    """A file's functions by name; underscores are dashes."""

    path: Path
    functions: Mapping[str, Callable[..., Any]]


def load_fix_file(path: Path) -> FixFile:
    """Runs the file and returns its public functions.

    Raises:
        Stop: it cannot be read, or raises.
    """
    try:
        names = runpy.run_path(str(path))
    except OSError as error:
        raise Stop(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:
        raise Stop(f"{path}: {type(error).__name__}: {error}") from error
    functions = {
        name.replace("_", "-"): function
        for name, function in names.items()
        if inspect.isfunction(function) and not name.startswith("_") and function.__code__.co_filename == str(path)
    }
    return FixFile(path, functions)


def choose_fixes(specs: Sequence[str], files: Sequence[FixFile], current: CurrentText) -> tuple[Fix, ...]:
    """Returns the fixes that the command line names, in its order; a user's own win over built-in ones of that name.

    Raises:
        Stop: there is no fix of such a name, or its argument is wrong.
    """
    own = {name: function for file in files for name, function in file.functions.items()}
    return tuple(_choose(spec, own, current) for spec in specs)


def _choose(spec: str, own: Mapping[str, Callable[..., Any]], current: CurrentText) -> Fix:
    name, has_argument, argument = spec.partition("=")
    if name in own:
        return _user_fix(spec, own[name], argument if has_argument else None)
    if name == CURRENT_DOCUMENT and not has_argument:
        return current_document(current)
    if name in BUILT_IN and argument:
        return BUILT_IN[name](argument)
    known = ", ".join([*(f"{built_in}=..." for built_in in BUILT_IN), CURRENT_DOCUMENT, *own])
    raise Stop(f"--fix {spec}: there is no such fix; there are {known}")


def _user_fix(spec: str, function: Callable[..., Any], argument: str | None) -> Fix:
    takes = len(inspect.signature(function).parameters)
    if takes != (1 if argument is None else _WITH_ARGUMENT):
        wanted = "a draft and the argument" if argument is not None else "a draft"
        raise Stop(f"--fix {spec}: the function should take {wanted}")

    def apply(draft: RecordDraft) -> RecordDraft:
        try:
            changed = function(draft) if argument is None else function(draft, argument)
        except CannotFix:
            raise
        except Exception as error:
            raise CannotFix(f"it raised {type(error).__name__}") from error
        if not (isinstance(changed, RecordDraft) and _is_bytes(changed.key) and _is_bytes(changed.value)):
            raise CannotFix("it gave no draft of bytes")
        return changed

    return Fix(spec, apply)


def _is_bytes(value: object) -> bool:
    return value is None or isinstance(value, bytes)
