"""Converts HTML bodies to text: lxml's parser reads them, `layout` writes the lines.

The parser's events are enough, no tree is built: a tree costs as much as it is deep at every end tag that is missing,
and the libraries that lay one out pad tables and indents to widths that a body of a few characters can make huge.
What is in angle brackets and is no tag of HTML (`List<String>`, `<ann@example.org>`) is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml.etree import HTMLParser, ParseError

from spanstream.consumer.triage.text import html_tags
from spanstream.consumer.triage.text.layout import TextLayout

_NAME: Final = re.compile(r"</?([A-Za-z][^\s<>/]*)")
_END_NAME: Final = re.compile(r"</([A-Za-z][^\s<>/]*)")
# As Word writes it: `<o:p>`. A link (`<mailto:ann@example.org>`) is none.
_NAMESPACED: Final = re.compile(r"[a-z]+:[a-z]+")
_TAG: Final = re.compile(r"<[^<>]*>")
_LINE_TAG: Final = re.compile(rf"</?(?:{'|'.join(sorted(html_tags.LINES))})[\s/>]", re.IGNORECASE)
# Characters that the parser is given at a time; after each piece its open elements are counted.
_PIECE: Final = 1_024
_MAX_DEPTH: Final = 200


def html_to_text(body: str) -> str | None:
    """Returns the text of an HTML body; None if none of its words is shown (a comment without end).

    Line breaks in a body without a tag that makes lines count as they are.
    """
    layout = TextLayout(keep_lines=_LINE_TAG.search(body) is None)
    parser = HTMLParser(target=layout, huge_tree=True)
    try:
        for piece in _pieces(_with_words_escaped(body)):
            parser.feed(piece)
            open_tags = layout.open_tags
            if len(open_tags) > _MAX_DEPTH and open_tags[-1] not in html_tags.RAW:
                # Looking for the start of an end tag, the parser goes through all that is open: keep that short.
                parser.feed("".join(f"</{tag}>" for tag in reversed(open_tags[_MAX_DEPTH // 2 :])))
        text: str = parser.close()
    except ParseError:
        text = ""
    return None if not text.strip() and _TAG.sub(" ", body).strip() else text.strip("\n")


def _with_words_escaped(body: str) -> str:
    """Returns the body with everything in angle brackets as text that no browser knows and no end tag ends."""
    ended = {name.casefold() for name in _END_NAME.findall(body)}

    def escaped(tag: re.Match[str]) -> str:
        name = tag[1].casefold()
        is_tag = name in html_tags.ALL or name in ended or _NAMESPACED.fullmatch(name)
        return tag[0] if is_tag else "&lt;" + tag[0][1:]

    return _NAME.sub(escaped, body)


def _pieces(body: str) -> Iterator[str]:
    """Yields the body in pieces that end with a `>`, so that what is fed between two of them is in no tag."""
    begin = 0
    while begin < len(body):
        end = body.find(">", begin + _PIECE) + 1 or len(body)
        yield body[begin:end]
        begin = end
