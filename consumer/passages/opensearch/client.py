"""OpenSearch's client, as far as it is used; its errors become ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from spanstream.consumer.errors import Retryable, Stop

try:
    from opensearchpy import ConnectionError as NotConnected
    from opensearchpy import OpenSearch, SSLError, TransportError, helpers
except ImportError as missing:
    raise Stop("a passage index on OpenSearch needs an extra: pip install 'spanstream[opensearch]'") from missing

# What the server is told and answers; its documentation says how it looks.
Json: TypeAlias = Any
# A write may take longer than a search: it waits for the server's disk.
_WRITE_SECONDS: Final = 60.0
# Passages, each with its vector, that are read at a time.
_PAGE: Final = 200
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500
_NOT_FOUND: Final = 404


class OpenSearchClient:
    """A server or a cluster; safe from any thread.

    Args:
        uri: its http:// or https:// address; certificates are checked against certifi's, or `SSL_CERT_FILE`.
        token: user:password, or a bearer token; None: it asks for none.
        timeout_seconds: the longest wait for one search.

    Each method raises `Retryable` where the server does not answer, or has too much to do, and `Stop` where it refuses.

    Raises:
        Stop: the address cannot be read.
    """

    def __init__(self, uri: str, token: str | None, timeout_seconds: float) -> None:
        if urlsplit(uri).username is not None:
            raise Stop("the passage index's address holds a user", hint="set SPANSTREAM_INDEX__TOKEN=user:password")
        user, colon, password = (token or "").partition(":")
        headers = {"authorization": f"Bearer {token}"} if token and not colon else None
        # What it reports is raised, too.
        logging.getLogger("opensearch").setLevel(logging.CRITICAL)
        self._name = f"OpenSearch at {uri}"
        self._timeout = timeout_seconds
        self._client = OpenSearch(
            [uri],
            http_auth=(user, password) if colon else None,
            headers=headers,
            timeout=timeout_seconds,
            max_retries=0,
        )

    def get(self, path: str) -> Json:
        """Returns what is there; None where nothing is."""
        try:
            return self._call("GET", path)
        except _Missing:
            return None

    def delete(self, path: str) -> None:
        """Deletes what is there, if anything is."""
        with suppress(_Missing):
            self._call("DELETE", path, seconds=_WRITE_SECONDS)

    def put(self, path: str, body: Mapping[str, Json]) -> None:
        """Makes something."""
        self._call("PUT", path, body, _WRITE_SECONDS)

    def post(self, path: str, body: Mapping[str, Json] | None = None) -> Json:
        """Returns what is answered, by all shards, to a request that takes as long as a write."""
        return self._whole(self._call("POST", path, body, _WRITE_SECONDS))

    def search(self, index: str, body: Mapping[str, Json]) -> list[Json]:
        """Returns the hits."""
        return list(self._whole(self._call("POST", f"/{index}/_search", body))["hits"]["hits"])

    def scan(self, index: str, body: Mapping[str, Json]) -> Iterator[Json]:
        """Returns all hits, in any order, as they were when the first one was asked for."""
        with self._errors():
            yield from helpers.scan(self._client, query=body, index=index, size=_PAGE, request_timeout=_WRITE_SECONDS)

    def bulk(self, index: str, lines: Sequence[str]) -> None:
        """Sends actions, which are done one after the other; a failed one fails all, though others are done."""
        answer = self._call("POST", f"/{index}/_bulk", "\n".join([*lines, ""]), _WRITE_SECONDS)
        for item in answer["items"] if answer["errors"] else ():
            [(action, result)] = item.items()
            status = result["status"]
            if "error" in result and (action, status) != ("delete", _NOT_FOUND):
                raise self._error(status, str(result["error"].get("reason")))

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _call(self, method: str, path: str, body: Json = None, seconds: float | None = None) -> Json:
        with self._errors():
            params = {"request_timeout": seconds or self._timeout}
            return self._client.transport.perform_request(method, path, params=params, body=body)

    def _whole(self, answer: Json) -> Json:
        """Returns an answer that no shard and no record is missing in: right after a start some are not there yet."""
        is_late = answer.get("timed_out", False) or answer.get("_shards", {}).get("failed", 0)
        if is_late or any("error" in record for record in answer.get("docs", ())):
            raise Retryable(f"{self._name} answers in part: not all of its shards are there")
        return answer

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SSLError as error:
            raise Stop(f"{self._name}: no trusted TLS: {_first_line(error.error)}") from error
        except NotConnected as error:
            raise Retryable(f"{self._name} does not answer: {_first_line(error.error)}") from error
        except TransportError as error:
            raise self._error(int(error.status_code), _reason(error)) from error
        except helpers.errors.ScanError as error:
            raise Retryable(f"{self._name}: {_first_line(error)}") from error

    def _error(self, status: int, reason: str) -> Retryable | Stop:
        text = f"{self._name} says: {reason} ({status})"
        if status == _NOT_FOUND:
            return _Missing(text)
        return Retryable(text) if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR else Stop(text)


class _Missing(Retryable):
    """It is not there (any more): a generation that was searched may have been dropped."""


def line(content: Mapping[str, Json]) -> str:
    """Returns a line of a bulk request."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _reason(error: TransportError) -> str:
    info = error.info
    cause = info.get("error") if isinstance(info, dict) else info
    return _first_line(cause.get("reason") if isinstance(cause, dict) else cause or error.error)


def _first_line(text: object) -> str:
    return str(text).partition("\n")[0]
