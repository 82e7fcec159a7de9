"""Compiles JMESPath expressions, and finds at the start what would fail at each record.

The only place that knows jmespath, with the functions beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError, LexerError, ParseError

from spanstream.consumer.formats.mapping.functions import MappingFunctions, Unusable

_PREFIX: Final = "Invalid jmespath expression: "
_OPTIONS: Final = jmespath.Options(custom_functions=MappingFunctions())


class BadExpression(Exception):
    """It is no expression; the message is one line."""


class CannotEvaluate(Exception):
    """An expression fails on a value; the message is one line that quotes nothing of the value."""


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """A compiled expression.

    Args:
        expression: as it was written.

    Raises:
        BadExpression: it is none, or calls a function that there is not.
    """

    expression: str
    compiled: Any

    @classmethod
    def compile(cls, expression: str) -> CompiledExpression:
        """Compiles an expression."""
        try:
            compiled = jmespath.compile(expression)
            _check_calls(compiled.parsed)
        except (LexerError, ParseError) as error:
            first_line = str(error).removeprefix(_PREFIX).partition("\n")[0]
            problem = first_line.partition(": Parse error")[0].rstrip(":")
            raise BadExpression(f"no JMESPath at character {error.lex_position + 1}: {problem}") from None
        except (JMESPathError, RecursionError) as error:
            raise BadExpression(f"no JMESPath: {str(error).partition(chr(10))[0]}") from None
        return cls(expression, compiled)

    def search(self, value: Any) -> Any:  # noqa: ANN401  any JSON
        """Returns what the expression gives of a value; None where it gives nothing.

        Raises:
            CannotEvaluate: one of its functions does not take what stands there.
        """
        try:
            return self.compiled.search(value, _OPTIONS)
        except Unusable as error:
            problem = str(error)
        except Exception:  # noqa: BLE001  the library's messages quote the value
            problem = "does not take what stands there"
        raise CannotEvaluate(problem)


def _check_calls(node: Any) -> None:  # noqa: ANN401  a node of the library's tree
    """Raises `BadExpression` where a function is called that there is not, or with another number of arguments."""
    if node["type"] == "function_expression":
        name, arguments = node["value"], len(node["children"])
        function = MappingFunctions.FUNCTION_TABLE.get(name)
        if function is None:
            raise BadExpression(f"there is no function {name}()")
        wanted = function["signature"]
        is_variadic = bool(wanted) and wanted[-1].get("variadic", False)
        if arguments < len(wanted) or (arguments > len(wanted) and not is_variadic):
            raise BadExpression(f"{name}() takes {len(wanted)} arguments{' or more' if is_variadic else ''}")
    for child in node["children"]:
        if isinstance(child, dict):
            _check_calls(child)
