"""A signal ends a loop after its turn; the exit code says which one it was."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from spanstream.consumer import cli
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
