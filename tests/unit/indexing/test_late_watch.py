"""What asks open questions again runs in the member that leads, and begins anew after whatever goes wrong."""

from __future__ import annotations

import threading
from typing import Any

from spanstream.consumer.errors import Retryable
from spanstream.consumer.indexing.late import watch
from spanstream.consumer.indexing.late.watch import LateWatch


class Late:
    """Raises what it is told to, and then goes on until it is closed."""

    def __init__(self, errors: list[Exception], turned: threading.Event) -> None:
        self.errors, self.turned = errors, turned
        self.closed = False

    def start(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def turn(self) -> None:
        self.turned.set()
        threading.Event().wait(0.01)

    def close(self) -> None:
        self.closed = True


def test_it_begins_anew_after_an_error_and_ends_with_the_lead(monkeypatch: Any) -> None:
    monkeypatch.setattr(watch, "_FIRST_PAUSE", 0.01)
    errors, turned, opened = [Retryable("away"), ValueError("a fault")], threading.Event(), list[Late]()

    def open_late() -> Any:
        opened.append(Late(errors, turned))
        return opened[-1]

    late = LateWatch(open_late)
    late.lead(leads=False)
    assert opened == []
    late.lead(leads=True)
    late.lead(leads=True)
    assert turned.wait(30)
    assert len(opened) == 3
    late.close()
    assert all(one.closed for one in opened)
    assert not any(thread.name == "late" for thread in threading.enumerate())
