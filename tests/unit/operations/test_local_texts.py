"""The text of a file: what a mail, a page or a plain text is read as, and what is refused with the file's name."""

from __future__ import annotations

import io
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations import local_texts
from spanstream.consumer.operations.local_texts import STANDARD_INPUT, read_text

PLAIN = "It stops with error FXP-4107.\r\nSince Tuesday.\n"


def mail(subject: str = "Export", **parts: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "ann@example.org"
    for subtype, content in parts.items():
        if message.is_multipart() or message.get_content_maintype() != "text" or message.get_payload():
            message.add_alternative(content, subtype=subtype)
        else:
            message.set_content(content, subtype=subtype)
    return message


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_a_plain_text_stays_as_it_is(tmp_path: Path) -> None:
    assert read_text(written(tmp_path, "a.txt", PLAIN.encode())) == PLAIN
    assert read_text(written(tmp_path, "empty", b"")) == ""


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        assert read_text(written(tmp_path, encoding, PLAIN.encode(encoding))) == PLAIN


def test_a_page_is_laid_out_whatever_its_name(tmp_path: Path) -> None:
    page = b"<html><body><p>It stops with</p><p>error FXP-4107</p></body></html>"
    for name in ("a.html", "a.HTM", "a.txt"):
        text = read_text(written(tmp_path, name, page))
        assert "<" not in text
        assert "error FXP-4107" in text


def test_a_mail_is_its_subject_and_its_body(tmp_path: Path) -> None:
    message = mail("Export dies ☠", plain="It stops with error FXP-4107.\n", html="<p>not this</p>")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="zip", filename="log.zip")
    assert read_text(written(tmp_path, "a.eml", bytes(message))) == "Export dies ☠\n\nIt stops with error FXP-4107."


def test_a_mail_of_html_alone_is_laid_out(tmp_path: Path) -> None:
    text = read_text(written(tmp_path, "a.eml", bytes(mail("", html="<p>error <b>FXP-4107</b></p>"))))
    assert text == "error FXP-4107"


def test_standard_input_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PLAIN.encode())))
    assert read_text(STANDARD_INPUT) == PLAIN


def test_what_cannot_be_read_is_one_line_with_the_files_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_texts, "_MOST_BYTES", 1 << 20)
    only_zip = EmailMessage()
    only_zip["Subject"] = "Log"
    only_zip.add_attachment(b"\x00", maintype="application", subtype="zip", filename="log.zip")
    odd = b"Subject: x\nContent-Type: text/plain; charset=no-such\n\ntext\n"
    wrong = {
        tmp_path / "missing.txt": "cannot be read: No such file or directory",
        tmp_path: "cannot be read: Is a directory",
        written(tmp_path, "latin.txt", "Größe".encode("latin-1")): "byte 2 is not UTF-8",
        written(tmp_path, "large.txt", b"x" * (1 << 20) + b"x"): "more than 1 MiB",
        written(tmp_path, "zip.eml", bytes(only_zip)): "the mail has no text",
        written(tmp_path, "odd.eml", odd): "the mail's text cannot be decoded",
    }
    for file, message in wrong.items():
        with pytest.raises(Stop) as error:
            read_text(file)
        assert str(file) in str(error.value)
        assert message in str(error.value)
