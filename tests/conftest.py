"""Fixtures that several kinds of tests share, and the lines that say what was not run."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# No test judges a time: on a busy machine a generated example takes seconds.
settings.register_profile(
    "any machine", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# A shell makes what it runs in the background ignore Ctrl-C, and so does all that is started from there: here programs
# are ended by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.support.kafka.kafka_fixtures",
    "tests.support.kafka.secure_broker",
    "tests.support.kafka.token_broker",
    "tests.support.redis.redis_server",
    "tests.support.registry.registry_server",
    "tests.support.model.calibrated_artifact",
    "tests.support.opensearch.opensearch_server",
    "tests.support.passages.passage_engines",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests wanted what is not here, and why; and the kind that is run only when asked for."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"{number} tests were skipped: {reason.removeprefix('Skipped: ')}")
    if terminalreporter.config.args_source is not pytest.Config.ArgsSource.ARGS:
        terminalreporter.write_line(
            "tests/cluster was left out: it builds Kubernetes and KEDA, once, in 15 minutes (make test-cluster)"
        )
