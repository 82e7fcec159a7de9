"""Retrieved passages against the documents topic: whatever an index says, only the latest versions are quoted."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.passages.index import PassagePlace
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import Reason, Retry
from spanstream.schemas.errors import InvalidRecord
from tests.support.events.asked import asked
from tests.support.passages.retrieval_rig import HOME, LATEST, RetrievalRig, place

OLD = "The train leaves at 06:00 from platform 9."


def reason_of(outcome: RecordOutcome) -> tuple[str, Reason | None]:
    retry = Retry.from_headers(outcome.outgoing.headers)
    return outcome.outcome, retry.reason if retry else outcome.reason


NEAR = st.builds(
    PassagePlace,
    document_id=st.sampled_from([*LATEST, "deleted", "\ud800", ""]),
    number=st.integers(-1, 3),
    char_start=st.integers(-2, 500),
    char_end=st.integers(-2, 600),
    document_sha256=st.sampled_from([*map(sha256_of, LATEST.values()), sha256_of(OLD), ""]),
    partition=st.integers(-1, 2),
)
FOREIGN = st.builds(place, st.just("c"), st.integers(0, 5), st.integers(6, 20))  # of another collection
RIGHT = st.builds(place, st.sampled_from(["a", "b"]), st.integers(0, 20), st.integers(21, 40))


@st.composite
def almost_right(draw: st.DrawFn) -> PassagePlace:
    """Draws a passage that is wrong in one thing at most."""
    one, other = draw(RIGHT), draw(NEAR)
    field = draw(st.sampled_from([field.name for field in fields(PassagePlace)]))
    return replace(one, **{field: getattr(other, field)})


def is_right(one: PassagePlace) -> bool:
    text = LATEST.get(one.document_id)
    return (
        text is not None
        and one.document_sha256 == sha256_of(text)
        and one.partition == HOME[one.document_id]
        and 0 <= one.char_start < one.char_end <= len(text)
        and one.document_id in {"a", "b"}
    )


@settings(deadline=None, max_examples=300)
@given(st.lists(RIGHT | almost_right() | FOREIGN | NEAR, max_size=6), st.integers(1, 5))
def test_whatever_the_index_says_only_latest_texts_of_the_collection_are_quoted(
    places: list[PassagePlace], max_answers: int
) -> None:
    outcome = RetrievalRig(*places).outcome(max_answers=max_answers)
    if not all(map(is_right, places)):
        assert outcome.outcome in {"retried", "dead_letter"}
        return
    answer = decode_answer(outcome.outgoing.value or b"")
    assert [one.document_id for one in answer.retrieved] == [one.document_id for one in places]
    assert answer.windows.read <= len(places)
    if answer.candidate is None:
        assert (answer.document_id, answer.alternatives) == (None, [])
        return
    document_id = answer.document_id or ""
    quotes = [(document_id, answer.document_sha256, answer.candidate)]
    quotes += [
        (other.document_id or document_id, other.document_sha256 or answer.document_sha256, other.span)
        for other in answer.alternatives
    ]
    for quoted_id, sha256, span in quotes:
        assert LATEST[quoted_id][span.char_start : span.char_end] == span.text
        assert sha256 == sha256_of(LATEST[quoted_id])
    assert len(quotes) <= max_answers


def test_only_the_windows_that_hold_passages_are_read() -> None:
    outcome = RetrievalRig(place("b", 0, 20), place("b", 5, 25), place("a")).outcome(question="when ?")
    answer = decode_answer(outcome.outgoing.value or b"")
    assert answer.windows.read == 2
    assert answer.windows.total > 4


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidRecord(Reason.INVALID_EVENT, "no document"), Reason.DOCUMENT_CHANGED),
        (Retryable("no answer"), Reason.DOCUMENT_MISSING),
    ],
)
def test_a_document_that_cannot_be_looked_up_lets_the_question_wait(error: Exception, reason: Reason) -> None:
    rig = RetrievalRig(place("a"))
    rig.topic.errors["a"] = error
    assert reason_of(rig.outcome()) == ("retried", reason)


def test_a_document_that_has_no_translator_now_is_no_try_of_its_question() -> None:
    rig = RetrievalRig(place("a"))
    rig.topic.errors["a"] = TranslatorUnavailable("away")
    with pytest.raises(TranslatorUnavailable):
        rig.outcome()
    other = asked("r", None, context="because of the train.")
    prepared, left = rig.preparer.prepare([other, asked("q", None, collection="kb")])
    assert (prepared.records, len(left)) == ((other,), 1)


def test_a_chunk_ends_before_its_documents_take_too_much_memory() -> None:
    rig = RetrievalRig(place("a"), place("b"), max_bytes=2_000)
    records = [asked(f"q{number}", None, collection="kb") for number in range(3)]
    prepared, left = rig.preparer.prepare(records)
    assert (len(prepared.planned), left) == (1, records[1:])


def test_a_filter_holds_for_the_document_as_it_stands() -> None:
    assert reason_of(RetrievalRig(place("a")).outcome(filter={"team": "x"})) == ("retried", Reason.DOCUMENT_CHANGED)
