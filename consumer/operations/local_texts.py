"""Reads the text of a file on this machine: plain text, an HTML page or a mail."""

from __future__ import annotations

import codecs
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from spanstream.consumer.errors import Stop
from spanstream.consumer.triage.text.html import html_to_text
from spanstream.consumer.triage.text.html_detection import is_html

STANDARD_INPUT: Final = Path("-")
_HTML_ENDINGS: Final = frozenset({".html", ".htm", ".xhtml"})
_MAIL_ENDINGS: Final = frozenset({".eml"})
# Mails bring their attachments along; nobody asks a question about a text of this size.
_MOST_BYTES: Final = 64 << 20
_HTML: Final = "text/html"
_PLAIN: Final = "text/plain"


def read_text(file: Path) -> str:
    """Returns the text of a file, or of standard input (`-`).

    A mail (`.eml`) is its subject, a blank line and its body. HTML is laid out as text. A plain text stays as it is, so
    that places in it are places in the file; a byte order mark is no part of it.

    Raises:
        Stop: the file cannot be read, is too large, holds no text, or is in no encoding of Unicode.
    """
    content = _bytes_of(file)
    ending = file.suffix.casefold()
    if ending in _MAIL_ENDINGS:
        return _text_of_mail(content, file)
    return _laid_out(_decoded(content, file), _HTML if ending in _HTML_ENDINGS else None)


def _bytes_of(file: Path) -> bytes:
    try:
        if file == STANDARD_INPUT:
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise Stop(f"{file}: it has more than {_MOST_BYTES >> 20} MiB")
    return content


def _decoded(content: bytes, file: Path) -> str:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Stop(f"{file}: byte {error.start} is not {'UTF-16' if is_utf16 else 'UTF-8'}") from error


def _text_of_mail(content: bytes, file: Path) -> str:
    mail = message_from_bytes(content, EmailMessage, policy=policy.default)
    body = mail.get_body(("plain", "html"))
    if body is None:
        raise Stop(f"{file}: the mail has no text")
    try:
        text = body.get_content()
    except LookupError as error:
        raise Stop(f"{file}: the mail's text cannot be decoded: {error}") from error
    subject = str(mail["subject"] or "").strip()
    laid_out = _laid_out(text.replace("\r\n", "\n"), body.get_content_type()).strip("\n")
    return f"{subject}\n\n{laid_out}" if subject else laid_out


def _laid_out(text: str, content_type: str | None) -> str:
    """Returns HTML as text, and other text as it is."""
    converted = html_to_text(text) if is_html(text, content_type) else None
    return text if converted is None else converted
