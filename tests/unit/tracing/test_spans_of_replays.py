"""Spans of a replay: what is sent again is below its dead letter's span, in the trace of the record that failed."""

from __future__ import annotations

from tests.support.memory.memory_replay import DEAD, ORIGIN, FaultyPublisher, MemoryReplay
from tests.support.tracing.span_recorder import PRODUCED, PRODUCER, SpanRecorder, is_below, parent_of


def test_what_is_sent_again_is_below_its_dead_letters_span() -> None:
    recorder, replay = SpanRecorder(), MemoryReplay()
    replay.fill(3, headers=PRODUCED)
    replay.run(tracing=recorder.tracing)
    spans = recorder.named(f"process {DEAD}")
    assert {parent_of(span) for span in spans} == {PRODUCER}
    assert {(span.attributes or {})["spanstream.outcome"] for span in spans} == {"replayed"}
    for record in replay.at(ORIGIN):
        assert [is_below(record, span) for span in spans].count(True) == 1
        assert record.header("replay.link") == PRODUCED[0][1]


def test_a_batch_that_fails_and_is_sent_anew_has_its_spans_once() -> None:
    recorder, replay = SpanRecorder(), MemoryReplay()
    replay.fill(3, headers=PRODUCED)
    words = ["ok", "failed"]
    replay.run(open_publisher=lambda: FaultyPublisher(replay.publisher(), words), tracing=recorder.tracing)
    assert words == []
    assert len(replay.at(ORIGIN)) == len(recorder.named(f"process {DEAD}")) == 3


def test_what_would_get_too_large_by_it_is_sent_without() -> None:
    recorder, replay = SpanRecorder(), MemoryReplay()
    replay.fill(1, value=b"x")
    replay.run(to="small", tracing=recorder.tracing)
    (sent,) = replay.at("small")
    assert sent.header("traceparent") is None
    assert len(recorder.named(f"process {DEAD}")) == 1
