"""A desk that listens on a port of this machine, on a thread of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from spanstream.consumer.desk.opening import open_desk
from spanstream.consumer.desk.parts import DeskParts
from tests.support.desk.desk_scene import DeskScene


@dataclass(frozen=True)
class ServedDesk:
    """What is in the topics, the desk's parts, and the address of its pages."""

    scene: DeskScene
    parts: DeskParts
    address: str


@contextmanager
def serve_desk(scene: DeskScene, *, is_writing: bool = False) -> Iterator[ServedDesk]:
    """Serves the pages on a free port."""
    with scene.open(is_writing=is_writing, port=0) as parts:
        server = open_desk(parts.settings.desk, parts)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield ServedDesk(scene, parts, server.address)
        finally:
            server.stop()
            thread.join()
