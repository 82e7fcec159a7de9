"""An index that an earlier version made, without marks, is opened and searched, and gets marks when it is written."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from spanstream.consumer.passages.index import PassageIndex, SearchScope, SweepMark
from spanstream.consumer.passages.opensearch.client import OpenSearchClient
from spanstream.consumer.passages.opensearch.opensearch_index import OpenSearchPassageIndex, index_body
from spanstream.consumer.passages.sqlite.sqlite_indexes import SqlitePassageIndexes
from tests.support.opensearch.opensearch_server import OpenSearchServer
from tests.support.passages.passages_of_tests import DESCRIPTION, comparable, contents_of, document_of


def open_old(folder: Path) -> tuple[SqlitePassageIndexes, PassageIndex]:
    """Makes an index as it was before there were marks; opens it."""
    indexes = SqlitePassageIndexes(folder, 10.0)
    with closing(indexes.create("g00001", DESCRIPTION)) as index:
        index.apply([document_of("d1", ["alpha"])], {0: 5})
    indexes.switch("g00001")
    connection = apsw.Connection(str(folder / "g00001.sqlite"))
    connection.execute("DROP TABLE IF EXISTS marks")
    connection.close()
    return indexes, indexes.open("g00001")


def test_a_folder_of_an_earlier_version_is_read_as_it_is_and_gets_marks_with_the_first_that_are_written(
    tmp_path: Path,
) -> None:
    indexes, old = open_old(tmp_path)
    assert (old.positions(), old.marks(), set(old.documents_of(0))) == ({0: 5}, {}, {"d1"})
    assert len(old.matching("alpha", SearchScope("kb"), 5)) == 1
    searcher = indexes.open("g00001")
    old.apply([document_of("d2", ["beta"])], {0: 6}, {0: SweepMark(7, 1)})
    for index in (old, searcher):
        assert (index.positions(), index.marks()) == ({0: 6}, {0: SweepMark(7, 1)})
        expected = [*document_of("d1", ["alpha"]).passages, *document_of("d2", ["beta"]).passages]
        assert contents_of(index) == comparable(expected)
        index.close()


@pytest.mark.parametrize("marked", [True, False])
def test_an_earlier_version_that_writes_on_after_a_newer_one_leaves_what_holds(tmp_path: Path, marked: bool) -> None:
    indexes, index = open_old(tmp_path)
    if marked:
        index.apply([], {0: 6}, {0: SweepMark(7, 1)})
    connection = apsw.Connection(str(tmp_path / "g00001.sqlite"))
    connection.execute("INSERT OR REPLACE INTO positions VALUES (0, 9)")  # as it does
    connection.close()
    assert (index.positions(), index.marks()) == ({0: 9}, {0: SweepMark(7, 1)} if marked else {})
    index.close()
    indexes.close()


def test_an_index_on_a_server_gets_the_fields_of_marks_with_the_first_that_are_written(
    opensearch: OpenSearchServer,
) -> None:
    client, name = OpenSearchClient(opensearch.url, None, 60.0), f"old-{uuid.uuid4().hex[:12]}"
    body = index_body(DESCRIPTION)
    for field in ("as_of_ms", "begin"):
        del body["mappings"]["properties"][field]
    client.put(f"/{name}", body)
    index, other = OpenSearchPassageIndex(client, name), OpenSearchPassageIndex(client, name)
    index.apply([document_of("d1", ["alpha"])], {0: 5})
    assert (index.positions(), index.marks(), set(index.documents_of(0))) == ({0: 5}, {}, {"d1"})
    index.apply([], {0: 6}, {0: SweepMark(2**41, 1)})
    other.apply([], {1: 3}, {1: SweepMark(2**41, 2)})
    for one in (index, other):
        assert one.positions() == {0: 6, 1: 3}
        assert one.marks() == {0: SweepMark(2**41, 1), 1: SweepMark(2**41, 2)}
    client.delete(f"/{name}")
    client.close()
