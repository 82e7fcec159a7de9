"""Converts HTML to text together with its block quotes, which are what a mail in HTML has instead of `>`.

Marks are put into the HTML, come out between the lines of the text, and are taken out of it. They are two code points
that Unicode keeps out of texts; a body that has them all the same is converted without.
"""

from __future__ import annotations

import re
from typing import Final

from spanstream.consumer.triage.text.html import html_to_text

_BEGIN: Final = "\ufdd0"
_END: Final = "\ufdd1"
_BEGINS: Final = re.compile(r"<blockquote\b[^<>]*>", re.IGNORECASE)
_ENDS: Final = re.compile(r"</blockquote\s*>", re.IGNORECASE)
_MARKS: Final = re.compile(f"[{_BEGIN}{_END}]")
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")


def html_to_text_and_quotes(html: str) -> tuple[str | None, frozenset[int]]:
    """Returns the text of an HTML body, None if the parser loses it, and which of its lines begin in a block quote."""
    if _MARKS.search(html) or not _BEGINS.search(html):
        return html_to_text(html), frozenset()
    text = html_to_text(_ENDS.sub(rf"\g<0>{_END}", _BEGINS.sub(rf"\g<0>{_BEGIN}", html)))
    return (None, frozenset()) if text is None else _without_marks(text)


def _without_marks(text: str) -> tuple[str, frozenset[int]]:
    """Takes the marks out, with the lines that hold nothing else and the blank lines that these would double."""
    lines: list[str] = []
    quoted: set[int] = set()
    depth = 0
    after_mark = False
    for marked in _LINE_ENDS.split(text):
        line = _MARKS.sub("", marked)
        before = marked[: len(marked) - len(marked.lstrip(f" {_BEGIN}{_END}"))]
        begins_quoted = depth + before.count(_BEGIN) - before.count(_END) > 0
        depth = max(0, depth + marked.count(_BEGIN) - marked.count(_END))
        if line.strip():
            quoted.update({len(lines)} if begins_quoted else ())
            after_mark = False
        elif line != marked or (after_mark and not (lines and lines[-1].strip())):
            after_mark = True
            continue
        lines.append(line)
    return "\n".join(lines), frozenset(quoted)
