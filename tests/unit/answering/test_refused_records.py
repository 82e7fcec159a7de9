from __future__ import annotations

import json
import traceback

import pytest

from spanstream.schemas.codec import decode_answer, decode_document, decode_question
from spanstream.schemas.errors import Reason
from spanstream.schemas.limits import Limits
from tests.support.events.record_values import document, question, refusal

LIMITS = Limits()
UNDECODABLE, INVALID_EVENT, TOO_LARGE = Reason.UNDECODABLE, Reason.INVALID_EVENT, Reason.TOO_LARGE
MARKER = "the customer's secret sentence"


@pytest.mark.parametrize(
    "value",
    [
        document(text=[MARKER]),
        document(text={MARKER: MARKER}),
        document(**{MARKER: 1}),
        document(metadata={MARKER: 1}),
        document(metadata={MARKER: {MARKER: [MARKER]}}),
        document(metadata=[MARKER]),
        document(title={"x": MARKER}),
        document(document_id=MARKER + "\n"),
        document(text="x")[:-1] + MARKER.encode(),
        question(question=[MARKER]),
        question(question=MARKER, context=MARKER),
        question(question=MARKER, min_confidence=MARKER),
        question(question=MARKER, document_sha256=MARKER),
        question(question=MARKER * 100),
        b'{"question":"' + MARKER.encode() + b"\\ud800" + b'"}',
        b'"' + MARKER.encode() + b'"',
        b'{"answered_at":"' + MARKER.encode() + b'","status":"' + MARKER.encode() + b'"}',
        MARKER.encode(),
    ],
)
def test_no_text_of_a_record_is_in_the_refusal_or_its_traceback(value: bytes) -> None:
    for error in (
        refusal(lambda: decode_document(value, LIMITS)),
        refusal(lambda: decode_question(value, LIMITS)),
        refusal(lambda: decode_answer(value)),
    ):
        assert MARKER not in str(error)
        assert "secret" not in "".join(traceback.format_exception(error))
        assert (error.__cause__, error.__context__) == (None, None)


DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"", UNDECODABLE, id="empty value"),
        pytest.param(b" \n", UNDECODABLE, id="white space"),
        pytest.param(b"hello", UNDECODABLE, id="not JSON"),
        pytest.param(question()[:-1], UNDECODABLE, id="cut off"),
        pytest.param(question() + b"x", UNDECODABLE, id="something after it"),
        pytest.param(question() + b"\xff", UNDECODABLE, id="a bad byte after it"),
        pytest.param(question()[:-1] + b",}", UNDECODABLE, id="trailing comma"),
        pytest.param(b"\xef\xbb\xbf" + question(), UNDECODABLE, id="byte order mark"),
        pytest.param(question().decode().encode("utf-16"), UNDECODABLE, id="UTF-16"),
        pytest.param('{"question":"é"}'.encode("latin-1"), UNDECODABLE, id="Latin-1"),
        pytest.param(b'{"question":"\xed\xa0\x80"}', UNDECODABLE, id="raw CESU-8 surrogate"),
        pytest.param(b'{"question":"\xc0\x80"}', UNDECODABLE, id="overlong NUL"),
        pytest.param(question(question="a\ud800"), UNDECODABLE, id="escaped high surrogate"),
        pytest.param(question(question="\udc00a"), UNDECODABLE, id="escaped low surrogate"),
        pytest.param(question(metadata={"\ud800": ""}), UNDECODABLE, id="surrogate in a metadata name"),
        pytest.param(question(unknown="\ud800"), UNDECODABLE, id="surrogate in an unknown field"),
        pytest.param(question(question="a\tb").replace(b"\\t", b"\t"), UNDECODABLE, id="raw tab"),
        pytest.param(question(question="a\0b").replace(b"\\u0000", b"\0"), UNDECODABLE, id="raw NUL"),
        pytest.param(DEEP, UNDECODABLE, id="nested 10,000 deep"),
        pytest.param(question(x=0).replace(b"0", DEEP), UNDECODABLE, id="nested deep in a field"),
        pytest.param(b'{"a":' * 100_000, UNDECODABLE, id="nested deep and cut off"),
        pytest.param(question(min_confidence=float("nan")), UNDECODABLE, id="NaN"),
        pytest.param(question(min_confidence=float("inf")), UNDECODABLE, id="Infinity"),
        pytest.param(question(min_confidence=float("-inf")), UNDECODABLE, id="-Infinity"),
        pytest.param(question(unknown=[float("nan")]), UNDECODABLE, id="NaN in an unknown field"),
        pytest.param(question(question=float("nan")), UNDECODABLE, id="NaN as a text"),
        pytest.param(question(min_confidence=0).replace(b": 0", b": 1" + b"0" * 5_000), UNDECODABLE, id="5,000 digits"),
        pytest.param(question(min_confidence=0).replace(b": 0", b": 1" + b"0" * 400), INVALID_EVENT, id="400 digits"),
        pytest.param(question(min_confidence=0).replace(b": 0", b": 1e999"), INVALID_EVENT, id="1e999"),
        pytest.param(question(min_confidence=1.5), INVALID_EVENT, id="out of range"),
        pytest.param(question(min_confidence="0.5"), INVALID_EVENT, id="a number as text"),
        pytest.param(question(min_confidence=True), INVALID_EVENT, id="a boolean as a number"),
        pytest.param(b"[]", INVALID_EVENT, id="list"),
        pytest.param(b"[" + question() + b"]", INVALID_EVENT, id="list of questions"),
        pytest.param(b"null", INVALID_EVENT, id="null"),
        pytest.param(b'"who?"', INVALID_EVENT, id="text"),
        pytest.param(b"1", INVALID_EVENT, id="number"),
        pytest.param(b"NaN", UNDECODABLE, id="NaN alone"),
        pytest.param(b"{}", INVALID_EVENT, id="empty object"),
        pytest.param(question(question=1), INVALID_EVENT, id="number as a text"),
        pytest.param(question(question=None), INVALID_EVENT, id="null for a required field"),
        pytest.param(question(metadata=None), INVALID_EVENT, id="null metadata"),
        pytest.param(question(metadata={"a": 1}), INVALID_EVENT, id="number in metadata"),
        pytest.param(question(metadata={"a": {"b": "c"}}), INVALID_EVENT, id="object in metadata"),
        pytest.param(question(lang="en"), INVALID_EVENT, id="unknown field"),
        pytest.param(question(context="c"), INVALID_EVENT, id="both sources"),
        pytest.param(question(document_id=None), INVALID_EVENT, id="neither source"),
        pytest.param(question(question=" \u200b\n"), INVALID_EVENT, id="blank question"),
        pytest.param(question(document_id=""), INVALID_EVENT, id="empty id"),
        pytest.param(question(question_id="a\0"), INVALID_EVENT, id="NUL in an id"),
        pytest.param(question(document_sha256="F" * 64), INVALID_EVENT, id="upper-case hash"),
        pytest.param(document(), INVALID_EVENT, id="another event"),
        pytest.param(question(question="x" * 2_001), TOO_LARGE, id="question too long"),
        pytest.param(question(question_id="x" * 257), TOO_LARGE, id="id past the setting"),
        pytest.param(question(question_id="x" * 1_025), TOO_LARGE, id="id past version 1"),
        pytest.param(question(document_id="x" * 257), TOO_LARGE, id="document id too long"),
        pytest.param(question(document_id=None, context="x" * 1_000_001), TOO_LARGE, id="context too long"),
        pytest.param(question(metadata={str(n): "" for n in range(65)}), TOO_LARGE, id="metadata entries"),
        pytest.param(question(metadata={str(n): "" for n in range(1_025)}), TOO_LARGE, id="entries past version 1"),
        pytest.param(question(metadata={"a": "x" * 16_384}), TOO_LARGE, id="metadata characters"),
        pytest.param(question(question_id="x" * 1_025, question=1), INVALID_EVENT, id="too long and wrong"),
        pytest.param(b"\xff" * (4 * 1024 * 1024 + 1), TOO_LARGE, id="too many bytes, whatever they are"),
    ],
)
def test_a_bad_question_is_refused_for_the_documented_reason(value: bytes, reason: Reason) -> None:
    assert refusal(lambda: decode_question(value, LIMITS)).reason == reason


@pytest.mark.parametrize(
    ("value", "reason", "names"),
    [
        (document(document_id=1), INVALID_EVENT, "document_id"),
        (document(text=None), INVALID_EVENT, "text"),
        (document(question="who?"), INVALID_EVENT, "question"),
        (document(document_id="x" * 257), TOO_LARGE, "document_id: 257 characters"),
        (document(text="😀" * 1_000_001).decode().encode(), TOO_LARGE, "value"),
        (json.dumps({"document_id": "d", "text": "x" * 1_000_001}).encode(), TOO_LARGE, "text: 1000001 characters"),
        (document(title="x" * 1_001), TOO_LARGE, "title"),
        (document(metadata={"a": "x" * 16_384}), TOO_LARGE, "metadata: 16385 characters"),
    ],
)
def test_a_bad_document_is_refused_with_the_field_named(value: bytes, reason: Reason, names: str) -> None:
    error = refusal(lambda: decode_document(value, LIMITS))
    assert (error.reason, error.detail[: len(names)]) == (reason, names)
