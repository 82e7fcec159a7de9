"""The metrics' names: as promtool's linter wants them, and as Prometheus' best practices say."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from spanstream.consumer.drift.metrics import DriftMetrics
from spanstream.consumer.drift.watch import DriftWatch
from spanstream.consumer.feedback.metrics import FeedbackMetrics
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.triage.metrics import TriageMetrics
from spanstream.consumer.version import program_version


def with_drift(metrics: Metrics) -> CollectorRegistry:
    """Returns the registry of a consumer that watches what it reads."""
    metrics.registry.register(DriftMetrics(DriftWatch(None, None, 200)))
    return metrics.registry


REGISTRIES = {
    "answering": with_drift(Metrics()),
    "triage": TriageMetrics().registry,
    "feedback": FeedbackMetrics().registry,
    "index": IndexMetrics().registry,
}
UNITS = ("seconds", "bytes", "ratio", "info")
SMALL_UNITS = ("milliseconds", "ms", "minutes", "hours", "kilobytes", "kb", "mb", "megabytes", "percent")
FAMILIES = [
    pytest.param(family, id=f"{name}:{family.name}")
    for name, registry in REGISTRIES.items()
    for family in registry.collect()
]


def is_deprecated(family: Metric) -> bool:
    return family.documentation.startswith("Deprecated, gone with the next version: ")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_name_says_kind_and_unit_as_the_linter_wants(family: Metric) -> None:
    words = family.name.split("_")
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", family.name)
    assert family.name.startswith(("spanstream_", "process_"))
    assert family.documentation.endswith(".")
    assert not {"counter", "gauge", "histogram", "total", *SMALL_UNITS} & set(words)
    if not is_deprecated(family) and "per" not in words:
        assert not [word for word in words[:-1] if word in UNITS], "the unit stands last"


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_deprecated_names_a_metric_that_takes_its_place(family: Metric) -> None:
    if is_deprecated(family):
        used = family.documentation.rpartition(": ")[2].rstrip(".").removesuffix("_total")
        assert used in {other.name for registry in REGISTRIES.values() for other in registry.collect()}


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES)
def test_what_is_scraped_is_well_formed_and_only_counters_end_in_total(registry: CollectorRegistry) -> None:
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert {"process_cpu_seconds", "process_resident_memory_bytes"} <= {family.name for family in families}
    for family in families:
        names = {sample.name for sample in family.samples}
        assert all(name.endswith("_total") for name in names) == (family.type == "counter" and bool(names)) or not names


def test_the_build_says_which_program_and_which_model_run() -> None:
    metrics = Metrics()
    metrics.runs(model="m", model_version="1.2.3", precision="int8")
    labels = {"version": program_version() or "unknown", "model": "m", "model_version": "1.2.3", "precision": "int8"}
    assert metrics.registry.get_sample_value("spanstream_build_info", labels) == 1.0
