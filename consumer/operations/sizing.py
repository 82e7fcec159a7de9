"""Computes the partitions, pods, threads and memory that a load needs; explained in docs/sizing.md.

pod's questions/s  =  windows/s of a pod x utilisation / windows a question
pods               =  questions/s / pod's questions/s, rounded up
partitions         =  pods x growth, rounded up
memory             =  (program + what the settings bound + work on the longest documents) x headroom

What the longest documents cost was measured with `make bench-memory` (the bundled model, tokenizers 0.22, x86-64): a
million characters of Chinese or of commas, which are a token each, cost the most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from spanstream.consumer.cache.asked_texts import remembered_texts
from spanstream.consumer.settings import Settings
from spanstream.models.defaults import KEPT_INDEX_BYTES

# Bytes of the index for each document of an owned partition: its id (20 bytes here) and its offset in a dictionary.
# 139 were measured on CPython 3.11 with a million entries; longer ids take more.
_INDEX_BYTES = 200
# Of a text that was asked about: its id again, and its hash; 371 were measured.
_ASKED_BYTES = 400
# The largest record that the topics take (operations/topics.py); one record may pass a bound of bytes.
_LARGEST_RECORD_BYTES = 12 << 20
# What librdkafka fetches ahead (queued.max.messages.kbytes), for the group member and for the documents' follower.
_PREFETCH_BYTES = 16 << 20
_FETCHING_CLIENTS = 2
# What one poll of the group member returns at most, and what is held of bad documents.
_POLL_BYTES = 4 << 20
_BAD_DOCUMENTS_BYTES = 8 << 20
# Topics that are read ahead (questions and retries), and chunks in flight.
_TOPICS_READ_AHEAD = 2
_CHUNKS_IN_FLIGHT = 2
# Bytes for each character of a longest document: held (text 4, record 4, tokenization 16), ...
_HELD_PER_CHAR = 24
# ... while it is tokenized (one at a time; measured: 73 to 85), ...
_TOKENIZING_PER_CHAR = 85
# ... and while an answer in it is checked (in each chunk in flight; measured: 37 to 46).
_CHECKING_PER_CHAR = 46
# Over what is counted: fragmentation, Python's and librdkafka's own objects, the answers on their way.
_MEMORY_HEADROOM = 1.25
_MEMORY_STEP = 64 << 20
# Of the passage index in a folder: a search holds pages and hits (10 to 13 MB were measured with 100,000 passages), ...
_SEARCHING_BYTES = 16 << 20
# ... and on the disk a passage has its text, terms and vector: 2,550 and 3,190 bytes were measured, of 390 and 600
# characters (`make bench-collections`, `make bench-passages`).
_PASSAGE_BYTES = 3200


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the whole stream.

    Attributes:
        questions_per_second: at the busiest time that is to be kept up with.
        windows_per_question: windows read for one question, on average; `windows.read` of the answers.
        documents: in the documents topic.
        passages: in the passage index.
        wait_seconds: how long a question may wait before another pod is wanted.
        growth: the load that the partitions are meant for, as a multiple of this one; their number stays.
    """

    questions_per_second: float
    windows_per_question: float = 1.0
    documents: int = 0
    wait_seconds: float = 10.0
    growth: float = 2.0
    passages: int = 0


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
        index_bytes: of disk for the passage index in a folder; a rebuild needs as much again.
    """

    questions_per_second: float
    pods: int
    partitions: int
    threads: int
    memory_bytes: int
    lag_per_pod: int
    work_seconds_per_pod: float
    index_bytes: int = 0


def size_of(load: Load, machine: Machine, settings: Settings) -> Size:
    """Returns the size for a load; caches and backlogs are counted full, as the settings bound them."""
    per_pod = machine.windows_per_second * machine.utilisation / load.windows_per_question
    pods = max(1, math.ceil(load.questions_per_second / per_pod))
    memory = sum(memory_parts(load, machine, settings).values()) * _MEMORY_HEADROOM
    return Size(
        questions_per_second=per_pod,
        pods=pods,
        partitions=max(pods, math.ceil(pods * load.growth)),
        threads=machine.threads,
        memory_bytes=math.ceil(memory / _MEMORY_STEP) * _MEMORY_STEP,
        lag_per_pod=max(1, math.floor(per_pod * load.wait_seconds)),
        work_seconds_per_pod=load.wait_seconds,
        index_bytes=load.passages * _PASSAGE_BYTES,
    )


def memory_parts(load: Load, machine: Machine, settings: Settings) -> dict[str, int]:
    """Returns what takes memory in a pod, in bytes by name: each part at its worst, without headroom."""
    chunk, longest = settings.chunk, settings.limits.document_chars
    return {
        "program": machine.program_bytes,
        "texts": settings.documents.memory_bytes,
        "tokenizations": settings.cache.memory_bytes,
        "texts asked about": remembered_texts(settings.cache.memory_bytes) * _ASKED_BYTES,
        "BM25 indexes": KEPT_INDEX_BYTES,
        "chunks in flight": _CHUNKS_IN_FLIGHT * (chunk.max_bytes + longest * _HELD_PER_CHAR),
        # A long document is tokenized, or a chunk's tokenizations are written for Redis and sent.
        "a chunk being prepared": max(longest * _TOKENIZING_PER_CHAR, 2 * chunk.max_bytes),
        "answers being checked": _CHUNKS_IN_FLIGHT * longest * _CHECKING_PER_CHAR,
        "records read ahead": _TOPICS_READ_AHEAD * (chunk.backlog_bytes + _POLL_BYTES + _LARGEST_RECORD_BYTES),
        # A poll of documents takes out what was fetched ahead, and the next is fetched meanwhile.
        "records fetched": (_FETCHING_CLIENTS + 1) * (_PREFETCH_BYTES + _LARGEST_RECORD_BYTES),
        "bad documents": _BAD_DOCUMENTS_BYTES,
        "a second model's questions": _shadow_bytes(settings),
        # A pod that is alone at first has all documents in its index; one that searches collections always has.
        "document index": load.documents * _INDEX_BYTES,
        "searches in the passage index": _SEARCHING_BYTES if settings.index.uri else 0,
    }


def _shadow_bytes(settings: Settings) -> int:
    """Returns what waits for a second model, its indexes, and the document that it reads, tokenized in its own way."""
    if settings.model.shadow is None:
        return 0
    longest = settings.limits.document_chars
    return settings.chunk.max_bytes + KEPT_INDEX_BYTES + longest * (_HELD_PER_CHAR + _TOKENIZING_PER_CHAR)


def chart_values(size: Size) -> str:
    """Returns the size as values of the Helm chart, YAML."""
    memory = size.memory_bytes >> 20
    return f"""\
kafka:
  partitions: {size.partitions}
autoscaling:
  maxReplicas: {size.pods}
  keda:
    lagPerReplica: {size.lag_per_pod}
    workSeconds:
      perReplica: {size.work_seconds_per_pod:g}
resources:
  requests: {{cpu: "{size.threads}", memory: {memory}Mi}}
  limits: {{cpu: "{size.threads}", memory: {memory}Mi}}
"""
