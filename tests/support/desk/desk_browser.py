"""A browser without a screen: it keeps cookies, fills in the desk's forms, and says on each page what is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.cookiejar import CookieJar
from typing import Final
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from lxml import html
from lxml.html import HtmlElement

from tests.support.kafka.program import PATIENCE

Knows = Callable[[str, str], str | None]
"""What a person answers to (text, question): a piece of the text, or None where it does not say."""

_LEFT: Final = re.compile(r"([\d,]+) left")


class DeskBrowser:
    """Talks to a desk over HTTP as a browser does: same-origin forms with their hidden fields, and redirects."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def open(self, path: str, form: dict[str, str] | None = None) -> HtmlElement:
        """Loads a page, or sends a form and loads the page it leads to."""
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        if form is not None:
            headers["Origin"] = self._address
        data = None if form is None else urlencode(form).encode()
        request = Request(self._address + path, data, headers)  # noqa: S310  of this machine
        with self._opener.open(request, timeout=PATIENCE) as reply:
            return html.fromstring(reply.read().decode())

    def log_in(self, token: str) -> HtmlElement:
        """Types in the token."""
        return self.submit(self.open("/label"), token=token)

    def submit(self, page: HtmlElement, **fields: str) -> HtmlElement:
        """Sends the form of a page with these fields filled in; a pressed button is one too."""
        form = next(form for form in page.forms if form.action != "/logout")
        return self.open(form.action, dict(form.form_values()) | fields)

    def label(self, page: HtmlElement, knows: Knows) -> HtmlElement:
        """Says what a person knows of the answer on the page; returns the page of the next one."""
        [words] = page.xpath("//pre[@id='words']")
        text = words.text_content()
        right = knows(text, page.get_element_by_id("question").text_content())
        if right is None:
            return self.submit(page, verdict="no_answer")
        start = text.index(right)
        span = {"char_start": str(start), "char_end": str(start + len(right))}
        if (words.get("data-start"), words.get("data-end")) == tuple(span.values()):
            return self.submit(page, verdict="accepted")
        return self.submit(page, verdict="corrected", **span)


def left_to_label(page: HtmlElement) -> int:
    """Returns how many answers the label page says are left."""
    found = _LEFT.search(page.text_content())
    return int(found[1].replace(",", "")) if found else 0
