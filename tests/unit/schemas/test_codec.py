from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from spanstream.schemas.codec import (
    can_be_id,
    check_key,
    decode_answer,
    decode_document,
    decode_question,
    decode_request,
    encode,
)
from spanstream.schemas.errors import DETAIL_CHARS, InvalidRecord, Reason, one_line
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.generate import event_schema
from spanstream.schemas.limits import Limits
from tests.support.events import event_strategies
from tests.support.events.record_values import document, question, refusal

LIMITS = Limits()
UNDECODABLE, INVALID_EVENT, TOO_LARGE = Reason.UNDECODABLE, Reason.INVALID_EVENT, Reason.TOO_LARGE
DECODERS: list[Callable[[bytes], object]] = [
    lambda value: decode_document(value, LIMITS),
    lambda value: decode_question(value, LIMITS),
    lambda value: decode_request(value, LIMITS),
    decode_answer,
]
SCHEMAS = {event: Draft202012Validator(event_schema(event)) for event in (Document, Question, Answer)}
# Code on a shared machine may be slow once; no property is about time.
patient = settings(deadline=None)


@patient
@given(event_strategies.documents)
def test_a_document_survives_the_wire(event: Document) -> None:
    assert decode_document(encode(event), LIMITS) == event


@patient
@given(event_strategies.questions())
def test_a_question_survives_the_wire(event: Question) -> None:
    assert decode_question(encode(event), LIMITS) == event


@patient
@given(event_strategies.answers())
def test_an_answer_survives_the_wire(event: Answer) -> None:
    assert decode_answer(encode(event)) == event


@patient
@given(event_strategies.documents | event_strategies.questions() | event_strategies.answers())
def test_what_the_models_take_the_json_schemas_take(event: Document | Question | Answer) -> None:
    SCHEMAS[type(event)].validate(json.loads(encode(event)))


def test_encoding_is_compact_ordered_utf8_without_what_is_not_given() -> None:
    event = Question(context="über 😀", question="où?", question_id="q")
    assert encode(event) == '{"question_id":"q","question":"où?","context":"über 😀","metadata":{}}'.encode()


def test_encoding_a_document_whose_hash_was_asked_for_does_not_add_it() -> None:
    event = Document(document_id="d", text="t")
    assert event.sha256
    assert encode(event) == b'{"document_id":"d","text":"t","metadata":{}}'


@patient
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_an_invalid_record(value: bytes) -> None:
    for decode in DECODERS:
        try:
            decode(value)
        except InvalidRecord as error:
            assert error.reason in {UNDECODABLE, INVALID_EVENT}  # noqa: PT017  there may be no error
            assert error.detail == one_line(error.detail)  # noqa: PT017  the same


FIELDS = sorted({*Document.model_fields, *Question.model_fields, *Answer.model_fields, "char_start", "total"})
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=9),
    max_leaves=20,
)


@patient
@given(any_json, st.booleans())
def test_any_json_is_an_event_or_an_invalid_record(tree: object, escaped: bool) -> None:
    value = json.dumps(tree, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    for decode in DECODERS:
        try:
            decode(value)
        except InvalidRecord as error:
            assert error.reason in {UNDECODABLE, INVALID_EVENT}  # noqa: PT017  there may be no error
            assert len(error.detail) <= DETAIL_CHARS  # noqa: PT017  the same


@patient
@given(
    event_strategies.questions().map(lambda event: json.loads(encode(event))),
    st.sampled_from([name for name in FIELDS if name != "metadata"]),
    any_json,
)
def test_a_question_damaged_in_one_field_is_an_event_or_an_invalid_record(
    fields: dict[str, Any], damaged: str, tree: object
) -> None:
    value = json.dumps({**fields, damaged: tree}).encode()
    try:
        event = decode_question(value, LIMITS)
    except InvalidRecord as error:
        assert error.reason in {UNDECODABLE, INVALID_EVENT, TOO_LARGE}  # noqa: PT017  there may be no error
    else:
        assert decode_question(encode(event), LIMITS) == event


def test_exactly_the_limits_are_accepted() -> None:
    limits = Limits(document_chars=3, question_chars=4, title_chars=2, id_chars=1, metadata_entries=1, metadata_chars=2)
    value = document(text="😀😀😀", title="ab", metadata={"a": "b"})
    assert decode_document(value, limits).text == "😀😀😀"
    assert decode_question(question(metadata={"a": "b"}), limits).question == "who?"
    assert decode_document(value, Limits(record_bytes=len(value))).title == "ab"
    assert refusal(lambda: decode_document(value, Limits(record_bytes=len(value) - 1))).reason == TOO_LARGE


def test_a_filter_is_as_large_as_metadata_may_be_and_its_names_are_not_shown() -> None:
    limits = Limits(metadata_entries=1, metadata_chars=2)
    asked = {"document_id": None, "collection": "kb"}
    assert decode_question(question(**asked, filter={"a": "b"}), limits).filter == {"a": "b"}
    for large in ({"a": "b", "c": "d"}, {"a": "bc"}):
        value = question(**asked, filter=large)
        assert refusal(lambda value=value: decode_question(value, limits)).reason == TOO_LARGE  # type: ignore[misc]
    wrong = refusal(lambda: decode_question(question(**asked, filter={"SECRET": 1}), limits))
    assert wrong.detail == "filter: Input should be a valid string"


def test_a_value_that_is_too_large_is_not_parsed() -> None:
    error = refusal(lambda: decode_question(b"no JSON", Limits(record_bytes=6)))
    assert (error.reason, error.detail) == (TOO_LARGE, "value: 7 bytes, at most 6 are allowed; not parsed")


def test_the_last_of_duplicate_keys_wins() -> None:
    value = b'{"question_id":"q","question":1,"question":"who?","document_id":"d","metadata":{"a":"1","a":"2"}}'
    event = decode_question(value, LIMITS)
    assert (event.question, event.metadata) == ("who?", {"a": "2"})


def test_an_escaped_nul_is_a_character_of_a_text() -> None:
    assert decode_document(document(text="a\0b"), LIMITS).text == "a\0b"


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert decode_document(b'{"document_id":"d","text":"\\ud83d\\ude00"}', LIMITS).text == "😀"


def test_json_null_for_an_optional_field_is_leaving_it_out() -> None:
    full = question(context=None, document_sha256=None, min_confidence=None)
    assert decode_question(full, LIMITS) == decode_question(question(), LIMITS)


def test_an_integer_is_a_number() -> None:
    assert decode_question(question(min_confidence=1), LIMITS).min_confidence == 1.0


def test_a_refusal_names_the_fields_and_counts_the_rest() -> None:
    error = refusal(lambda: decode_question(b'{"a":1,"b":2,"c":3}', LIMITS))
    assert "question_id: Field required" in error.detail
    assert error.detail.endswith("and 2 more")


def test_many_unknown_fields_make_one_short_line() -> None:
    value = json.dumps({f"name_{n}_{'x' * 200}": n for n in range(5_000)}).encode()
    assert refusal(lambda: decode_document(value, LIMITS)).reason == INVALID_EVENT


def test_a_wrong_answer_is_refused() -> None:
    assert refusal(lambda: decode_answer(b"{}")).reason == INVALID_EVENT
    assert refusal(lambda: decode_answer(b"{")).reason == UNDECODABLE


@pytest.mark.parametrize("document_id", ["d", "ü/日本"])
def test_a_record_keyed_by_its_document_id_is_right(document_id: str) -> None:
    check_key(document_id.encode(), document_id)


@pytest.mark.parametrize("key", [None, b"", b"e", b"d ", "d".encode("utf-16"), b"\xff"])
def test_a_record_with_another_key_than_its_document_id_is_invalid(key: bytes | None) -> None:
    assert refusal(lambda: check_key(key, "d")).reason == INVALID_EVENT


@pytest.mark.parametrize("document_id", ["d", "ü/日本", "x" * 256, "\U0001f600" * 256])
def test_a_key_that_a_document_may_have_can_be_its_id(document_id: str) -> None:
    assert can_be_id(document_id.encode(), LIMITS)


@pytest.mark.parametrize("key", [b"", b"\xff", b"a\nb", b"x" * 257, "ü".encode() * 257, b"x" * 900_000])
def test_a_key_that_no_document_may_have_can_be_no_id(key: bytes) -> None:
    assert not can_be_id(key, LIMITS)


@pytest.mark.parametrize("key", [None, b"", b"q", b"\xff"])
def test_without_a_document_id_any_key_will_do(key: bytes | None) -> None:
    check_key(key, None)


@patient
@given(st.text())
def test_a_detail_is_one_bounded_line_of_utf8(text: str) -> None:
    line = InvalidRecord(INVALID_EVENT, text).detail
    assert len(line) <= DETAIL_CHARS
    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line == one_line(line)
