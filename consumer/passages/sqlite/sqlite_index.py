"""One generation in SQLite: one transaction replaces documents and advances the positions.

passages ──> vectors    what a search by meaning reads, one after the other: exact, and in time that grows with them
    │
    ├──> labels         which collections and metadata a passage has
    └──> words          the full-text index
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

import numpy as np

from spanstream.consumer.passages.index import (
    DocumentPassages,
    IndexDescription,
    Passage,
    PassageHit,
    PassagePlace,
    SearchScope,
    SweepMark,
)
from spanstream.consumer.passages.labels import labels_in, labels_of
from spanstream.consumer.passages.query_words import query_words
from spanstream.consumer.passages.sqlite.database import Connection, SqliteDatabase
from spanstream.models.arrays import Float32Array

# Beside the positions, because files that an earlier version made have none.
_MARKS: Final = """
CREATE TABLE IF NOT EXISTS marks (partition INTEGER PRIMARY KEY, as_of_ms INTEGER NOT NULL, begin INTEGER NOT NULL)
"""
# A page holds ten vectors of 384 numbers.
_TABLES: Final = """
PRAGMA page_size = 16384;
PRAGMA journal_mode = WAL;
CREATE TABLE description (encoder TEXT, dimensions INTEGER, topic_id TEXT, partitions INTEGER);
CREATE TABLE positions (partition INTEGER PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, document_id TEXT NOT NULL, number INTEGER NOT NULL, char_start INTEGER NOT NULL,
    char_end INTEGER NOT NULL, document_sha256 TEXT NOT NULL, partition INTEGER NOT NULL,
    text TEXT NOT NULL, collections TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE UNIQUE INDEX passages_of_document ON passages (document_id, number);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE labels (label TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (label, id)) WITHOUT ROWID;
CREATE INDEX labels_of_passage ON labels (id);
CREATE VIRTUAL TABLE words USING fts5(
    text, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);
"""
_PLACE: Final = "document_id, number, char_start, char_end, document_sha256, partition"
_HAS_LABEL: Final = " AND EXISTS (SELECT 1 FROM labels AS other WHERE other.label = ? AND other.id = {id})"
# Pages of the full-text index that are merged in one upkeep.
_MERGED_PAGES: Final = 2000


def create_sqlite_index(path: Path, description: IndexDescription) -> None:
    """Makes the file of an empty generation."""

    def fill(connection: Connection) -> None:
        connection.execute(_TABLES).fetchall()
        connection.execute("INSERT INTO description VALUES (?, ?, ?, ?)", astuple(description))

    SqliteDatabase.create(path, fill)


class SqlitePassageIndex:
    """One generation.

    Args:
        path: its file.
        timeout_seconds: the longest wait for another process that writes, and for one search.

    Raises:
        Stop: the file is damaged.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._database = SqliteDatabase(path, timeout_seconds)
        with self._database.reading() as connection:
            row: Any = connection.execute("SELECT encoder, dimensions, topic_id, partitions FROM description").get
        self._description = IndexDescription(*row)

    @property
    def description(self) -> IndexDescription:
        """What the generation was built of."""
        return self._description

    @property
    def is_exact(self) -> bool:
        """Always."""
        return True

    def positions(self) -> dict[int, int]:
        """Returns the next offset to be read of each partition."""
        with self._database.reading() as connection:
            return dict(_rows(connection, "SELECT partition, position FROM positions"))

    def vectors_of(self, document_ids: Collection[str]) -> dict[str, dict[str, Float32Array]]:
        """Returns the vectors of these documents' passages, by document and text."""
        query = "SELECT text, vector FROM passages JOIN vectors USING (id) WHERE document_id = ?"
        with self._database.reading() as connection:
            found = {name: _rows(connection, query, name) for name in document_ids}
        return {name: {text: _vector(stored) for text, stored in rows} for name, rows in found.items() if rows}

    def marks(self) -> dict[int, SweepMark]:
        """Returns what is known of each partition."""
        with self._database.reading() as connection:
            if not _rows(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'marks'"):
                return {}
            rows = _rows(connection, "SELECT partition, as_of_ms, begin FROM marks")
        return {partition: SweepMark(as_of_ms, begin) for partition, as_of_ms, begin in rows}

    def documents_of(self, partition: int) -> Iterator[str]:
        """Returns the documents that have passages from this partition, as they were when the first was asked for."""
        with self._database.reading() as connection:
            query = "SELECT document_id FROM passages WHERE partition = ? AND number = 0"
            for (document_id,) in connection.execute(query, (partition,)):
                yield document_id

    def apply(
        self,
        changes: Sequence[DocumentPassages],
        positions: Mapping[int, int],
        marks: Mapping[int, SweepMark] | None = None,
    ) -> None:
        """Replaces all passages of these documents and advances positions and marks, in one transaction."""
        with self._database.writing() as connection:
            for change in changes:
                _delete(connection, change)
                for passage in change.passages:
                    _insert(connection, passage)
            connection.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?)", positions.items())
            if marks:
                connection.execute(_MARKS)
                rows = ((number, *astuple(mark)) for number, mark in marks.items())
                connection.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", rows)

    def nearest(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages whose vectors are nearest; each one in scope is compared."""
        collection, *filters = labels_in(scope)
        query = (
            "SELECT labels.id AS id, 1 - vec_distance_cosine(vector, ?) AS score"
            " FROM labels CROSS JOIN vectors USING (id) WHERE label = ?"
            + _HAS_LABEL.format(id="labels.id") * len(filters)
            + " ORDER BY score DESC LIMIT ?"
        )
        return self._hits(query, vector.astype("<f4").tobytes(), collection, *filters, limit)

    def nearest_exactly(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the same as `nearest`."""
        return self.nearest(vector, scope, limit)

    def matching(self, text: str, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages that match words of the text best; the words' weights are those of the whole index."""
        words = query_words(text)
        if not words:
            return []
        labels = labels_in(scope)
        query = (
            "SELECT words.rowid AS id, -rank AS score FROM words WHERE words MATCH ?"
            + _HAS_LABEL.format(id="words.rowid") * len(labels)
            + " ORDER BY rank LIMIT ?"
        )
        return self._hits(query, " OR ".join(f'"{word}"' for word in words), *labels, limit)

    def count(self) -> int:
        """Returns how many passages there are."""
        with self._database.reading() as connection:
            return int(_rows(connection, "SELECT count(*) FROM vectors")[0][0])

    def contents(self) -> Iterator[Passage]:
        """Returns all passages as they were when the first one was asked for."""
        query = f"SELECT {_PLACE}, text, vector, collections, metadata FROM passages JOIN vectors USING (id)"
        with self._database.reading() as connection:
            for row in connection.execute(query):
                *place, text, vector, collections, metadata = row
                yield Passage(
                    PassagePlace(*place), text, _vector(vector), tuple(json.loads(collections)), json.loads(metadata)
                )

    def optimize(self) -> None:
        """Merges the full-text index's parts, and writes the log into the file."""
        with self._database.writing() as connection:
            connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (_MERGED_PAGES,))
        with self._database.reading() as connection:
            connection.execute("PRAGMA optimize; PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def _hits(self, best: str, *bindings: str | int | bytes) -> list[PassageHit]:
        query = (
            f"SELECT {_PLACE}, score FROM ({best}) JOIN passages USING (id) ORDER BY score DESC, document_id, number"
        )
        with self._database.reading(limited=True) as connection:
            return [PassageHit(PassagePlace(*place), score) for *place, score in _rows(connection, query, *bindings)]


def _rows(connection: Connection, query: str, *bindings: str | int | bytes) -> list[Any]:
    return connection.execute(query, bindings).fetchall()


def _delete(connection: Connection, change: DocumentPassages) -> None:
    for passage, partition in _rows(
        connection, "SELECT id, partition FROM passages WHERE document_id = ?", change.document_id
    ):
        if change.only_of not in (None, partition):
            continue
        connection.execute("DELETE FROM words WHERE rowid = ?", (passage,))
        connection.execute("DELETE FROM labels WHERE id = ?", (passage,))
        connection.execute("DELETE FROM vectors WHERE id = ?", (passage,))
        connection.execute("DELETE FROM passages WHERE id = ?", (passage,))


def _insert(connection: Connection, passage: Passage) -> None:
    place = passage.place
    collections, metadata = json.dumps(passage.collections), json.dumps(dict(passage.metadata))
    connection.execute(
        f"INSERT INTO passages ({_PLACE}, text, collections, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(place.document_id, place.number, place.char_start, place.char_end),
            *(place.document_sha256, place.partition),
            *(passage.text, collections, metadata),
        ),
    )
    number = connection.last_insert_rowid()
    connection.execute("INSERT INTO vectors VALUES (?, ?)", (number, passage.vector.astype("<f4").tobytes()))
    connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, passage.text))
    connection.executemany(
        "INSERT OR IGNORE INTO labels VALUES (?, ?)", ((name, number) for name in labels_of(passage))
    )


def _vector(stored: bytes) -> Float32Array:
    return np.frombuffer(stored, dtype="<f4")
