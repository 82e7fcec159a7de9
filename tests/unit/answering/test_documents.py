"""Documents by id, as the compacted topic has them: read from a broker in memory."""

from __future__ import annotations

import pytest

from spanstream.consumer.answering.stored_documents import DocumentsReplaced
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from tests.support.memory.followed_documents import ONE, TOPIC, ZERO, DocumentsRig
from tests.support.memory.translators import Away


@pytest.fixture
def rig() -> DocumentsRig:
    return DocumentsRig()


def test_a_document_is_found_by_its_id_in_the_partition_of_its_questions(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    assert rig.text("a") == "one"
    assert rig.text("a", 1) is None
    assert rig.documents.known == 1


def test_the_latest_text_counts_and_a_tombstone_deletes(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.write("a", "two")
    rig.documents.own({ZERO: None})
    rig.read()
    assert rig.text("a") == "two"
    rig.put("a", None)
    rig.read()
    assert rig.text("a") is None
    assert rig.documents.known == 0
    rig.write("a", "three")
    rig.read()
    assert rig.text("a") == "three"


def test_the_latest_record_decides_even_when_it_is_no_document(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.put("a", b'{"document_id": "a"}')
    rig.documents.own({ZERO: None})
    rig.read()
    with pytest.raises(InvalidRecord, match="text: Field required"):
        rig.text("a")
    rig.write("a", "mended")
    rig.read()
    assert rig.text("a") == "mended"


def test_what_was_dead_lettered_by_an_earlier_owner_decides_just_the_same(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.put("a", b"{}")
    rig.documents.own({ZERO: 4})
    rig.read()
    assert not rig.documents.progress().bad
    with pytest.raises(InvalidRecord):
        rig.text("a")


def test_a_partition_that_is_not_owned_is_no_reason_to_say_that_there_is_no_document(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    with pytest.raises(Retryable, match=r"documents\[0\]"):
        rig.text("a")


def test_texts_are_kept_in_memory_and_evicted_ones_are_read_again(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(memory_bytes=2000)
    for number in range(6):
        rig.write(f"d{number}", f"text {number}")
    rig.documents.own({ZERO: None})
    rig.read()
    assert [rig.text(f"d{number}") for number in range(6)] == [f"text {number}" for number in range(6)]
    assert rig.reader.reread
    before = len(rig.reader.reread)
    assert rig.text("d5") == "text 5"
    assert len(rig.reader.reread) == before


def test_a_text_larger_than_the_memory_is_read_each_time(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(memory_bytes=1000)
    rig.write("a", "x" * 5000)
    rig.documents.own({ZERO: None})
    rig.read()
    assert rig.text("a") == rig.text("a") == "x" * 5000
    assert rig.reader.reread == [0, 0]


def test_old_texts_are_not_decoded_and_not_kept_before_they_are_asked_for(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.documents.own({ZERO: 2})
    rig.read()
    assert rig.text("a") == rig.text("a") == "one"
    assert rig.reader.reread == [0]


def test_an_evicted_document_that_was_compacted_away_is_not_there_until_its_new_version_is_read(
    rig: DocumentsRig,
) -> None:
    rig.documents = rig.follower(memory_bytes=1000)
    rig.write("a", "x" * 5000)
    rig.documents.own({ZERO: None})
    rig.read()
    rig.write("a", "new")
    rig.broker.compact(TOPIC)
    assert rig.text("a") is None
    rig.read()
    assert rig.text("a") == "new"


def test_a_released_partition_that_comes_back_soon_is_not_read_again(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.documents.own({ZERO: None})
    rig.read()
    rig.documents.release([ZERO])
    with pytest.raises(Retryable):
        rig.text("a")
    rig.write("b", "two")
    rig.clock.sleep(30.0)
    rig.documents.poll()
    rig.documents.own({ZERO: None})
    rig.read()
    assert (rig.text("a"), rig.text("b")) == ("one", "two")
    assert [record.offset for record in rig.reader.polled] == [0, 2]


def test_what_the_owner_in_between_dead_lettered_is_not_offered_again(rig: DocumentsRig) -> None:
    rig.put("a", b"bad")
    rig.documents.own({ZERO: None})
    rig.read()
    rig.documents.release([ZERO])
    rig.put("b", b"bad too")
    rig.documents.poll()
    rig.documents.own({ZERO: 2})
    assert [bad.record.key for bad in rig.documents.progress().bad] == [b"b"]
    rig.documents.release([ZERO])
    rig.documents.own({ZERO: 4})
    assert not rig.documents.progress().bad


def test_a_partition_that_stays_away_is_forgotten_and_read_from_its_beginning_when_it_returns(
    rig: DocumentsRig,
) -> None:
    rig.write("a", "one")
    rig.put("b", b"bad")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    rig.documents.release([ZERO])
    rig.clock.sleep(61.0)
    rig.documents.poll()
    assert rig.documents.known == 0
    assert rig.reader.position(ZERO) is None
    rig.documents.own({ZERO: 4})
    rig.read()
    assert rig.text("a") == "one"
    assert [record.offset for record in rig.reader.polled if record.partition == ZERO] == [0, 2, 0, 2]


def test_behind_tells_which_partitions_are_not_read_so_far(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.documents.own({ZERO: None, ONE: None})
    ends = rig.documents.ends()
    assert ends == {ZERO: 2, ONE: 0}
    assert rig.documents.behind(ends) == {ZERO}
    rig.documents.poll()
    assert not rig.documents.behind(ends)


def test_nothing_is_asked_of_the_broker_while_nothing_is_owned(rig: DocumentsRig) -> None:
    rig.broker.fail_next("end_offsets", Retryable("asked"))
    rig.broker.fail_next("poll", Retryable("asked"))
    assert rig.documents.ends() == {}
    assert rig.documents.poll() == 0


def test_a_key_that_can_be_no_document_id_is_told_and_not_kept(rig: DocumentsRig) -> None:
    for key in ("k" * 900_000, "a\nb"):
        rig.write(key, "text")
        rig.put(key, b"{}")
        rig.put(key, None)
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    assert rig.documents.known == 0
    assert [bad.record.offset for bad in rig.documents.progress().bad] == [0, 2, 6, 8]


def recreate(rig: DocumentsRig, **texts: str) -> None:
    """Deletes the topic, creates it anew and fills it in this order."""
    rig.broker.create_topic(TOPIC, 2)
    for document_id, text in texts.items():
        rig.write(document_id, text)


def own_again(rig: DocumentsRig) -> None:
    """Owns the documents as the loop does when it is told that they were replaced."""
    with pytest.raises(DocumentsReplaced):
        rig.documents.ends()
    assert rig.documents.owned == frozenset()
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()


@pytest.mark.parametrize("filled", [1, 3, 9])
def test_a_topic_that_was_deleted_and_filled_anew_is_read_from_its_beginning(rig: DocumentsRig, filled: int) -> None:
    """Whether it is shorter than the old one, as long or longer."""
    for name in ("a", "b", "gone"):
        rig.write(name, f"old {name}")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    recreate(rig, b="new b", a="new a", **{f"filler-{number}": "new" for number in range(filled)})
    own_again(rig)
    assert (rig.text("a"), rig.text("b"), rig.text("gone")) == ("new a", "new b", None)
    assert rig.documents.known == 2 + filled


def test_an_evicted_text_is_never_another_documents(rig: DocumentsRig) -> None:
    """The topic is replaced between the look at its ends and the reading of the text."""
    rig.documents = rig.follower(memory_bytes=600)
    rig.write("a", "old a")
    rig.write("b", "old b")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    recreate(rig, b="new b", a="new a")
    with pytest.raises(Retryable, match="replaced"):
        rig.text("a")


def test_an_evicted_text_is_not_an_older_one_of_its_document_out_of_another_topic(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(memory_bytes=600)
    rig.write("a", "x" * 5000)
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    recreate(rig, a="new but not the latest")
    rig.write("a", "the latest")
    with pytest.raises(Retryable, match="replaced"):
        rig.text("a")


def test_a_topic_that_is_replaced_while_its_partitions_are_away_is_read_anew_when_they_return(
    rig: DocumentsRig,
) -> None:
    rig.write("a", "old a")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    rig.documents.release([ZERO])
    recreate(rig, b="new b")
    with pytest.raises(DocumentsReplaced):
        rig.documents.own({ZERO: None})
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    assert (rig.text("a"), rig.text("b")) == (None, "new b")


def test_a_log_that_ends_before_what_was_read_is_read_anew(rig: DocumentsRig) -> None:
    """The same topic by its id, as after an election that lost records."""
    rig.write("a", "one")
    rig.write("b", "lost")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    topic_id = rig.broker.topics[TOPIC].topic_id
    recreate(rig, a="one")
    rig.broker.topics[TOPIC].topic_id = topic_id
    own_again(rig)
    assert (rig.text("a"), rig.text("b")) == ("one", None)


def test_bad_documents_of_a_topic_that_was_replaced_are_told_anew(rig: DocumentsRig) -> None:
    rig.put("old", b"bad")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    rig.documents.committed(rig.documents.progress())
    recreate(rig)
    rig.put("new", b"bad")
    own_again(rig)
    assert [bad.record.key for bad in rig.documents.progress().bad] == [b"new"]


def test_while_there_is_no_topic_nothing_is_taken_to_be_read(rig: DocumentsRig) -> None:
    rig.write("a", "old a")
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    del rig.broker.topics[TOPIC]
    with pytest.raises(Retryable, match="no topic"):
        rig.documents.ends()


def test_what_was_made_of_a_text_is_forgotten_with_its_tombstone_even_where_the_text_is_no_longer_in_memory(
    rig: DocumentsRig,
) -> None:
    rig.documents = rig.follower(memory_bytes=700)
    rig.write("a", "one")
    rig.write("b", "two")
    rig.documents.own({ZERO: None})
    rig.read()
    assert (rig.text("a"), rig.text("b")) == ("one", "two")
    rig.put("a", None)
    rig.read()
    assert rig.forgotten == [sha256_of("one")]


def test_a_text_that_is_replaced_is_forgotten_and_one_that_comes_again_is_not(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.documents.own({ZERO: None})
    rig.read()
    assert rig.text("a") == "one"
    rig.write("a", "one")
    rig.read()
    assert not rig.forgotten
    rig.write("a", "two")
    rig.read()
    assert rig.forgotten == [sha256_of("one")]


def test_the_texts_of_a_partition_that_is_not_followed_any_more_are_forgotten(rig: DocumentsRig) -> None:
    rig.write("a", "one")
    rig.write("b", "two", number=1)
    rig.documents.own({ZERO: None, ONE: None})
    rig.read()
    assert (rig.text("a"), rig.text("b", 1)) == ("one", "two")
    rig.documents.release([ONE])
    rig.clock.sleep(100)
    rig.documents.poll()
    assert rig.forgotten == [sha256_of("two")]


def test_what_was_polled_behind_a_record_that_cannot_be_read_yet_is_taken_in_later(rig: DocumentsRig) -> None:
    away = Away(names={b"two"})
    rig.documents = rig.follower(formats=EventFormats(Limits(), documents=[away]))
    for document_id, text in (("a", "one"), ("b", "two"), ("c", "three")):
        rig.write(document_id, text)
    rig.documents.own({ZERO: None})
    with pytest.raises(TranslatorUnavailable):
        rig.read()
    ends = rig.documents.ends()
    assert rig.documents.behind(ends) == {ZERO}
    assert rig.documents.progress().offsets == {ZERO: 2}  # what stands before the second document
    assert rig.text("a") == "one"
    away.names.clear()
    rig.read()
    assert not rig.documents.is_stalled
    assert (rig.text("b"), rig.text("c")) == ("two", "three")
    assert [record.offset for record in rig.reader.polled] == [0, 2, 4]  # each once


def test_what_cannot_be_read_yet_of_a_released_partition_is_forgotten(rig: DocumentsRig) -> None:
    rig.documents = rig.follower(formats=EventFormats(Limits(), documents=[Away(names={b"one"})]))
    rig.write("a", "one")
    rig.documents.own({ZERO: None, ONE: None})
    with pytest.raises(TranslatorUnavailable):
        rig.read()
    rig.documents.release([ZERO])
    rig.clock.sleep(3600.0)
    rig.write("b", "other", 1)
    rig.read()
    assert not rig.documents.is_stalled
    assert rig.text("b", 1) == "other"
