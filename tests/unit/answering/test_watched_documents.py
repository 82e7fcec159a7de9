"""Watched documents: a member knows the latest version of every document, and judges only those it owns."""

from __future__ import annotations

import pytest

from spanstream.consumer.errors import Retryable
from spanstream.models.text.tokenization import sha256_of
from tests.support.memory.followed_documents import ONE, TOPIC, ZERO, DocumentsRig


@pytest.fixture
def watched() -> DocumentsRig:
    topic = DocumentsRig()
    topic.documents = topic.follower(watches_all=True)
    topic.documents.own({ZERO: None})
    return topic


def looked_up(topic: DocumentsRig, document_id: str, number: int = 1) -> str | None:
    document = topic.documents.look_up(number, document_id)
    return None if document is None else document.text


def test_documents_of_other_members_are_looked_up_as_they_stand(watched: DocumentsRig) -> None:
    watched.write("a", "old", 1)
    watched.write("a", "new", 1)
    watched.write("b", "mine", 0)
    watched.read()
    assert (looked_up(watched, "a"), looked_up(watched, "b", 0)) == ("new", "mine")
    watched.write("a", "newer", 1)
    watched.read()
    assert looked_up(watched, "a") == "newer"
    watched.put("a", None, 1)
    watched.read()
    assert looked_up(watched, "a") is None


def test_a_watched_document_is_not_an_owned_one(watched: DocumentsRig) -> None:
    watched.write("a", "text", 1)
    watched.read()
    with pytest.raises(Retryable, match="not this member's"):
        watched.documents.find(1, "a")
    assert watched.documents.owned == {ZERO}
    assert watched.documents.known == 0


def test_the_ends_to_read_to_are_those_of_all_partitions_a_released_one_too(watched: DocumentsRig) -> None:
    documents = watched.documents
    watched.write("a", "text", 1)
    assert documents.behind(documents.ends()) == {ONE}
    watched.read()
    documents.own({ONE: None})
    watched.read()
    documents.release([ONE])
    watched.write("a", "newer", 1)
    assert documents.behind(documents.ends()) == {ONE}
    documents = watched.follower()
    documents.own({ZERO: None})
    assert set(documents.ends()) == {ZERO}


def test_what_is_bad_in_a_watched_partition_is_its_owners_to_tell(watched: DocumentsRig) -> None:
    documents = watched.follower(watches_all=True, max_share=0.1)
    documents.own({ZERO: None})
    watched.documents = documents
    for number in range(30):
        watched.put(f"bad{number}", b"no document", 1)
    watched.read()
    progress = documents.progress()
    assert progress.bad == ()
    assert set(progress.offsets) <= {ZERO}
    assert not documents.is_full


def test_a_watched_partition_that_becomes_owned_has_its_bad_documents_told(watched: DocumentsRig) -> None:
    watched.put("bad", b"no document", 1)
    watched.write("a", "text", 1)
    watched.read()
    watched.documents.own({ONE: None})
    watched.read()
    assert [bad.record.key for bad in watched.documents.progress().bad] == [b"bad"]
    assert watched.text("a", 1) == "text"


def test_a_released_partition_is_watched_once_it_did_not_come_back(watched: DocumentsRig) -> None:
    watched.documents.own({ONE: None})
    watched.put("bad", b"no document", 1)
    watched.write("a", "text", 1)
    watched.read()
    watched.documents.release([ONE])
    watched.clock.sleep(61.0)
    watched.documents.poll()
    watched.write("a", "newer", 1)
    watched.read()
    assert looked_up(watched, "a") == "newer"
    assert watched.documents.progress().bad == ()
    watched.documents.own({ONE: 0})
    watched.read()
    assert [bad.record.key for bad in watched.documents.progress().bad] == [b"bad"]


def test_new_partitions_of_the_topic_are_watched_after_a_while(watched: DocumentsRig) -> None:
    watched.broker.add_partitions(TOPIC, 3)
    watched.write("a", "text", 2)
    watched.clock.sleep(31.0)
    watched.read()
    assert looked_up(watched, "a", 2) == "text"
    assert looked_up(watched, "a", 7) is None


def test_what_was_made_of_a_watched_text_goes_with_it(watched: DocumentsRig) -> None:
    watched.write("a", "old", 1)
    watched.read()
    looked_up(watched, "a")
    watched.write("a", "new", 1)
    watched.read()
    assert watched.forgotten == [sha256_of("old")]


def test_the_collections_of_a_document_are_known_with_its_text(watched: DocumentsRig) -> None:
    value = b'{"document_id": "a", "text": "t", "collections": ["kb"], "metadata": {"team": "x"}}'
    watched.put("a", value, 1)
    watched.read()
    document = watched.documents.look_up(1, "a")
    assert document is not None
    assert document.collections == {"kb"}
    assert document.metadata == {"team": "x"}
