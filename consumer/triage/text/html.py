"""Converts HTML bodies to text with inscriptis, which keeps the look of tables, lists and preformatted text.

inscriptis builds on lxml's own HTML parser, lays text out as a browser does, and is Apache-2.0; the parsers without a
layout (Beautiful Soup, selectolax) run the cells of a table together, and html2text is GPL.
"""

from __future__ import annotations

import re
from typing import Final

from inscriptis import get_text

_TAGS: Final = (
    "html|body|head|div|p|br|span|table|tbody|tr|td|ul|ol|li|blockquote|font|h[1-6]|pre|center|section|article"
)
_STARTS: Final = re.compile(rf"\s*<(?:!doctype\s+html|(?:{_TAGS})\b[^<>]*/?>)", re.IGNORECASE)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ANY_TAG: Final = re.compile(r"<[^<>]*>")
_SPACES: Final = re.compile(r"[ \t\u00a0]+(?=\n)")
_BLANK_LINES: Final = re.compile(r"\n{4,}")


def is_html(body: str, content_type: str | None = None) -> bool:
    """Says whether a body is HTML: its content type decides; without one, how it begins or how its lines are broken.

    XML or HTML that is quoted in a plain text (a log, a snippet) does not make the body HTML, unless it looks like a
    whole message.
    """
    if content_type is not None and content_type.strip():
        return "html" in content_type.casefold()
    return _STARTS.match(body) is not None or len(_BREAK.findall(body)) > body.count("\n")


def html_to_text(body: str) -> str | None:
    """Returns the text of an HTML body; None if the parser loses it, for example where tags are nested too deeply."""
    try:
        text = get_text(body)
    except (ValueError, RecursionError, AssertionError):
        return None
    if not text.strip() and _ANY_TAG.sub(" ", body).strip():
        return None
    return _BLANK_LINES.sub("\n\n\n", _SPACES.sub("", text)).strip("\n")
