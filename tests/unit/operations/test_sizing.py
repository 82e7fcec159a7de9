"""The arithmetic of sizes: enough for the load, not a pod more, and every input counts in its direction."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.answering.pipeline import DEPTH
from spanstream.consumer.broker.kafka.properties import member_properties
from spanstream.consumer.operations.sizing import Load, Machine, chart_values, memory_parts, size_of
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.settings import IndexSettings, ModelSettings, Settings
from spanstream.models.defaults import KEPT_INDEX_BYTES

SETTINGS = Settings.model_construct()
loads = st.builds(
    Load,
    questions_per_second=st.floats(0.01, 10_000),
    windows_per_question=st.floats(0.1, 64),
    documents=st.integers(0, 10_000_000),
    wait_seconds=st.floats(0.1, 600),
    growth=st.floats(1, 10),
)
machines = st.builds(
    Machine,
    threads=st.integers(1, 64),
    windows_per_second=st.floats(0.1, 10_000),
    program_bytes=st.integers(1 << 26, 1 << 31),
    utilisation=st.floats(0.05, 1),
)


def test_the_documents_own_example() -> None:
    size = size_of(Load(40, 2), Machine(2, 70, 170 << 20), SETTINGS)
    assert size.questions_per_second == pytest.approx(24.5)
    assert (size.pods, size.partitions, size.threads, size.lag_per_pod) == (2, 4, 2, 245)


@given(load=loads, machine=machines)
def test_the_pods_keep_up_and_one_less_would_not(load: Load, machine: Machine) -> None:
    size = size_of(load, machine, SETTINGS)
    windows = load.questions_per_second * load.windows_per_question
    pod_rate = machine.windows_per_second * machine.utilisation
    assert size.pods * pod_rate >= windows * (1 - 1e-9)
    assert size.pods == 1 or (size.pods - 1) * pod_rate < windows * (1 + 1e-9)


@given(load=loads, machine=machines)
def test_there_are_partitions_for_every_pod_and_for_the_growth(load: Load, machine: Machine) -> None:
    size = size_of(load, machine, SETTINGS)
    # Exactly: a growth a hair above 1 asks for one partition more.
    assert size.pods <= size.partitions < size.pods * Fraction(load.growth) + 1


@given(load=loads, machine=machines)
def test_memory_holds_what_the_settings_allow_and_the_documents_index(load: Load, machine: Machine) -> None:
    size = size_of(load, machine, SETTINGS)
    caches = SETTINGS.documents.memory_bytes + SETTINGS.cache.memory_bytes + 2 * SETTINGS.chunk.backlog_bytes
    in_flight = DEPTH * SETTINGS.chunk.max_bytes + KEPT_INDEX_BYTES
    assert size.memory_bytes >= 1.25 * (machine.program_bytes + caches + in_flight + 200 * load.documents)
    assert size.memory_bytes % (64 << 20) == 0


@pytest.mark.parametrize(
    ("group", "setting", "times"),
    [
        ("documents", "memory_bytes", 1),
        ("cache", "memory_bytes", 1),
        ("chunk", "max_bytes", DEPTH),
        ("chunk", "backlog_bytes", 2),
        ("limits", "document_chars", 200),
    ],
)
def test_every_bound_of_the_settings_counts_as_often_as_it_is_held(group: str, setting: str, times: int) -> None:
    def bytes_with(more: int) -> int:
        changed = {group: {setting: getattr(getattr(Settings(), group), setting) + more}}
        return sum(memory_parts(Load(1), Machine(1, 1, 0), Settings.model_validate(changed)).values())

    assert bytes_with(1000) - bytes_with(0) >= 1000 * times


def test_a_second_model_counts_with_what_waits_for_it() -> None:
    def bytes_of(model: ModelSettings) -> int:
        return sum(memory_parts(Load(1), Machine(1, 1, 0), Settings(model=model)).values())

    without, second = bytes_of(ModelSettings()), bytes_of(ModelSettings(shadow_path=Path("second")))
    assert second - without >= SETTINGS.chunk.max_bytes + KEPT_INDEX_BYTES


def test_where_collections_are_searched_a_pod_has_room_for_it_and_passages_take_disk() -> None:
    def size(index: IndexSettings, passages: int) -> tuple[int, int]:
        load, settings = Load(1, passages=passages), Settings(index=index)
        parts = memory_parts(load, Machine(1, 1, 0), settings)
        return sum(parts.values()), size_of(load, Machine(1, 1, 0), settings).index_bytes

    without, with_index = size(IndexSettings(), 0), size(IndexSettings(uri="index"), 100_000)
    assert with_index[0] - without[0] >= 13 << 20  # as was measured
    assert without[1] == 0
    assert with_index[1] >= 304 << 20


def test_what_the_formula_repeats_of_other_rooms_is_what_stands_there() -> None:
    in_flight = memory_parts(Load(1), Machine(1, 1, 0), SETTINGS)["chunks in flight"]
    assert in_flight >= DEPTH * SETTINGS.chunk.max_bytes
    inputs = topic_specs(SETTINGS.topics, partitions=1)
    largest = max(spec.max_message_bytes for spec in inputs if spec.name in SETTINGS.topics.consumed[::2])
    fetched = memory_parts(Load(1), Machine(1, 1, 0), SETTINGS)["records fetched"]
    prefetch = int(member_properties(SETTINGS.kafka)["queued.max.messages.kbytes"]) << 10
    assert fetched == 3 * (prefetch + largest)


@given(load=loads, machine=machines)
def test_a_pods_lag_is_cleared_in_the_time_that_a_question_may_wait(load: Load, machine: Machine) -> None:
    size = size_of(load, machine, SETTINGS)
    assert size.lag_per_pod == 1 or size.lag_per_pod / size.questions_per_second <= load.wait_seconds * (1 + 1e-9)
    assert size.lag_per_pod + 1 > math.floor(size.questions_per_second * load.wait_seconds)


def test_values_for_the_chart_say_what_was_computed() -> None:
    size = size_of(Load(40, 2), Machine(2, 70, 170 << 20), SETTINGS)
    written = chart_values(size)
    assert "partitions: 4" in written
    assert "maxReplicas: 2" in written
    assert "lagPerReplica: 245" in written
    assert f"memory: {size.memory_bytes >> 20}Mi" in written
