"""How long the waits for Kafka last at most, and which limit has to be longer than which. All in seconds.

    one attempt to publish    PUBLISH_TIMEOUT + OVERSTAY + ABORT + OVERSTAY                        LONGEST_ATTEMPT
    a turn of a loop          REQUEST_TIMEOUT + an attempt
    from SIGTERM to the end   the longer one of: a turn; drain_seconds + what follows a time-out   longest_stop
                              ... and then closing

    PUBLISH_TIMEOUT <= transaction_timeout_seconds     the broker does not abort what is still being tried
    LONGEST_ATTEMPT <  http.stuck_seconds              an outage does not look like a loop that is stuck: between two
                                                       attempts, however many follow each other, `Health.beat` is called
    longest_stop    <  the grace period                a stop is not cut short (the Helm chart, compose.yaml)
    a drain and a turn < POLL_INTERVAL                 a member in trouble keeps its partitions

tests/unit/consumer/test_time_limits.py holds the defaults to it.
"""

from __future__ import annotations

# How long one question to the broker (metadata, end offsets) may take.
REQUEST_TIMEOUT_SECONDS = 10.0
# How long one `Publisher.publish` may take before it gives up with a `Retryable`.
PUBLISH_TIMEOUT_SECONDS = 30.0
# How long the abort may take that follows a failure.
ABORT_SECONDS = 5.0
# How long a publisher that closes may take to settle a commit whose outcome it does not know.
CLOSE_SECONDS = 5.0
# A client that overstays its own time-out is left behind after this.
OVERSTAY_SECONDS = 3.0
# A member that does not poll for this long loses its partitions.
POLL_INTERVAL_SECONDS = 300.0

AFTER_TIMEOUT_SECONDS = OVERSTAY_SECONDS + ABORT_SECONDS + OVERSTAY_SECONDS
LONGEST_ATTEMPT_SECONDS = PUBLISH_TIMEOUT_SECONDS + AFTER_TIMEOUT_SECONDS
LONGEST_TURN_SECONDS = REQUEST_TIMEOUT_SECONDS + LONGEST_ATTEMPT_SECONDS


def longest_stop(drain_seconds: float) -> float:
    """Returns how long a stop may take, from the signal to the end; the drain counts from before the last turn."""
    last_work = max(LONGEST_TURN_SECONDS, drain_seconds + AFTER_TIMEOUT_SECONDS)
    return last_work + CLOSE_SECONDS + OVERSTAY_SECONDS
