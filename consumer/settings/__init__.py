"""Every setting, its unit and its default; a file for each part of them."""

from __future__ import annotations

from spanstream.consumer.settings.answers_api import AnswersApiSettings
from spanstream.consumer.settings.desk import DeskSettings
from spanstream.consumer.settings.formats import CloudEventsSettings, MappingSettings
from spanstream.consumer.settings.group import ENV_PREFIX, SAME_NAME
from spanstream.consumer.settings.kafka import AutoOffsetReset, GroupProtocol, KafkaSettings, TopicSettings
from spanstream.consumer.settings.observing import DriftSettings, HttpSettings, LogSettings, TraceSettings
from spanstream.consumer.settings.output import DeadLetterHeaders, OutputSettings
from spanstream.consumer.settings.passages import IndexSettings
from spanstream.consumer.settings.privacy import RedactionSettings, RetentionSettings
from spanstream.consumer.settings.processing import (
    CacheSettings,
    ChunkSettings,
    CircuitSettings,
    DocumentSettings,
    FeedbackSettings,
    ModelSettings,
    RedisSettings,
    ReplaySettings,
    RetrySettings,
    TriageSettings,
)
from spanstream.consumer.settings.registry import FRAMED_ROLES, Compatibility, RegistryFormat, RegistrySettings
from spanstream.consumer.settings.settings import Settings

__all__ = [
    "ENV_PREFIX",
    "FRAMED_ROLES",
    "SAME_NAME",
    "AnswersApiSettings",
    "AutoOffsetReset",
    "CacheSettings",
    "ChunkSettings",
    "CircuitSettings",
    "CloudEventsSettings",
    "Compatibility",
    "DeadLetterHeaders",
    "DeskSettings",
    "DocumentSettings",
    "DriftSettings",
    "FeedbackSettings",
    "GroupProtocol",
    "HttpSettings",
    "IndexSettings",
    "KafkaSettings",
    "LogSettings",
    "MappingSettings",
    "ModelSettings",
    "OutputSettings",
    "RedactionSettings",
    "RedisSettings",
    "RegistryFormat",
    "RegistrySettings",
    "ReplaySettings",
    "RetentionSettings",
    "RetrySettings",
    "Settings",
    "TopicSettings",
    "TraceSettings",
    "TriageSettings",
]
