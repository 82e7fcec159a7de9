"""The passage index against a real broker and a real engine: a test's own documents topic, group and index folder."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.errors import Retryable
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.settings import IndexSettings
from tests.support.kafka.program import PATIENCE, Program, until
from tests.support.kafka.stream import Stream
from tests.support.passages.collected import collected

Versions = dict[str, str | None]


@dataclass
class IndexStream(Stream):
    """The consumers' topics, and the index's group."""

    def __post_init__(self) -> None:
        super().__post_init__()
        place = {"INDEX__URI": str(self.folder / "index"), "INDEX__NAME": self.name}
        ours = {**place, "INDEX__GROUP_ID": self.group, "INDEX__BATCH_DOCUMENTS": "8"}
        self.settings = ours | self.settings

    @property
    def group(self) -> str:
        return f"{self.name}.index"

    @property
    def index(self) -> IndexSettings:
        return IndexSettings(uri=self.settings["INDEX__URI"], name=self.name)

    def start_index(self, **settings: str) -> Program:
        return self.start("index", "run", **settings)

    def write(self, versions: Versions) -> None:
        """Writes documents of a collection; without a text, deletes them."""
        self.publish([collected(self.topics.documents, name, text) for name, text in versions.items()])

    def status(self, *, check: bool = False) -> dict[str, Any]:
        done = self.command("index", "status", "--json", *(["--check"] if check else []))
        assert done.stdout, done.stderr.decode()
        return dict(json.loads(done.stdout))

    def contents(self) -> list[tuple[object, ...]]:
        """Returns all that is searched now, in order."""
        with (
            closing(open_passage_indexes(self.index)) as indexes,
            closing(indexes.open(indexes.current() or "")) as index,
        ):
            passages = sorted(index.contents(), key=lambda one: (one.place.document_id, one.place.number))
            return [
                (one.place, one.text, sorted(one.collections), dict(one.metadata), one.vector.tobytes())
                for one in passages
            ]

    def await_indexed(self, seconds: float = PATIENCE) -> None:
        """Waits until the group says that nothing is left; its offsets follow the index's positions."""
        until(lambda: self.index_lag() == 0, "no lag of the index's group", seconds, every=0.2)

    def index_lag(self) -> int:
        try:
            lag = TopicAdmin(self.config).lag(self.group, [self.topics.documents])
        except Retryable:  # a broker that has just started
            return -1
        return sum(lag.values()) if lag else -1
