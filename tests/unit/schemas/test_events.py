from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from spanstream.schemas.answer_parts import Alternative, ModelInfo, Place, RetrievedPassage, Span, WindowsRead
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.fields import format_time
from spanstream.schemas.limits import MAX_ID_CHARS, Limits

SPAN = Span(text="in Ghent", char_start=4, char_end=12)
ANSWERED: dict[str, Any] = {
    "question_id": "q",
    "document_id": "d",
    "document_sha256": "0" * 64,
    "status": "answered",
    "answer": SPAN,
    "candidate": SPAN,
    "confidence": 0.5,
    "null_score_diff": -1.5,
    "windows": WindowsRead(total=2, read=1),
    "model": ModelInfo(name="m", version="1", precision="int8", calibration="c"),
    "metadata": {},
    "answered_at": datetime(2026, 1, 2, tzinfo=UTC),
}


def test_the_hash_of_a_document_is_that_of_its_utf8_text() -> None:
    assert Document(document_id="d", text="héé 😀").sha256 == hashlib.sha256("héé 😀".encode()).hexdigest()


def test_a_copy_with_another_text_has_another_hash() -> None:
    document = Document(document_id="d", text="one")
    before = document.sha256
    copy = document.model_copy(update={"text": "two"})
    assert (copy.sha256, before) == (Document(document_id="d", text="two").sha256, document.sha256)
    assert copy.sha256 != before


def test_a_copy_is_validated() -> None:
    with pytest.raises(ValidationError):
        Document(document_id="d", text="one").model_copy(update={"text": 2})


def test_having_hashed_a_document_does_not_change_what_it_equals() -> None:
    hashed = Document(document_id="d", text="one")
    assert hashed.sha256
    assert hashed == Document(document_id="d", text="one")


def test_an_event_cannot_be_changed() -> None:
    document = Document(document_id="d", text="one")
    with pytest.raises(ValidationError):
        document.text = "two"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\ufeff"])
def test_the_text_of_a_document_may_be_blank(text: str) -> None:
    assert Document(document_id="d", text=text).text == text


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), float("inf"), True, "0.5"])
def test_a_probability_is_a_number_from_0_to_1(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Question(question_id="q", question="who?", document_id="d", min_confidence=wrong)
    with pytest.raises(ValidationError):
        Answer(**{**ANSWERED, "confidence": wrong})


@pytest.mark.parametrize(
    ("text", "start", "end"), [("", 3, 3), ("abc", 0, 2), ("abc", 0, 4), ("abc", -3, 0), ("😀", 0, 2), ("abc", 3, 0)]
)
def test_a_span_is_as_long_as_its_text_in_code_points(text: str, start: int, end: int) -> None:
    with pytest.raises(ValidationError):
        Span(text=text, char_start=start, char_end=end)


def test_a_span_counts_an_astral_character_once() -> None:
    assert Span(text="😀!", char_start=7, char_end=9).char_end == 9


def test_a_span_may_say_its_place_in_utf_16_units_too() -> None:
    assert Span(text="😀!", char_start=7, char_end=9, utf16_start=8, utf16_end=11).utf16_end == 11


@pytest.mark.parametrize("place", [{"utf16_start": 8}, {"utf16_end": 11}, {"utf16_start": 8, "utf16_end": 10}])
def test_a_place_in_utf_16_units_is_as_long_as_the_text(place: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="utf16"):
        Span(text="😀!", char_start=7, char_end=9, **place)


def test_no_more_windows_are_read_than_there_are() -> None:
    assert WindowsRead(total=0, read=0).read == 0
    with pytest.raises(ValidationError, match="at most total"):
        WindowsRead(total=1, read=2)


def test_an_answer_may_say_no_answer_with_or_without_a_candidate() -> None:
    assert Answer(**{**ANSWERED, "status": "no_answer", "answer": None}).candidate == SPAN
    none = {**ANSWERED, "status": "no_answer", "answer": None, "candidate": None, "null_score_diff": None}
    assert Answer(**none).candidate is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"answer": None}, "if and only if status is answered"),
        ({"status": "no_answer"}, "if and only if status is answered"),
        ({"candidate": Span(text="Ghent", char_start=7, char_end=12)}, "candidate should equal answer"),
        ({"candidate": None, "null_score_diff": None}, "candidate should equal answer"),
        ({"null_score_diff": None}, "if and only if there is a candidate"),
        ({"status": "no_answer", "answer": None, "candidate": None}, "if and only if there is a candidate"),
        ({"status": "perhaps"}, "answered"),
        ({"null_score_diff": float("nan")}, "finite"),
        ({"answered_at": datetime(2026, 1, 2)}, "time zone"),  # noqa: DTZ001  that is the point
        ({"answered_at": "2026-01-02T00:00:00Z"}, "UTC time"),
        ({"answered_at": "2026-02-30T00:00:00.000Z"}, "time that exists"),
        ({"answered_at": 1_700_000_000}, "UTC time"),
        ({"extra": 1}, "not permitted"),
    ],
)
def test_an_answer_that_contradicts_itself_is_invalid(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Answer(**{**ANSWERED, **changes})


@pytest.mark.parametrize("field", list(ANSWERED))
def test_an_answer_always_has_all_its_fields(field: str) -> None:
    with pytest.raises(ValidationError, match="required"):
        Answer(**{name: value for name, value in ANSWERED.items() if name != field})


def other(start: int, *places: Place) -> Alternative:
    span = Span(text="1809", char_start=start, char_end=start + 4)
    return Alternative(span=span, further_places=list(places), confidence=None, null_score_diff=1.0, window=1)


@pytest.mark.parametrize(
    ("further", "alternatives"),
    [
        ([Place(char_start=11, char_end=19)], []),
        ([], [other(9)]),
        ([], [other(20), other(23)]),
        ([Place(char_start=40, char_end=48)], [other(20, Place(char_start=46, char_end=50))]),
    ],
)
def test_the_places_of_answers_do_not_overlap(further: list[Place], alternatives: list[Alternative]) -> None:
    with pytest.raises(ValidationError, match="should not overlap"):
        Answer(**ANSWERED, further_places=further, alternatives=alternatives)


def test_alternatives_are_alternatives_to_a_candidate() -> None:
    declined = {**ANSWERED, "status": "no_answer", "answer": None, "candidate": None, "null_score_diff": None}
    with pytest.raises(ValidationError, match="with a candidate only"):
        Answer(**declined, alternatives=[other(20)])
    assert Answer(**ANSWERED, alternatives=[other(12), other(16)]).alternatives[1].span.text == "1809"


PASSAGE = RetrievedPassage(document_id="e", char_start=0, char_end=90, score=0.03)
NOTHING_QUOTED: dict[str, Any] = {
    **ANSWERED,
    **dict.fromkeys(("document_id", "document_sha256", "answer", "candidate", "null_score_diff")),
    "status": "no_answer",
    "collection": "kb",
    "retrieved": [PASSAGE],
}


def of_document(document_id: str | None, start: int) -> Alternative:
    found = other(start).model_dump() | {"document_id": document_id, "document_sha256": document_id and "1" * 64}
    return Alternative.model_validate(found)


def test_of_a_collection_the_candidates_document_is_named_and_without_a_candidate_none() -> None:
    answer = Answer(**ANSWERED, collection="kb", retrieved=[PASSAGE])
    assert (answer.document_id, answer.document_sha256) == ("d", "0" * 64)
    nothing = Answer(**NOTHING_QUOTED)
    assert (nothing.document_id, nothing.document_sha256) == (None, None)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"document_sha256": None}, "where no collection was asked"),
        ({"retrieved": [PASSAGE]}, "where no collection was asked"),
        ({"alternatives": [of_document("e", 20)]}, "only where a collection was asked"),
        ({"collection": "kb", "document_id": None}, "should be the candidate's"),
        ({"collection": "kb", "document_sha256": None}, "should be the candidate's"),
        ({"collection": "kb", "document_id": None, "document_sha256": None}, "should be the candidate's"),
        (NOTHING_QUOTED | {"document_id": "d"}, "should be the candidate's"),
        (NOTHING_QUOTED | {"document_id": "d", "document_sha256": "0" * 64}, "should be the candidate's"),
        ({"collection": "kb", "retrieved": [PASSAGE] * 51}, "at most 50"),
        ({"collection": "KB"}, "pattern"),
    ],
)
def test_an_answer_that_is_unclear_about_what_it_quotes_is_invalid(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Answer(**{**ANSWERED, **fields})


def test_alternatives_of_other_documents_may_stand_at_the_same_place_and_those_of_one_may_not() -> None:
    apart = [of_document("e", 4), of_document("f", 4), of_document("e", 8), of_document(None, 12)]
    assert len(Answer(**ANSWERED, collection="kb", alternatives=apart).alternatives) == 4
    for touching in ([of_document("e", 4), of_document("e", 7)], [of_document("d", 6)], [of_document(None, 6)]):
        with pytest.raises(ValidationError, match="should not overlap"):
            Answer(**ANSWERED, collection="kb", alternatives=touching)


@pytest.mark.parametrize("alone", ["document_id", "document_sha256"])
def test_an_alternative_of_another_document_names_its_version(alone: str) -> None:
    fields = of_document("e", 4).model_dump()
    with pytest.raises(ValidationError, match="given together"):
        Alternative.model_validate(fields | {alone: None})


@pytest.mark.parametrize("wrong", [0, 21, 1.0, "3", True])
def test_a_question_asks_for_1_to_20_answers(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Question(question_id="q", question="who?", document_id="d", max_answers=wrong)
    assert [Question(question_id="q", question="?", document_id="d", max_answers=n).max_answers for n in (1, 20)]


def test_a_time_is_cut_to_milliseconds_of_utc() -> None:
    local = datetime(2026, 1, 2, 1, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert Answer(**{**ANSWERED, "answered_at": local}).answered_at == datetime(
        2026, 1, 1, 23, 30, 0, 999_000, tzinfo=UTC
    )
    assert format_time(local) == "2026-01-01T23:30:00.999Z"


def test_the_texts_are_not_in_the_repr() -> None:
    events = (
        Document(document_id="d", text="SECRET", title="SECRET", metadata={"SECRET": "SECRET"}),
        Question(question_id="q", question="SECRET", context="SECRET", metadata={"a": "SECRET"}),
        Question(question_id="q", question="SECRET", collection="kb", filter={"SECRET": "SECRET"}),
        Answer(
            **{**ANSWERED, "answer": None, "status": "no_answer"},
        ),
        Span(text="SECRET", char_start=0, char_end=6),
    )
    assert "SECRET" not in repr(events)
    assert "Ghent" not in repr(events)


def test_an_error_does_not_quote_its_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Document.model_validate({"document_id": "d", "text": ["SECRET"], "title": 1})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"record_bytes": 0}, {"question_chars": -1}, {"id_chars": MAX_ID_CHARS + 1}, {"metadata_entries": 1025}]
)
def test_a_limit_is_positive_and_within_what_version_1_allows(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)
