"""Names the tags of HTML, so that they can be told from what people write in angle brackets themselves."""

from __future__ import annotations

from typing import Final


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


BLOCKS: Final = _names(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure",
    "footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup option p",
    "plaintext pre search section summary table tbody tfoot thead tr ul xmp",
)
"""They begin and end a line."""

PARAGRAPHS: Final = _names("blockquote dl figure h1 h2 h3 h4 h5 h6 hr ol p pre ul")
"""Blocks with an empty line before and after."""

HIDDEN: Final = _names("head script style template title")
"""What is in them is not shown."""

PREFORMATTED: Final = _names("listing plaintext pre textarea xmp")
"""Their spaces and line breaks count."""

RAW: Final = _names("iframe noembed noframes plaintext script style textarea title xmp")
"""Tags in them are text."""

LINES: Final = BLOCKS | _names("br td th")
"""They make lines or columns: with one of them the line breaks of the body itself do not count."""

OF_MAILS: Final = _names(
    "a b blockquote body br center div em font h1 h2 h3 h4 h5 h6 head hr html i img li meta ol p pre s small span",
    "strike strong style sub sup table tbody td th thead tr u ul",
)
"""Those that messages are made of: the others are names in XML, too."""

ALL: Final = LINES | HIDDEN | PREFORMATTED | RAW | OF_MAILS | _names(
    "abbr acronym applet area audio base basefont bdi bdo bgsound big button canvas cite code col colgroup data",
    "datalist del dfn embed frame g input ins kbd label link map mark marquee math meter nobr noscript object output",
    "param path picture portal progress q rb rp rt rtc ruby samp select slot source svg symbol time track tt",
    "use var video wbr",
)  # fmt: skip
"""Every name that a browser knows."""
