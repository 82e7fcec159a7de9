"""Files of a web server."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.model_source.download import Remainder

# The longest wait for the next bytes.
_TIMEOUT_SECONDS: Final = 30.0
_NOT_NOW: Final = frozenset({408, 429, 500, 502, 503, 504})
_BEHIND_THE_END: Final = 416


class WebFiles:
    """Implements `RemoteFiles`.

    Args:
        base: the URL that a name is put behind; never repeated in a message, as it may be a secret.
        headers: sent with each request, but not to where the server sends us on to.

    Raises:
        Stop: it is no URL of a web server.
    """

    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        if not _is_web(base):
            raise Stop("the model's URL has to begin with https:// or http:// and a host")
        self._base = base
        self._headers = headers

    @contextmanager
    def open_at(self, name: str, offset: int) -> Iterator[Remainder]:
        """Opens a file; a server that knows no ranges begins anew."""
        request = urllib.request.Request(self._base + name)  # noqa: S310  `_is_web` has checked it
        for header, value in self._headers.items():
            request.add_unredirected_header(header, value)
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            reply = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310  `_is_web` has checked it
        except urllib.error.HTTPError as error:
            if error.code == _BEHIND_THE_END and offset:
                with self.open_at(name, 0) as remainder:
                    yield remainder
                return
            said = f"the model's server answered {error.code} {error.reason}"
            raise (Retryable if error.code in _NOT_NOW else Stop)(said) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Retryable(_reason(error)) from error
        with reply:
            begin = _begin(reply.headers.get("Content-Range", ""))
            length = reply.headers.get("Content-Length")
            total = begin + int(length) if length else None

            def read(size: int) -> bytes:
                try:
                    return bytes(reply.read(size))
                except (OSError, http.client.HTTPException) as error:
                    raise Retryable(_reason(error)) from error

            yield Remainder(begin, total, read)


def _begin(content_range: str) -> int:
    told = re.match(r"bytes (\d+)-", content_range)
    return int(told[1]) if told else 0


def _is_web(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _reason(error: Exception) -> str:
    return str(error.reason if isinstance(error, urllib.error.URLError) else error) or type(error).__name__
