"""Values by the names of version 0.1.0: they still work, and the notes name them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster.chart import Refused, Values, notes, render

OLD_AND_NEW: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a fixed number of pods": (
        {"scaling": {"mode": "none"}, "replicas": 3},
        {"autoscaling": {"enabled": False}, "replicaCount": 3},
    ),
    "no pod at all": (
        {"scaling": {"mode": "none"}, "replicas": 0},
        {"autoscaling": {"enabled": False}, "replicaCount": 0},
    ),
    "by CPU": (
        {"scaling": {"mode": "hpa", "maxReplicas": 4, "hpa": {"cpuPercent": 60}}},
        {"autoscaling": {"mode": "hpa", "maxReplicas": 4, "targetCPUUtilizationPercentage": 60}},
    ),
    "by lag": (
        {"scaling": {"mode": "keda", "keda": {"lagPerReplica": 7}, "behavior": {"scaleUp": {"pods": 2}}}},
        {"autoscaling": {"mode": "keda", "keda": {"lagPerReplica": 7}, "behavior": {"scaleUp": {"pods": 2}}}},
    ),
    "the other pools": (
        {
            "scaling": {"mode": "hpa"},
            "gpu": {"enabled": True, "replicas": 2},
            "triage": {"enabled": True, "playbook": "x", "replicas": 2},
        },
        {
            "autoscaling": {"mode": "hpa"},
            "gpu": {"enabled": True, "replicaCount": 2},
            "triage": {"enabled": True, "playbook": "x", "replicaCount": 2},
        },
    ),
    "triage by lag": (
        {"scaling": {"mode": "keda"}, "triage": {"enabled": True, "playbook": "x", "scaling": {"enabled": True}}},
        {
            "autoscaling": {"mode": "keda"},
            "triage": {"enabled": True, "playbook": "x", "autoscaling": {"enabled": True}},
        },
    ),
}


@pytest.mark.parametrize("case", OLD_AND_NEW)
def test_an_old_name_does_what_the_new_one_does(case: str) -> None:
    old, new = OLD_AND_NEW[case]
    assert render(old) == render(new)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, []),
        ({"autoscaling": {"enabled": False}, "replicaCount": 3}, []),
        (
            {"scaling": {"mode": "none"}, "replicas": 0},
            ["scaling is called autoscaling", "replicas is called replicaCount"],
        ),
        (
            {"gpu": {"replicas": 1}, "triage": {"replicas": 1, "scaling": {"maxReplicas": 2}}},
            [
                "gpu.replicas is called gpu.replicaCount",
                "triage.replicas is called triage.replicaCount",
                "triage.scaling is called triage.autoscaling",
            ],
        ),
    ],
    ids=str,
)
def test_the_notes_name_what_the_next_version_refuses(values: Values, said: list[str]) -> None:
    told = [line.removeprefix("DEPRECATED: ") for line in notes(values).splitlines() if "DEPRECATED" in line]
    assert told == [f"{line} now; the next version refuses the old name." for line in said]


def test_an_old_name_is_checked_as_strictly_as_the_new_one() -> None:
    with pytest.raises(Refused, match="at '/scaling': additional properties 'max' not allowed"):
        render({"scaling": {"max": 3}})
    with pytest.raises(Refused, match=r"autoscaling.maxReplicas \(13\) is above kafka.partitions \(12\)"):
        render({"scaling": {"maxReplicas": 13}})
