"""Whatever stands in a record of the feedback topic, it has exactly one outcome, and the next one is read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Outgoing
from tests.support.events.event_strategies import feedbacks
from tests.support.memory.memory_feedback import TOPICS, MemoryFeedback, as_json

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes | None, bytes | None]:
    """Feedback as it may be, one of its fields another value or missing, or anything at all."""
    feedback = draw(feedbacks())
    event: dict[str, Any] = as_json(feedback)
    name = draw(st.sampled_from(sorted(event)))
    change = draw(st.sampled_from(["none", "value", "missing", "bytes"]))
    if change == "bytes":
        return draw(st.none() | st.binary(max_size=20)), draw(st.none() | st.binary(max_size=200))
    if change == "value":
        event[name] = draw(_values)
    if change == "missing":
        del event[name]
    return feedback.record_key.encode(), json.dumps(event).encode(errors="surrogatepass")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=st.lists(damaged(), min_size=1, max_size=30))
def test_every_record_has_exactly_one_outcome(records: list[tuple[bytes | None, bytes | None]]) -> None:
    stream = MemoryFeedback()
    stream.document("d")
    member = stream.start()
    stream.send(*(Outgoing(TOPICS.feedback, key, value) for key, value in records))
    said = stream.say("behind them all")
    stream.settle()
    outcomes = [
        member.metric("records_total", outcome=outcome)
        for outcome in ("labelled", "repeated", "superseded", "dead_letter")
    ]
    assert sum(outcomes) == len(records) + 1
    assert len(stream.letters()) == outcomes[3]
    assert stream.labels()["behind them all"] == said.identified()
