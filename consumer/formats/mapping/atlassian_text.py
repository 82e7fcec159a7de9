"""Reads the text of a document in the Atlassian Document Format, as Jira Cloud's REST API v3 has descriptions.

    {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": ...}, ...]}, ...]}

Blocks are parted by a blank line; items of lists and rows of tables stand on lines of their own. What a node of another
kind holds is read as well; pictures and formatting are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_ITEMS: Final = frozenset({"listItem", "taskItem", "decisionItem"})
_CELLS: Final = frozenset({"tableCell", "tableHeader"})
_INLINE: Final = frozenset(
    {"text", "hardBreak", "mention", "emoji", "status", "date", "inlineCard", "mediaInline", "placeholder",
     "inlineExtension"}
)  # fmt: skip
"""All others are blocks, those too that come after this was written."""
_SHOWN: Final = {"mention": "text", "emoji": "text", "status": "text", "inlineCard": "url", "blockCard": "url"}
"""The attribute that is what people see of a node."""


def text_of_document(node: dict[str, Any]) -> str | None:
    """Returns the text of a document, or of any node; None where it holds no text."""
    return _block(node).strip("\n") or None


def _block(node: dict[str, Any]) -> str:
    """Returns a node's text: its own, then that of what it holds, parted as their kinds want it."""
    parts = [_own(node)]
    has_text = bool(parts[0])
    for child in _children(node):
        inner, glue = _block(child), _glue(node.get("type"), child.get("type"))
        if child.get("type") in _ITEMS and inner:
            inner = f"- {inner}"
        elif child.get("type") in _CELLS:
            inner = inner.replace("\n", " ")
        if has_text and inner:
            parts.append(glue)
        parts.append(inner)
        has_text = has_text or bool(inner)
    return "".join(parts)


def _glue(kind: Any, kind_of_child: Any) -> str:  # noqa: ANN401  any JSON
    """Returns what parts a node's child from what stands before it."""
    if kind_of_child in _CELLS:
        return " | "
    if kind_of_child in _ITEMS or kind_of_child == "tableRow":
        return "\n"
    if kind_of_child in _INLINE:
        return ""
    return "\n" if kind in _ITEMS or kind in _CELLS else "\n\n"


def _own(node: dict[str, Any]) -> str:
    kind, attributes = node.get("type"), node.get("attrs")
    if kind == "hardBreak":
        return "\n"
    if isinstance(kind, str) and kind in _SHOWN and isinstance(attributes, dict):
        shown = attributes.get(_SHOWN[kind])
        return shown if isinstance(shown, str) else ""
    text = node.get("text")
    return text if isinstance(text, str) else ""


def _children(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = node.get("content")
    if isinstance(content, list):
        yield from (child for child in content if isinstance(child, dict))


def _parted(text: str, glue: str, more: str) -> str:
    return f"{text}{glue}{more}" if text and more else text + more
