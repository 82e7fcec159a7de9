"""What a question, an id and a collection may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from spanstream.schemas.events import Document, Question
from spanstream.schemas.limits import MAX_ID_CHARS


@pytest.mark.parametrize(
    "blank",
    [
        "",
        " ",
        "\n\t\r",
        "\u00a0\u2003\u3000",
        "\u200b\u200d\ufeff\u2060",
        "\u00ad",
        "\x00\x1b",
        "\u2800",
        "\u3164\uffa0",
        "\u0301",
        "\ufe0f",
        "\u202e",
        "\U000e0041",
    ],
)
def test_a_question_that_nobody_can_see_is_invalid(blank: str) -> None:
    with pytest.raises(ValidationError, match="visible"):
        Question(question_id="q", question=blank, document_id="d")


@pytest.mark.parametrize("seen", ["?", "é", "\u200bx", "日本", "😀", "e\u0301", "\ue000"])
def test_one_visible_character_makes_a_question(seen: str) -> None:
    assert Question(question_id="q", question=seen, document_id="d").question == seen


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"document_id": "d", "context": "c"},
        {"document_id": None, "context": None},
        {"document_id": "d", "collection": "kb"},
        {"context": "", "collection": "kb"},
        {"document_id": "d", "context": "c", "collection": "kb"},
    ],
)
def test_a_question_has_exactly_one_source(source: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError, match="exactly one of document_id, context and collection"):
        Question(question_id="q", question="who?", **source)  # type: ignore[arg-type]  # built on purpose


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"document_id": "d", "filter": {"language": "en"}}, "filter and answer_again"),
        ({"context": "c", "answer_again": True}, "filter and answer_again"),
        ({"collection": "kb", "document_sha256": "0" * 64}, "document_sha256 should not be given"),
    ],
)
def test_what_is_for_a_collection_is_refused_without_one_and_the_other_way_round(
    fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        Question(question_id="q", question="who?", **fields)


def test_an_empty_filter_and_not_to_answer_again_say_nothing() -> None:
    assert Question(question_id="q", question="?", document_id="d", filter={}, answer_again=False) == Question(
        question_id="q", question="?", document_id="d"
    )


@pytest.mark.parametrize("wrong", ["", "KB", "-kb", "_kb", "k b", "kb\n", "k/b", "ü", "\u0661", "k" * 65, 7])
def test_a_collection_has_a_short_name_of_plain_letters(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Question(question_id="q", question="who?", collection=wrong)
    with pytest.raises(ValidationError):
        Document(document_id="d", text="", collections=["kb", wrong])


@pytest.mark.parametrize("right", ["k", "7", "kb-2026_de", "k" * 64])
def test_a_collection_is_named_alike_by_documents_and_questions(right: str) -> None:
    assert Document(document_id="d", text="", collections=[right]).collections == [right]
    assert Question(question_id="q", question="who?", collection=right).collection == right


def test_a_document_is_in_a_collection_once_and_in_20_at_most() -> None:
    names = [f"kb-{number}" for number in range(21)]
    assert Document(document_id="d", text="", collections=names[:20]).collections == names[:20]
    with pytest.raises(ValidationError, match="once"):
        Document(document_id="d", text="", collections=["kb", "faq", "kb"])
    with pytest.raises(ValidationError, match="at most 20"):
        Document(document_id="d", text="", collections=names)


def test_an_empty_context_is_a_context() -> None:
    assert Question(question_id="q", question="who?", context="").context == ""


@pytest.mark.parametrize("wrong", ["", "a\nb", "a\n", "\x00", "\x7f", "a\x85", "\ud800", "x" * (MAX_ID_CHARS + 1)])
def test_an_id_is_bounded_and_has_no_control_characters(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Document(document_id=wrong, text="")
    with pytest.raises(ValidationError):
        Question(question_id=wrong, question="who?", context="")


@pytest.mark.parametrize("right", ["a", " ", "x" * MAX_ID_CHARS, "日本/2026#1", "😀"])
def test_an_id_may_be_any_other_text(right: str) -> None:
    assert Document(document_id=right, text="").document_id == right


def test_a_lone_surrogate_is_refused_wherever_a_text_stands() -> None:
    for wrong in (
        {"text": "\ud800"},
        {"title": "a\udfff"},
        {"metadata": {"\ud800": ""}},
        {"metadata": {"a": "\ud800"}},
    ):
        with pytest.raises(ValidationError):
            Document.model_validate({"document_id": "d", "text": "", **wrong})


@pytest.mark.parametrize("wrong", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", "\u0661" * 64])
def test_a_document_hash_is_64_lower_case_hexadecimal_digits(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Question(question_id="q", question="who?", document_id="d", document_sha256=wrong)
