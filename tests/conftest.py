"""Fixtures that several kinds of tests share, and the line that says what could not be run."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.support.kafka_fixtures", "tests.support.redis_server"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests wanted a broker or a Redis that is not here, and why."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"{number} tests were skipped: {reason.removeprefix('Skipped: ')}")
