"""A signal ends a loop after its turn; the exit code says which one it was."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from spanstream.consumer import cli
from spanstream.consumer.__main__ import start
from spanstream.consumer.cli.exit_codes import INTERRUPTED, TERMINATED
from spanstream.consumer.cli.signals import set_on_signals


@pytest.fixture(autouse=True)
def handlers_are_restored() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)])
def test_the_exit_code_is_128_and_the_signals_number(number: signal.Signals, exit_code: int) -> None:
    stop, names = threading.Event(), list[str]()
    received = set_on_signals(stop, names.append)
    assert received.exit_code == 0
    signal.raise_signal(number)
    assert stop.is_set()
    assert (received.exit_code, names) == (exit_code, [number.name])


def test_sigterm_ends_a_command_that_does_not_listen_with_the_same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "app", lambda **_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == TERMINATED


def test_the_first_signal_counts_and_a_second_ctrl_c_ends_at_once() -> None:
    received = set_on_signals(threading.Event())
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert received.exit_code == TERMINATED


@pytest.mark.parametrize(
    ("before", "meanwhile"), [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)]
)
def test_ctrl_c_ends_the_program_at_once_while_it_is_imported(
    monkeypatch: pytest.MonkeyPatch, before: Any, meanwhile: Any
) -> None:
    heard = list[Any]()

    class Imported(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name != "main":
                raise AttributeError(name)
            heard.append(signal.getsignal(signal.SIGINT))
            return lambda: heard.append(signal.getsignal(signal.SIGINT))

    signal.signal(signal.SIGINT, before)
    monkeypatch.setitem(sys.modules, "spanstream.consumer.cli", Imported("cli"))
    start()
    assert heard == [meanwhile, before]
