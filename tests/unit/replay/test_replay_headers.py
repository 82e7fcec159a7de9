from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.replay.planning.headers import HeaderPolicy

LINK = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
headers = st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=8)), max_size=8).map(tuple)


def applied(policy: HeaderPolicy, *own: tuple[str, bytes | None]) -> dict[str, bytes | None]:
    return dict(policy.apply(own, attempt=2, run="r", source="t/0/1"))


@given(headers)
def test_what_travels_is_the_same_bytes_in_the_same_order(own: tuple[tuple[str, bytes | None], ...]) -> None:
    kept = [header for header in own if HeaderPolicy().carries(header[0])]
    sent = HeaderPolicy().apply(own, attempt=1, run="r", source="t/0/1")
    assert list(sent[: len(kept)]) == kept
    assert {name for name, _ in sent[len(kept) :]} <= {"replay.attempt", "replay.run", "replay.source", "replay.link"}


@given(headers)
def test_sending_again_and_again_does_not_grow_the_headers(own: tuple[tuple[str, bytes | None], ...]) -> None:
    once = HeaderPolicy().apply(own, attempt=1, run="a", source="t/0/1")
    twice = HeaderPolicy().apply(once, attempt=2, run="b", source="t/0/2")
    names = [name for name, _ in once if name != "replay.link"]
    assert [name for name, _ in twice] == names


@pytest.mark.parametrize(
    "name",
    ["dlq.reason", "retry.attempt", "__connect.errors.topic", "__streams.errors.offset", "kafka_dlt-original-topic",
     "retry_topic-attempts", "__replicator_id", "traceparent", "TraceParent", "tracestate", "b3", "X-B3-TraceId",
     "uber-trace-id", "x-datadog-trace-id", "replay.attempt"],
)  # fmt: skip
def test_errors_replicators_and_old_traces_do_not_travel(name: str) -> None:
    assert not HeaderPolicy().carries(name)


@pytest.mark.parametrize("name", ["ce_id", "content-type", "dlq", "spring_json_header_types", "", "ünï"])
def test_a_records_own_headers_travel(name: str) -> None:
    assert HeaderPolicy().carries(name)


def test_the_old_trace_becomes_a_link() -> None:
    sent = applied(HeaderPolicy(), ("traceparent", b"older"), ("traceparent", LINK))
    assert sent == {"replay.attempt": b"2", "replay.run": b"r", "replay.source": b"t/0/1", "replay.link": LINK}


def test_a_policy_drops_keeps_and_renames() -> None:
    policy = HeaderPolicy(drop=("x-*",), keep=("x-team", "traceparent"), rename=(("dlq.reason", "x-was"), ("a", "b")))
    sent = applied(policy, ("x-1", b"1"), ("x-team", b"2"), ("dlq.reason", b"3"), ("a", None), ("traceparent", LINK))
    ours = {"replay.attempt", "replay.run", "replay.source", "replay.link"}
    assert {name: value for name, value in sent.items() if name not in ours} == {
        "x-team": b"2", "x-was": b"3", "b": None, "traceparent": LINK
    }  # fmt: skip


def test_no_policy_keeps_the_counter() -> None:
    policy = HeaderPolicy(keep=("*",), rename=(("replay.attempt", "mine"),))
    assert applied(policy, ("replay.attempt", b"7"))["replay.attempt"] == b"2"
