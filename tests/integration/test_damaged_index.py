"""A file of the passage index is damaged while consumers search it: only collections wait, and a rebuild is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.doctor.passages import check_search
from spanstream.consumer.passages.sqlite.sqlite_indexes import SqlitePassageIndexes
from tests.support.memory.memory_stream import quick_retries
from tests.support.memory.turns import ZERO
from tests.support.passages.collection_stream import CollectionStream
from tests.support.passages.indexing import description_of

TRAIN = "The train leaves at 07:05 from platform 3."


@pytest.mark.parametrize("is_removed_first", [False, True])
def test_a_damaged_folder_lets_other_questions_go_on_and_is_mended_by_a_rebuild(
    tmp_path: Path, is_removed_first: bool
) -> None:
    folder = tmp_path / "passages"
    stream = CollectionStream(indexes=SqlitePassageIndexes(folder, 5.0))  # type: ignore[arg-type]
    stream.put(ZERO, TRAIN)
    stream.index_now()
    member = stream.start(retries=quick_retries(max_attempts=500))
    stream.ask("before")
    stream.settle(["before"])
    stream.index.optimize()
    for file in folder.glob("g1*[!m]"):  # all but the memory that processes share
        file.write_bytes(b"x" * max(4096, file.stat().st_size))
    with pytest.raises(Stop):
        check_search(stream.indexes.open("g1"))
    stream.ask("during")
    stream.question("other", ZERO)
    stream.settle(["other"])
    stream.until(lambda: member.metric("retrievals_total", outcome="unavailable") >= 3)
    assert stream.dead_letters() == {}
    if is_removed_first:
        for file in folder.glob("*"):
            file.unlink()
    name = "g1" if is_removed_first else "g2"
    stream.index = stream.indexes.create(name, description_of(stream.encoder, stream.partitions))
    stream.index_now()
    stream.indexes.switch(name)
    stream.settle(["during"])
    assert stream.outcomes() == dict.fromkeys(["before", "during", "other"], 1)
