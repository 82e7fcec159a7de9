"""What the doctor says of the passage index."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spanstream.consumer.indexing.status import IndexStatus, PartitionStatus
from spanstream.consumer.operations.doctor.finding import Level
from spanstream.consumer.operations.doctor.passages import judge, passages
from spanstream.consumer.settings import Settings

STATUS = IndexStatus(
    generation="g00001",
    others=(),
    encoder="e",
    dimensions=384,
    topic="qa.documents",
    is_current_topic=True,
    passages=1234,
    partitions=(PartitionStatus(0, 10, 12), PartitionStatus(1, 5, 5)),
)


def test_without_an_index_nothing_is_looked_at() -> None:
    finding = passages(Settings(), lambda: pytest.fail("no reader is needed"))
    assert (finding.level, finding.advice) == (Level.OK, "")


def test_an_index_that_can_be_searched_says_how_far_behind_it_is() -> None:
    finding = judge(STATUS, "e")
    assert (finding.level, finding.detail) == (Level.OK, "g00001, 1,234 passages, 2 records behind")


def test_an_index_of_another_encoder_has_failed_and_is_to_be_rebuilt() -> None:
    finding = judge(STATUS, "other")
    assert finding.level is Level.FAILED
    assert "`spanstream index rebuild`" in finding.advice


def test_an_index_of_another_topic_is_a_warning() -> None:
    finding = judge(replace(STATUS, is_current_topic=False), "e")
    assert (finding.level, "index run" in finding.advice) == (Level.WARNING, True)
