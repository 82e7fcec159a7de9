"""Version 1 is a promise: these records decode for ever to these values, and encode to these bytes.

Nothing regenerates the files below `records/v1`, and each is pinned by its hash here. A failure means that records
which stand in topics today could no longer be read, or would be written another way. The way out is a version 2 beside
version 1, not another hash.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from spanstream.schemas import generate
from spanstream.schemas.answer_parts import Alternative, ModelInfo, Place, RetrievedPassage, Span, WindowsRead
from spanstream.schemas.codec import decode_answer, decode_document, decode_feedback, decode_question, encode
from spanstream.schemas.dead_letters import DeadLetter, Stage, from_headers, to_headers
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Answer, Document, Event, Question
from spanstream.schemas.feedback import Feedback, TicketField
from spanstream.schemas.limits import Limits

FOLDER = Path(__file__).parent / "records"
LIMITS = Limits()
FROZEN = {
    "answer-collection-nothing.json": "2cc764ef1c721e3ddf8830a4ad07536d5234f1ebbb21f867b71d4431d5351f86",
    "answer-collection.json": "85afac08e5172b9146879c3321b28adc9ab984013ee406b06f254c89af402b65",
    "answer-maximal.json": "8f3c21b08233270e56db5cf06529d79669dee635df3be88145a57b374a968684",
    "answer-minimal.json": "698bea0cd80d00b4f0242155c4a706b9caff39eec3dac2ecd03b3e0b2c5e97ea",
    "answer-no-answer.json": "0084af045be0900c3c5c9a3fe16902b15e162f836c11df1b6abeab35f249377e",
    "dead-letter-headers.json": "5f9a6a1c92829d24b7645cdbb21466a68cc399746ca33dbd8b18240b5437cd9b",
    "document-collections.json": "868e57e4f060026b04e35b285781761cfa422b3b31cf1ea213047214714ab00c",
    "document-maximal.json": "5115a175936dd50c6128a05a41fe333ff15ec0811784aec3d54ca3c996465441",
    "document-minimal.json": "5ef0dbbf8b3095b9e82cd7583e6b4b0e3f29ec4a15a5f209da515b9d91657ca6",
    "document-unicode.json": "41d785d138f8d14439cd190a166092becb555a19b7205248ce53143175b52900",
    "feedback-maximal.json": "87335630ebac097a9bec719f5861b2a1103067d5eca0794d6735abf179422c91",
    "feedback-minimal.json": "f335b30229476da6f962a885e5a757ca4858693dbc6271a6b20830dae8e44661",
    "question-collection-maximal.json": "bb8c27554bd119e6bc4b56642fd44cd7ab2d55d4c27b1c7300bf3f0e0ef4f7ae",
    "question-collection.json": "3a63c8fc1b3d208cebad250c2c3585997ab47a166ce92f14e1d5e29fb448e28f",
    "question-context.json": "ed481f42a5bd5b8b70d0728d2797b3b7d165623655154fc58764767a432914f1",
    "question-loose.json": "8b75e8b7ed76d691a4fd2ab981cfc572f1b872422d27970ccda67612a16df767",
    "question-maximal.json": "1a6641441e874ceb74536608ca78e5e3be59594b0af6ebcf01e36174ffaaa64c",
    "question-minimal.json": "10cf7895585256452f9fc41d6d204eeb5e4354b7b488122ce53ad070fb368744",
    "question-unicode.json": "8b515f0778cfba7ad8b0a1146801dccad711b4975cba9a3c2a32624c4eae4309",
    "schemas/answer.proto": "4b2681b3237db791fac7121b62a3f4dec4c2737b628dd01513592aa41c5cc126",
    "schemas/answer.schema.json": "39a65dccf958cdd38447c25cd5eb64fd2c6dc4e35f8307e778281b2519f935a9",
    "schemas/before-collections/answer.avsc": "13b3d03c9edbf8c33b876def163f3a8d9b6bfb7bc81f94ed3e273dee8240b717",
    "schemas/before-collections/answer.proto": "63d3fedba72e697373326d98aee4ee6e959264119abc3b2777f4931b83b68129",
    "schemas/before-collections/document.avsc": "7ac2d6c4dcf36dbd586ef0e655248e2df347f2cb49fd8ea7998e932ef56bf4d5",
    "schemas/before-collections/document.proto": "56b89191dd6f06e7eaeb2c8ac81d7d8a43560c22e7bdb85c1be668d10fd3a967",
    "schemas/before-collections/question.avsc": "f31a312a3df2ac98019369e6f2d27c26c2340e303b1c4b83aff0ab7415707c83",
    "schemas/before-collections/question.proto": "c498685fec102a77b77c93fe383750546a67175e1bd4ade8780c1256ec6fa0b7",
    "schemas/dead-letter-headers.schema.json": "33571fb3d1e31fab527656ddee9d25c437fe5dbfcc3b1f480903d7aaf540d11b",
    "schemas/document.proto": "aa54a9c0fd97a88724ba93d25ab4a10f75205d0a656548fe9a38fb576ae8e801",
    "schemas/document.schema.json": "df34f0c1f4befd22535b2897cdbb11b7b8fc6692b505fd4f3f19f6e3b9d7dfff",
    "schemas/feedback.proto": "2cbf9392c4503513207c6afc40fcadefe106294d56b88fcf2cf1729f351cab93",
    "schemas/feedback.schema.json": "a383037e24c29d2f93e4917d6065ddf570efb066fa888f5bd86999b6428718a9",
    "schemas/question.proto": "523b7994bd2e0a027d4f10cf53f9c3b40f438cb50116920a18ab9ee1eb94bbaf",
    "schemas/question.schema.json": "5570c75db5f2ba47567f8dc5385fc99e8123dca59a79555d37ed072d821ed692",
    "schemas/ticket.proto": "19033a547b083bae4540149868420aa03bc5e04ba2b66c5a40f70778f8b1dbf7",
    "schemas/ticket.schema.json": "e29757d5615d88ae767456c995f805b81b3099a44e6457224d64794a0f44bb96",
    "schemas/triage.proto": "8ad5e27c347c116e90e91c292315b03cee9e5dbc3f56d9627db04b82156a033f",
    "schemas/triage.schema.json": "7b4f47019ce9c6ffe4412908012b52e395d3159fabd5e20a21d78704bbe62b48",
}

TEXT = 'Ana\u0308 wohnt in 東京 😀\u200d👩\u0000 bis\r\n\u2028morgen "früh" \\ / \x7f \ufeff'
MODEL = ModelInfo(name="minilm-l6-qa", version="1", precision="int8", calibration="platt-1")
SPAN = Span(text="東京 😀", char_start=14, char_end=18)
RECORDS: dict[str, Event | Feedback] = {
    "document-minimal.json": Document(document_id="d", text=""),
    "document-maximal.json": Document(
        document_id="tickets/2026/0001",
        text="The parcel left Ghent on Monday.",
        title="Where is my parcel?",
        metadata={"language": "en", "customer": "42"},
    ),
    "document-unicode.json": Document(
        document_id="票/\U0001f3ab", text=TEXT, title="\u202eabc", metadata={"": "ß", "キー": ""}
    ),
    "question-minimal.json": Question(question_id="q", question="?", document_id="d"),
    "question-context.json": Question(question_id="q-1", question="Who?", context=""),
    "question-maximal.json": Question(
        question_id="q-3",
        question="When did the parcel leave?",
        document_id="tickets/2026/0001",
        document_sha256="c9da7ad92d8ae4de9ccbcf7e14b2b0b6a65d0a2bd4c71f2a5ffb1f4b0f1d9bb4",
        min_confidence=0.25,
        metadata={"agent": "7"},
    ),
    "question-unicode.json": Question(question_id="問\u00a01", question="Wo? \u200b😀\u0000", context=TEXT),
    "question-loose.json": Question(
        question_id="q-2", question="Où est le siège ? 😀", document_id="d/1", min_confidence=1.0
    ),
    "answer-minimal.json": Answer(
        question_id="q",
        document_id=None,
        document_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        status="no_answer",
        answer=None,
        candidate=None,
        confidence=0.0,
        null_score_diff=None,
        windows=WindowsRead(total=0, read=0),
        model=MODEL,
        metadata={},
        answered_at=datetime(2026, 1, 2, tzinfo=UTC),
    ),
    "answer-no-answer.json": Answer(
        question_id="q-1",
        document_id="d",
        document_sha256="0" * 64,
        status="no_answer",
        answer=None,
        candidate=SPAN,
        confidence=1e-7,
        null_score_diff=7.25,
        windows=WindowsRead(total=120, read=16),
        model=MODEL,
        metadata={},
        answered_at=datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC),
    ),
    "answer-maximal.json": Answer(
        question_id="問\u00a01",
        document_id="票/\U0001f3ab",
        document_sha256="0" * 64,
        status="answered",
        answer=SPAN,
        candidate=SPAN,
        confidence=0.8437501,
        null_score_diff=-3.0,
        windows=WindowsRead(total=3, read=3),
        model=MODEL,
        metadata={"agent": "7", "ключ": "\u2028"},
        answered_at=datetime(2026, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ),
    "document-collections.json": Document(
        document_id="kb/export", text="The export stops with FXP-4107.", collections=["kb", "faq-2026_de"]
    ),
    "question-collection.json": Question(question_id="q", question="?", collection="kb"),
    "question-collection-maximal.json": Question(
        question_id="q-4",
        question="Which error stops the export?",
        min_confidence=0.25,
        metadata={"agent": "7"},
        max_answers=3,
        collection="kb",
        filter={"language": "en", "ключ": "\u2028"},
        answer_again=True,
    ),
    "answer-collection.json": Answer(
        question_id="q-4",
        document_id="kb/export",
        document_sha256="0" * 64,
        status="answered",
        answer=Span(text="FXP-4107", char_start=22, char_end=30),
        candidate=Span(text="FXP-4107", char_start=22, char_end=30),
        confidence=0.5,
        null_score_diff=-1.5,
        windows=WindowsRead(total=3, read=3),
        model=MODEL,
        metadata={"agent": "7"},
        answered_at=datetime(2026, 1, 2, tzinfo=UTC),
        alternatives=[
            Alternative(
                span=Span(text="GL-88", char_start=24, char_end=29),
                further_places=[Place(char_start=50, char_end=55)],
                confidence=0.125,
                null_score_diff=-0.5,
                window=1,
                document_id="票/\U0001f3ab",
                document_sha256="1" * 64,
            ),
            Alternative(
                span=Span(text="export", char_start=4, char_end=10), confidence=None, null_score_diff=2.0, window=1
            ),
        ],
        collection="kb",
        retrieved=[
            RetrievedPassage(document_id="kb/export", char_start=0, char_end=31, score=0.03125),
            RetrievedPassage(document_id="票/\U0001f3ab", char_start=0, char_end=90, score=0.015625),
        ],
    ),
    "answer-collection-nothing.json": Answer(
        question_id="q",
        document_id=None,
        document_sha256=None,
        status="no_answer",
        answer=None,
        candidate=None,
        confidence=0.0,
        null_score_diff=None,
        windows=WindowsRead(total=0, read=0),
        model=MODEL,
        metadata={},
        answered_at=datetime(2026, 1, 2, tzinfo=UTC),
        collection="kb",
    ),
    "feedback-minimal.json": Feedback(
        question_id="q",
        context="",
        question="?",
        verdict="no_answer",
        given_at=datetime(2026, 1, 2, tzinfo=UTC),
    ),
    "feedback-maximal.json": Feedback(
        feedback_id="f-1",
        question_id="問\u00a01",
        field=TicketField(ticket_id="T/1", name="error code"),
        document_id="票/\U0001f3ab",
        document_sha256="0" * 64,
        question="Où est le siège ? 😀",
        verdict="corrected",
        span=SPAN,
        by="agent 7",
        given_at=datetime(2026, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        source="suggested",
        metadata={"tool": "desk", "ключ": "\u2028"},
    ),
}
LETTER = DeadLetter(
    reason=Reason.SPAN_MISMATCH,
    detail="tokens and text differ: 東京",
    stage=Stage.VALIDATE,
    topic="qa.questions",
    partition=3,
    offset=12_345_678_901,
    timestamp_ms=1_767_312_000_123,
    attempt=2,
    failed_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
    candidate={"text": "東京", "char_start": 12, "char_end": 14, "score": -1.5, "words": [1, None]},
)


ORDINARY = [name for name in RECORDS if "collection" not in name]
INVALID: dict[str, dict[str, object]] = {
    "no source": {},
    "a collection and a document": {"collection": "kb", "document_id": "d"},
    "a collection and a context": {"collection": "kb", "context": ""},
    "a version of a collection": {"collection": "kb", "document_sha256": "0" * 64},
    "a name in capitals": {"collection": "KB"},
    "a name that is a path": {"collection": "kb/faq"},
    "no name": {"collection": ""},
    "several collections": {"collection": ["kb", "faq"]},
    "a filter by a number": {"collection": "kb", "filter": {"year": 2026}},
    "perhaps again": {"collection": "kb", "answer_again": "true"},
}
# What the decoder alone says.
REFUSED: dict[str, dict[str, object]] = {
    "a filter without a collection": {"document_id": "d", "filter": {"language": "en"}},
    "again without a collection": {"context": "c", "answer_again": True},
}


def decoded(name: str) -> Event | Feedback:
    value = (FOLDER / name).read_bytes()
    if name.startswith("document-"):
        return decode_document(value, LIMITS)
    if name.startswith("feedback-"):
        return decode_feedback(value, LIMITS)
    return decode_question(value, LIMITS) if name.startswith("question-") else decode_answer(value)


def test_the_frozen_files_are_those_of_version_1() -> None:
    digests = {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*")
        if path.is_file()
    }
    assert digests == FROZEN


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_version_1_decodes_to_the_same_event_for_ever(name: str) -> None:
    assert decoded(name) == RECORDS[name]


@pytest.mark.parametrize("name", [name for name in RECORDS if "loose" not in name])
def test_an_event_of_version_1_is_encoded_to_the_same_bytes_for_ever(name: str) -> None:
    assert encode(RECORDS[name]) == (FOLDER / name).read_bytes()


def test_the_headers_of_a_dead_letter_are_the_same_for_ever() -> None:
    written = json.loads((FOLDER / "dead-letter-headers.json").read_bytes())
    headers = tuple((name, text.encode()) for name, text in written.items())
    assert from_headers(headers) == LETTER
    assert to_headers(LETTER, ()) == headers


def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(generate.documents()[f"v1/{kind}.schema.json"])


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_version_1_is_valid_by_the_schema_of_now(name: str) -> None:
    validator(name.partition("-")[0]).validate(json.loads((FOLDER / name).read_bytes()))


@pytest.mark.parametrize("name", ORDINARY)
def test_a_record_without_a_collection_is_valid_by_the_schema_from_before_there_were_any(name: str) -> None:
    before = json.loads((FOLDER / "schemas" / f"{name.partition('-')[0]}.schema.json").read_bytes())
    Draft202012Validator(before).validate(json.loads(encode(RECORDS[name])))


@pytest.mark.parametrize("case", INVALID | REFUSED)
def test_a_question_that_is_wrong_about_its_collection_is_refused(case: str) -> None:
    fields = {"question_id": "q", "question": "who?", **(INVALID | REFUSED)[case]}
    with pytest.raises(InvalidRecord) as refused:
        decode_question(json.dumps(fields).encode(), LIMITS)
    assert refused.value.reason == Reason.INVALID_EVENT
    assert validator("question").is_valid(fields) == (case in REFUSED)


@pytest.mark.parametrize("collections", [["kb", "kb"], ["Kb"], [f"kb-{number}" for number in range(21)], "kb", [7]])
def test_a_document_that_is_wrong_about_its_collections_is_refused(collections: object) -> None:
    fields = {"document_id": "d", "text": "", "collections": collections}
    with pytest.raises(InvalidRecord, match="collections"):
        decode_document(json.dumps(fields).encode(), LIMITS)
    assert not validator("document").is_valid(fields)
