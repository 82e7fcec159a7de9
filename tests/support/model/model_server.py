"""A server of files that breaks off in the middle: as a web server, as S3 (path style) and as a Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HUB_NAME = "spanstream/tiny"
REVISION = "v1"
_SMALL = 1000  # bytes; such answers come whole


class ModelServer:
    """Serves the files of a folder below whatever path, and tells a hub's client what there is.

    Attributes:
        folder: has the files.
        breaks_off: how many answers end after half of their bytes.
        knows_ranges: whether Range is honoured.
        token: the value that the Authorization header has to have; None: any.
        asked: path and Range of every request.
        given: bytes sent, by file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.breaks_off = 0
        self.knows_ranges = True
        self.token: str | None = None
        self.asked: list[tuple[str, str | None]] = []
        self.given: dict[str, int] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("FileHandler", (_FileHandler,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer_of_hub(self, path: str) -> object:
        """Returns what a hub says of a repository, or of its files."""
        if "/tree/" not in path:
            return {"id": HUB_NAME, "sha": "0" * 40, "siblings": []}
        files = self.folder.iterdir()
        return [{"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40} for file in files]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _FileHandler(BaseHTTPRequestHandler):
    owner: ModelServer

    def do_GET(self) -> None:
        self.owner.asked.append((self.path, self.headers["Range"]))
        file = self.owner.folder / self.path.rpartition("/")[2]
        if self.owner.token is not None and self.headers["Authorization"] != self.owner.token:
            self._reply(401, b"")
        elif self.path.startswith("/api/models/"):
            self._reply(200, json.dumps(self.owner.answer_of_hub(self.path)).encode())
        elif file.is_file():
            self._give(file, self.headers["Range"] if self.owner.knows_ranges else None)
        else:
            self._reply(404, b"")

    do_HEAD = do_GET  # noqa: N815  the library's name

    def _give(self, file: Path, wanted: str | None) -> None:
        content = file.read_bytes()
        if wanted is None:
            self._reply(200, content, file.name)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(content)) + 1, len(content))
        if begin < len(content):
            self._reply(206, content[begin:end], file.name, f"bytes {begin}-{end - 1}/{len(content)}")
        else:
            self._reply(416, b"")

    def _reply(self, code: int, content: bytes, name: str = "", content_range: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", formatdate(usegmt=True))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command == "HEAD":
            return
        if name and self.owner.breaks_off and len(content) > _SMALL:
            self.owner.breaks_off -= 1
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)
        if name:
            self.owner.given[name] = self.owner.given.get(name, 0) + len(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        pass


@contextmanager
def serving(folder: Path) -> Iterator[ModelServer]:
    """Yields a server of a folder's files."""
    server = ModelServer(folder)
    try:
        yield server
    finally:
        server.close()
