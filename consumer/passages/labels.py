"""Labels: collections and metadata of a passage as exact terms, so that any name and value can be filtered by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from spanstream.consumer.passages.index import Passage, SearchScope


def labels_of(passage: Passage) -> list[str]:
    """Returns the labels that a passage is found by."""
    return _labels(passage.collections, passage.metadata)


def labels_in(scope: SearchScope) -> list[str]:
    """Returns the labels that a passage must have, all of them; the collection's is the first."""
    return _labels([scope.collection], scope.filter)


def _labels(collections: Iterable[str], metadata: Mapping[str, str]) -> list[str]:
    named = [("collection", name) for name in collections]
    return [_label(*parts) for parts in [*named, *(("metadata", *item) for item in metadata.items())]]


def _label(*parts: str) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()
