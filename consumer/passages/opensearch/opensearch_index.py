"""One generation on OpenSearch: an index whose changes are searched from the refresh that ends each `apply`.

A document's passages are on one shard and in one bulk request, the new ones before the old ones go, so that a search
sees those of before the refresh or those of after it. The positions are records of the same index, written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import numpy as np

from spanstream.consumer.errors import Stop
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
from spanstream.consumer.passages.opensearch.client import OpenSearchClient, line
from spanstream.consumer.passages.query_words import query_words
from spanstream.models.arrays import Float32Array

# Characters of a bulk request; one of a document that is longer alone is longer. Managed services take 10 MB and more.
_BULK_CHARS: Final = 4_000_000
_PLACE: Final = [field.name for field in fields(PassagePlace)]
_PASSAGES: Final = {"exists": {"field": "document_id"}}
_UNSEARCHED: Final = {"index": False, "doc_values": False}
# Of a partition, beside its position.
_MARK: Final = {field.name: {"type": "long", **_UNSEARCHED} for field in fields(SweepMark)}


def index_body(description: IndexDescription) -> dict[str, Any]:
    """Returns the settings and the mapping of an empty generation."""
    vector = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    properties = {
        "document_id": {"type": "keyword"},
        "number": {"type": "integer", **_UNSEARCHED},
        "char_start": {"type": "integer", **_UNSEARCHED},
        "char_end": {"type": "integer", **_UNSEARCHED},
        "document_sha256": {"type": "keyword", **_UNSEARCHED},
        "partition": {"type": "integer", **_UNSEARCHED},
        "text": {"type": "text", "analyzer": "english"},
        "vector": {"type": "knn_vector", "dimension": description.dimensions, "method": vector},
        "labels": {"type": "keyword"},
        "collections": {"type": "keyword", **_UNSEARCHED},
        "metadata": {"type": "object", "enabled": False},
        "position": {"type": "long", **_UNSEARCHED},
        **_MARK,
    }
    # Nothing is searched before the refresh that ends an `apply`.
    settings = {"knn": True, "refresh_interval": "-1", "auto_expand_replicas": "0-1"}
    return {
        "settings": {"index": settings},
        "mappings": {"dynamic": "strict", "_meta": asdict(description), "properties": properties},
    }


class OpenSearchPassageIndex:
    """One generation.

    Args:
        client: shared by all generations, and not closed here.
        name: of the index on the server.

    Raises:
        Stop: there is none of this name, or it is no passage index.
        Retryable: the server does not answer.
    """

    def __init__(self, client: OpenSearchClient, name: str) -> None:
        self._client = client
        self._name = name
        mapping = client.get(f"/{name}/_mapping")
        if mapping is None:
            raise Stop(f"there is no passage index {name}")
        try:
            self._description = IndexDescription(**mapping[name]["mappings"]["_meta"])
            self._has_marks = _MARK.keys() <= mapping[name]["mappings"]["properties"].keys()
        except (KeyError, TypeError):
            raise Stop(f"{name} on OpenSearch is no passage index") from None

    @property
    def description(self) -> IndexDescription:
        """What the generation was built of."""
        return self._description

    @property
    def is_exact(self) -> bool:
        """Never: a graph is searched."""
        return False

    def positions(self) -> dict[int, int]:
        """Returns the next offset to be read of each partition."""
        return {number: source["position"] for number, source in self._of_partitions().items()}

    def vectors_of(self, document_ids: Collection[str]) -> dict[str, dict[str, Float32Array]]:
        """Returns the vectors of these documents' passages, by document and text."""
        found: dict[str, dict[str, Float32Array]] = {}
        for hit in self._of_documents(document_ids, ["document_id", "text", "vector"]):
            source = hit["_source"]
            found.setdefault(source["document_id"], {})[source["text"]] = _vector(source["vector"])
        return found

    def marks(self) -> dict[int, SweepMark]:
        """Returns what is known of each partition."""
        return {
            number: SweepMark(**{name: source[name] for name in _MARK})
            for number, source in self._of_partitions().items()
            if _MARK.keys() <= source.keys()
        }

    def documents_of(self, partition: int) -> Iterator[str]:
        """Returns the documents that have passages from this partition, as they were when the first was asked for."""
        self._refresh()
        for hit in self._client.scan(self._name, {"query": _PASSAGES, "_source": ["document_id", "partition"]}):
            if hit["_source"]["partition"] == partition:  # which is not searched by
                yield hit["_source"]["document_id"]

    def apply(
        self,
        changes: Sequence[DocumentPassages],
        positions: Mapping[int, int],
        marks: Mapping[int, SweepMark] | None = None,
    ) -> None:
        """Replaces all passages of these documents, makes that searched, then advances positions and marks."""
        latest = {change.document_id: change for change in changes}
        if latest:
            # What a killed writer left is found, too, and goes with the old passages.
            self._refresh()
            old: dict[str, set[str]] = {}
            for hit in self._of_documents(latest, ["document_id", "partition"]):
                source = hit["_source"]
                if latest[source["document_id"]].only_of in (None, source["partition"]):
                    old.setdefault(source["document_id"], set()).add(hit["_id"])
            for lines in _bulks(_actions(change, old.get(name, set())) for name, change in latest.items()):
                self._client.bulk(self._name, lines)
            self._refresh()
        if marks and not self._has_marks:  # an earlier version made it
            self._client.put(f"/{self._name}/_mapping", {"properties": _MARK})
            self._has_marks = True
        rows = [row for item in positions.items() for row in _position_action(*item, (marks or {}).get(item[0]))]
        if rows:
            self._client.bulk(self._name, rows)

    def nearest(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages whose vectors are nearest, as far as the graph of the k-NN index finds them."""
        near = {"vector": vector.tolist(), "k": limit, "filter": {"bool": {"filter": _in_scope(scope)}}}
        hits = self._search({"knn": {"vector": near}}, limit)
        return [PassageHit(hit.place, 2 * hit.score - 1) for hit in hits]  # of a cosine c it makes (1 + c) / 2

    def nearest_exactly(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages whose vectors are nearest, by the k-NN plugin's script, which compares each in scope."""
        # Vectors have length 1, so l2 orders as the cosine does, whose scores are not the same in all of its versions.
        parameters = {"field": "vector", "query_value": vector.tolist(), "space_type": "l2"}
        script = {"lang": "knn", "source": "knn_score", "params": parameters}
        query = {"bool": {"filter": _in_scope(scope)}}
        hits = self._search({"script_score": {"query": query, "script": script}}, limit)
        return [PassageHit(hit.place, (3 - 1 / hit.score) / 2) for hit in hits]  # it makes 1 / (1 + (2 - 2c))

    def matching(self, text: str, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages that match words of the text best."""
        words = query_words(text)
        if not words:
            return []
        match = {"match": {"text": " ".join(words)}}
        return self._search({"bool": {"must": match, "filter": _in_scope(scope)}}, limit)

    def count(self) -> int:
        """Returns how many passages there are."""
        return int(self._client.post(f"/{self._name}/_count", {"query": _PASSAGES})["count"])

    def contents(self) -> Iterator[Passage]:
        """Returns all passages as they were when the first one was asked for."""
        for hit in self._client.scan(self._name, {"query": _PASSAGES}):
            source = hit["_source"]
            yield Passage(
                _place(source),
                source["text"],
                _vector(source["vector"]),
                tuple(source["collections"]),
                source["metadata"],
            )

    def optimize(self) -> None:
        """Lets the server drop what was deleted, where that is much."""
        self._client.post(f"/{self._name}/_forcemerge?only_expunge_deletes=true&wait_for_completion=false")

    def close(self) -> None:
        """Has nothing to let go of: the client is shared."""

    def _refresh(self) -> None:
        self._client.post(f"/{self._name}/_refresh")

    def _of_partitions(self) -> dict[int, Any]:
        ids = [_position_id(partition) for partition in range(self._description.partitions)]
        found = self._client.post(f"/{self._name}/_mget", {"ids": ids})["docs"]
        return {number: one["_source"] for number, one in enumerate(found) if one.get("found")}

    def _of_documents(self, document_ids: Collection[str], source: list[str]) -> Iterator[Any]:
        if not document_ids:
            return iter(())
        query = {"terms": {"document_id": list(document_ids)}}
        return self._client.scan(self._name, {"query": query, "_source": source})

    def _search(self, query: Mapping[str, Any], limit: int) -> list[PassageHit]:
        found = self._client.search(self._name, {"size": limit, "_source": _PLACE, "query": query})
        hits = [PassageHit(_place(hit["_source"]), hit["_score"]) for hit in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.place.document_id, hit.place.number))


def _actions(change: DocumentPassages, old_ids: set[str]) -> list[str]:
    lines, document_id = [], change.document_id
    for passage in change.passages:
        source = asdict(passage.place) | {
            "text": passage.text,
            "vector": passage.vector.tolist(),
            "labels": labels_of(passage),
            "collections": passage.collections,
            "metadata": dict(passage.metadata),
        }
        lines += [line({"index": {"_id": _passage_id(passage.place), "routing": document_id}}), line(source)]
    gone = sorted(old_ids - {_passage_id(passage.place) for passage in change.passages})
    return lines + [line({"delete": {"_id": one, "routing": document_id}}) for one in gone]


def _bulks(documents: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yields the documents' actions as requests of some size; those of one document stay together."""
    gathered: list[str] = []
    size = 0
    for lines in documents:
        length = sum(len(one) for one in lines)
        if gathered and size + length > _BULK_CHARS:
            yield gathered
            gathered, size = [], 0
        gathered += lines
        size += length
    if gathered:
        yield gathered


def _position_action(partition: int, position: int, mark: SweepMark | None) -> list[str]:
    source = {"position": position} | (asdict(mark) if mark is not None else {})
    return [line({"update": {"_id": _position_id(partition)}}), line({"doc": source, "doc_as_upsert": True})]


def _position_id(partition: int) -> str:
    return f"position-{partition}"


def _passage_id(place: PassagePlace) -> str:
    return hashlib.blake2b(json.dumps([place.document_id, place.number]).encode(), digest_size=16).hexdigest()


def _in_scope(scope: SearchScope) -> list[dict[str, Any]]:
    return [{"term": {"labels": label}} for label in labels_in(scope)]


def _place(source: Mapping[str, Any]) -> PassagePlace:
    return PassagePlace(**{name: source[name] for name in _PLACE})


def _vector(numbers: list[float]) -> Float32Array:
    return np.asarray(numbers, dtype=np.float32)
