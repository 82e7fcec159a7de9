"""What the pages are made of."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.clock import Clock
from spanstream.consumer.desk.drift_comparison import DriftComparison
from spanstream.consumer.desk.explainer import Explainer
from spanstream.consumer.desk.feedback_publisher import FeedbackPublisher
from spanstream.consumer.desk.labelling import Labelling
from spanstream.consumer.desk.replays import Replays
from spanstream.consumer.desk.view.group_watch import GroupWatch
from spanstream.consumer.desk.view.health_watch import HealthWatch
from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.topic_follower import TopicFollower
from spanstream.consumer.desk.view.whole_records import WholeRecords
from spanstream.consumer.settings import Settings


@dataclass(frozen=True, slots=True)
class DeskParts:
    """The parts of one desk; `is_writing` says whether its pages may publish."""

    settings: Settings
    view: LiveView
    follower: TopicFollower
    records: WholeRecords
    groups: GroupWatch
    health: HealthWatch
    explainer: Explainer
    drift: DriftComparison
    replays: Replays
    labelling: Labelling
    feedback: FeedbackPublisher
    clock: Clock
    is_writing: bool

    def close(self) -> None:
        """Ends the threads and the connections."""
        self.follower.close()
        self.records.close()
        self.health.close()
        self.explainer.close()
        self.feedback.close()
