"""Settings of a program that notices soon what is gone, and tries again soon."""

from __future__ import annotations

from spanstream.consumer.settings import GroupProtocol

# Seconds that a test would wait for.
QUICK = {
    "KAFKA__TRANSACTION_TIMEOUT_SECONDS": "4",
    "KAFKA__CLIENT": '{"socket.timeout.ms": 4000}',
    "RETRIES__DELAY_SECONDS": "0.5",
    "RETRIES__MAX_ATTEMPTS": "4",
    "CHUNK__MAX_QUESTIONS": "16",
}

# A silent member of the classic protocol is given up after two seconds; under KIP-848 the broker decides.
QUICK_CLASSIC = {
    "KAFKA__SESSION_TIMEOUT_SECONDS": "2",
    "KAFKA__CLIENT": '{"socket.timeout.ms": 4000, "heartbeat.interval.ms": 300}',
}


def quick_settings(protocol: GroupProtocol) -> dict[str, str]:
    """Returns both where the protocol is the classic one."""
    return QUICK | {"KAFKA__GROUP_PROTOCOL": protocol} | (QUICK_CLASSIC if protocol == "classic" else {})
