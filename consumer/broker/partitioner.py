"""Chooses the partition of a key as Kafka's default partitioner does."""

from __future__ import annotations

_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Computes MurmurHash2 as Kafka's Java clients do (`org.apache.kafka.common.utils.Utils.murmur2`), unsigned."""
    multiplier = 0x5BD1E995
    hashed = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & _MASK
        word = (word ^ word >> 24) * multiplier & _MASK
        hashed = (hashed * multiplier & _MASK) ^ word
    if rest := data[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * multiplier & _MASK
    hashed = (hashed ^ hashed >> 13) * multiplier & _MASK
    return hashed ^ hashed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Returns the number of the partition that Kafka's default partitioner gives a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
