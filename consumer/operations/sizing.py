"""Computes the partitions, pods, threads and memory that a load needs; explained in docs/sizing.md.

pod's questions/s  =  windows/s of a pod x utilisation / windows a question
pods               =  questions/s / pod's questions/s, rounded up
partitions         =  pods x growth, rounded up
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from spanstream.consumer.settings import Settings

# Bytes of the index for each document of an owned partition: its id (20 bytes here) and its offset in a dictionary.
# 139 were measured on CPython 3.11 with a million entries; longer ids take more.
_INDEX_BYTES = 200
# What librdkafka fetches ahead (queued.max.messages.kbytes).
_PREFETCH_BYTES = 16 << 20
# Over what is counted: fragmentation, a chunk's texts and windows, the answers on their way.
_MEMORY_HEADROOM = 1.25
_MEMORY_STEP = 64 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the whole stream.

    Attributes:
        questions_per_second: at the busiest time that is to be kept up with.
        windows_per_question: windows read for one question, on average; `windows.read` of the answers.
        documents: in the documents topic.
        wait_seconds: how long a question may wait before another pod is wanted.
        growth: the load that the partitions are meant for, as a multiple of this one; their number stays.
    """

    questions_per_second: float
    windows_per_question: float = 1.0
    documents: int = 0
    wait_seconds: float = 10.0
    growth: float = 2.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What one pod can do.

    Attributes:
        threads: of the model.
        windows_per_second: with those threads.
        program_bytes: of memory with the model loaded and run, caches empty.
        utilisation: share of the rate to plan with; the rest is for Kafka, tokenizing, rebalances and bursts.
    """

    threads: int
    windows_per_second: float
    program_bytes: int
    utilisation: float = 0.7


@dataclass(frozen=True, slots=True)
class Size:
    """What the load needs on such machines.

    Attributes:
        questions_per_second: of one pod.
        pods: at the busiest time.
        partitions: of the questions, retries and documents topics.
        threads: of a pod; its CPU limit in cores.
        memory_bytes: of a pod; its memory limit.
        lag_per_pod: records of lag that one pod clears in the time a question may wait.
        work_seconds_per_pod: the same in seconds of its work.
    """

    questions_per_second: float
    pods: int
    partitions: int
    threads: int
    memory_bytes: int
    lag_per_pod: int
    work_seconds_per_pod: float


def size_of(load: Load, machine: Machine, settings: Settings) -> Size:
    """Returns the size for a load; caches and backlogs are counted full, as the settings bound them."""
    per_pod = machine.windows_per_second * machine.utilisation / load.windows_per_question
    pods = max(1, math.ceil(load.questions_per_second / per_pod))
    # A pod that is alone at first has all documents in its index.
    known = load.documents * _INDEX_BYTES
    bounded = settings.documents.memory_bytes + settings.cache.memory_bytes + 2 * settings.chunk.backlog_bytes
    memory = (machine.program_bytes + bounded + _PREFETCH_BYTES + known) * _MEMORY_HEADROOM
    return Size(
        questions_per_second=per_pod,
        pods=pods,
        partitions=max(pods, math.ceil(pods * load.growth)),
        threads=machine.threads,
        memory_bytes=math.ceil(memory / _MEMORY_STEP) * _MEMORY_STEP,
        lag_per_pod=max(1, math.floor(per_pod * load.wait_seconds)),
        work_seconds_per_pod=load.wait_seconds,
    )


def chart_values(size: Size) -> str:
    """Returns the size as values of the Helm chart, YAML."""
    memory = size.memory_bytes >> 20
    return f"""\
kafka:
  partitions: {size.partitions}
scaling:
  maxReplicas: {size.pods}
  keda:
    lagPerReplica: {size.lag_per_pod}
    workSeconds:
      perReplica: {size.work_seconds_per_pod:g}
resources:
  requests: {{cpu: "{size.threads}", memory: {memory}Mi}}
  limits: {{cpu: "{size.threads}", memory: {memory}Mi}}
"""
