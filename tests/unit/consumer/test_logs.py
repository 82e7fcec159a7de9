"""Log lines: JSON where nobody looks, words where somebody does, and no text of anybody's."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest
import structlog

from spanstream.consumer.logs import configure_logs
from spanstream.consumer.settings import LogSettings
from tests.support.memory.memory_stream import MemoryStream

SECRET = "zanzibar"  # noqa: S105  a word of a document


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def configured(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **settings: Any) -> io.StringIO:
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs(LogSettings(**settings))
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_when_not_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, io.StringIO())
    structlog.get_logger("a.place").info("something_happened", number=3)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "something_happened", "number": 3, "level": "info", "logger": "a.place"}


@pytest.mark.parametrize("logger", [structlog.get_logger("ours"), logging.getLogger("theirs")])
def test_collectors_that_look_for_a_message_find_the_event_there(monkeypatch: pytest.MonkeyPatch, logger: Any) -> None:
    stream = configured(monkeypatch, io.StringIO(), message_key="message")
    logger.warning("something_happened")
    (line,) = lines(stream)
    assert line["message"] == "something_happened"
    assert line.keys() == {"message", "level", "logger", "timestamp"}


def test_lines_of_libraries_are_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, io.StringIO())
    logging.getLogger("librdkafka").warning("broker %s is down", "b1")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("broker b1 is down", "warning", "librdkafka")


def test_a_library_that_sets_a_level_of_its_own_says_no_more_than_the_settings_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = configured(monkeypatch, io.StringIO())
    chatty = logging.getLogger("a.library.that.sets.its.level")
    chatty.setLevel(logging.DEBUG)  # as bm25s does when it is imported
    chatty.debug("Building index from IDs")
    chatty.warning("no")
    assert [line["event"] for line in lines(stream)] == ["no"]


def test_on_a_terminal_they_are_for_people_unless_json_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, Terminal())
    structlog.get_logger("x").info("something_happened")
    assert "something_happened" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    stream = configured(monkeypatch, Terminal(), format="json")
    structlog.get_logger("x").info("something_happened")
    assert lines(stream)


@pytest.mark.parametrize("logger", [structlog.get_logger("ours"), logging.getLogger("theirs")])
def test_nothing_below_the_level_is_written(monkeypatch: pytest.MonkeyPatch, logger: Any) -> None:
    stream = configured(monkeypatch, io.StringIO(), level="warning")
    logger.info("quiet")
    logger.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_traceback_shows_no_local_variables(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    configured(monkeypatch, stream)

    def fail(text: str) -> None:
        raise ValueError(len(text))

    try:
        fail(SECRET)
    except ValueError:
        structlog.get_logger("x").exception("failed")
    assert "ValueError: 8" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_a_line_never_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, io.StringIO())
    structlog.get_logger("x").info("one\ntwo", detail="three\nfour\u2028five")
    assert len(stream.getvalue().splitlines()) == 1


def test_what_would_act_on_a_terminal_is_shown_there(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, Terminal())
    harm = "\x1b[2J\u202e"
    log = structlog.get_logger("x")
    log.info(harm, detail=harm, partitions=[harm])
    log.error("failed", exc_info=ValueError(harm))
    assert stream.getvalue().count("␛[2J⟨U+202E⟩") == 3
    assert "\x1b[2J" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_no_text_of_a_question_or_a_document_is_logged_whatever_becomes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    out = configured(monkeypatch, io.StringIO())
    stream = MemoryStream()
    stream.document("d", f"The train leaves from {SECRET}.")
    stream.document("e", f"The crash of {SECRET}.")
    stream.question("a", "d", f"where is {SECRET} ?")
    stream.question("b", "e", f"why {SECRET} ?")
    stream.question("c", "d", f"poison {SECRET} ?")
    stream.question("f", "d", f"{SECRET} ?", surprise=SECRET)
    stream.garbage("g")
    stream.start()
    stream.settle("abcfg")
    assert {"chunk_published", "reading_failed"} <= {line["event"] for line in lines(out)}
    assert SECRET not in out.getvalue()
