"""Records of the documents topic that are no documents: offered until they are dead-lettered, once."""

from __future__ import annotations

import pytest

from spanstream.consumer.errors import CircuitOpen
from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.limits import Limits
from tests.support.memory.followed_documents import ONE, ZERO, DocumentsRig


@pytest.fixture
def rig() -> DocumentsRig:
    return DocumentsRig()


def test_each_bad_document_is_offered_until_it_is_committed(rig: DocumentsRig) -> None:
    rig.put("a", b"no json")
    rig.put(None, b"{}")
    rig.write("b", "fine")
    rig.put("c", b'{"document_id": "d", "text": "another key"}')
    rig.documents.own({ZERO: None})
    rig.read()
    progress = rig.documents.progress()
    reasons = [Reason.UNDECODABLE, Reason.INVALID_EVENT, Reason.INVALID_EVENT]
    assert [bad.error.reason for bad in progress.bad] == reasons
    assert progress.offsets == {ZERO: 8}
    assert rig.documents.progress() == progress
    rig.put("e", b"bad too")
    rig.read()
    rig.documents.committed(progress)
    rest = rig.documents.progress()
    assert [bad.record.key for bad in rest.bad] == [b"e"]
    assert rest.offsets == {ZERO: 10}
    rig.documents.committed(rest)
    assert rig.documents.progress().bad == ()
    assert rig.documents.progress().offsets == {}


def test_bad_records_before_the_committed_offset_were_dead_lettered_before(rig: DocumentsRig) -> None:
    rig.put("a", b"old")
    rig.put("b", b"new")
    rig.documents.own({ZERO: 2})
    rig.read()
    assert [bad.record.key for bad in rig.documents.progress().bad] == [b"b"]


def test_a_tombstone_without_a_key_is_a_bad_document(rig: DocumentsRig) -> None:
    rig.put(None, None)
    rig.documents.own({ZERO: None})
    rig.read()
    assert [bad.error.reason for bad in rig.documents.progress().bad] == [Reason.INVALID_EVENT]


def test_progress_is_of_owned_partitions_only(rig: DocumentsRig) -> None:
    rig.put("a", b"bad", 0)
    rig.put("b", b"bad", 1)
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    rig.documents.release([ONE])
    progress = rig.documents.progress()
    assert [bad.record.key for bad in progress.bad] == [b"a"]
    assert progress.offsets == {ZERO: 2}


def test_reading_pauses_while_many_bad_documents_wait_to_be_dead_lettered(rig: DocumentsRig) -> None:
    rig.documents = rig.follower()
    for number in range(150):
        rig.put(f"k{number}", b"bad")
    rig.documents.own({ZERO: None})
    rig.documents.poll()
    rig.write("a", "good")
    assert (rig.documents.poll(), rig.documents.is_full) == (0, True)
    rig.documents.committed(rig.documents.progress())
    assert [rig.documents.is_full] == [False]
    rig.read()
    assert rig.text("a") == "good"


def test_bad_documents_of_a_released_partition_hold_up_no_other_and_are_offered_if_it_comes_back(
    rig: DocumentsRig,
) -> None:
    for number in range(150):
        rig.put(f"k{number}", b"bad", 1)
    rig.documents.own({ZERO: None, ONE: None})
    rig.documents.poll()
    assert rig.documents.is_full
    rig.documents.release([ONE])
    rig.write("a", "good", 0)
    for _ in range(5):
        rig.documents.poll()
    assert rig.text("a", 0) == "good"
    rig.documents.own({ONE: None})
    rig.read()
    assert len(rig.documents.progress().bad) == 150


def test_reading_pauses_while_large_bad_documents_wait_to_be_dead_lettered(rig: DocumentsRig) -> None:
    rig.documents = rig.follower()
    rig.put("a", b"\xff" * (6 << 20))
    rig.put("k" * (3 << 20), b"bad")
    rig.documents.own({ZERO: None})
    rig.read()
    assert rig.documents.is_full
    rig.documents.committed(rig.documents.progress())
    assert not rig.documents.is_full


def test_a_wrong_topic_opens_the_circuit(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(max_share=0.5)
    for number in range(10):
        rig.put(f"k{number}", b"bad")
    rig.documents.own({ZERO: None})
    with pytest.raises(CircuitOpen):
        rig.read()


def test_bad_documents_strewn_among_many_good_ones_do_not_open_the_circuit(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(max_share=0.5)
    for number in range(100):
        rig.write(f"g{number}", "good") if number % 4 else rig.put(f"b{number}", b"bad")
    rig.documents.own({ZERO: None})
    rig.read()
    assert len(rig.documents.progress().bad) == 25


def test_bad_documents_that_were_dead_lettered_long_ago_do_not_open_the_circuit(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(max_share=0.5)
    for number in range(30):
        rig.put(f"b{number}", b"bad")
    rig.documents.own({ZERO: 60})
    rig.read()


def test_bad_documents_that_are_read_again_count_once(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(max_share=0.5)
    for number in range(8):
        rig.put(f"b{number}", b"bad")
    for _ in range(4):
        rig.documents.own({ZERO: None})
        rig.read()
        rig.documents.release([ZERO])
        rig.clock.sleep(3600.0)
        rig.documents.poll()
        assert rig.documents.known == 0


def test_a_document_past_a_limit_is_bad(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(limits=Limits(document_chars=3))
    rig.write("a", "four")
    rig.documents.own({ZERO: None})
    rig.read()
    assert [bad.error.reason for bad in rig.documents.progress().bad] == [Reason.TOO_LARGE]
