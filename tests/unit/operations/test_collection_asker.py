"""Asking a collection from the command line: the stream's answer, with the passages it was taken from."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from spanstream.consumer.cli.ask_collection import _passages, _show, collection_questions
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.collection_asker import CollectionAsker, open_collection_asker
from spanstream.consumer.settings import Settings
from tests.support.memory.fake_time import FakeClock
from tests.support.passages.retrieval_rig import LATEST, RetrievalRig, place


def asker(rig: RetrievalRig) -> CollectionAsker:
    return CollectionAsker(rig.preparer, rig.answerer)


def test_each_question_has_its_answer_with_the_texts_of_its_passages() -> None:
    rig = RetrievalRig(place("a", 0, len(LATEST["a"])), place("b", 0, 30))
    questions = collection_questions("kb", ["when ?", "where from ?"], {}, 3)
    replies = list(asker(rig).replies(questions))
    assert [reply.answer.question_id for reply in replies] == ["1", "2"]
    for reply in replies:
        assert reply.texts == {name: LATEST[name] for name in "ab"}
        candidate = reply.answer.candidate
        assert candidate is not None
        for passage in _passages(reply.answer, reply.texts):
            assert passage.text == LATEST[passage.document_id][passage.char_start : passage.char_end]
            if passage.quoted is not None:
                start, end = passage.quoted
                assert candidate.text.startswith(passage.text[start:end])


def test_what_is_shown_names_the_document_and_every_passage() -> None:
    rig = RetrievalRig(place("a", 0, len(LATEST["a"])), place("b", 0, 30))
    [reply] = asker(rig).replies(collection_questions("kb", ["when ?"], {}, 1))
    console = Console(width=100, record=True, file=StringIO())
    _show(reply, console)
    shown = console.export_text()
    assert f"{reply.answer.document_id} · of kb" in shown
    assert "0-30" in shown
    assert "The bus to the airport departs" in shown


def test_where_nothing_is_found_it_is_shown_too() -> None:
    [reply] = asker(RetrievalRig()).replies(collection_questions("kb", ["when ?"], {}, 1))
    console = Console(width=100, record=True, file=StringIO())
    _show(reply, console)
    assert "declined" in console.export_text()


def test_a_question_that_would_wait_is_told_with_its_reason() -> None:
    rig = RetrievalRig(place("a", text="an older text of it"))
    with pytest.raises(Stop, match="question 1: the passage index is behind"):
        list(asker(rig).replies(collection_questions("kb", ["when ?"], {}, 1)))


@pytest.mark.parametrize(("collection", "question"), [("No Name", "when ?"), ("kb", " ")])
def test_what_is_no_question_is_refused_in_one_line(collection: str, question: str) -> None:
    with pytest.raises(Stop, match=r"^(collection|question): "):
        collection_questions(collection, [question], {}, 1)


def test_without_an_index_the_setting_is_named() -> None:
    with pytest.raises(Stop, match="set SPANSTREAM_INDEX__URI"), open_collection_asker(Settings(), FakeClock()):
        pass
