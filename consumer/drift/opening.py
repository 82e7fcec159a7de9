"""Opens the watch that the settings ask for."""

from __future__ import annotations

import structlog
from prometheus_client import CollectorRegistry

from spanstream.consumer.drift.metrics import DriftMetrics
from spanstream.consumer.drift.watch import DriftWatch
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import DriftSettings
from spanstream.models.drift.reference import read_reference
from spanstream.models.errors import ArtifactError
from spanstream.models.reader import Reader

_log = structlog.get_logger(__name__)


def open_drift_watch(settings: DriftSettings, reader: Reader, registry: CollectorRegistry) -> DriftWatch | None:
    """Opens the watch and registers its metrics; None where it is turned off.

    Raises:
        Stop: the artifact's reference is not what it should be.
    """
    if not settings.enabled:
        return None
    artifact = reader.artifact
    try:
        reference = read_reference(artifact)
    except ArtifactError as error:
        raise Stop(str(error)) from error
    if reference is None:
        _log.info("no_drift_reference", calibration=artifact.manifest.calibration.name)
    counts = None if reference is None else reference.counts(reader.threshold)
    watch = DriftWatch(artifact.tokenizer.unknown_id, counts, settings.questions)
    registry.register(DriftMetrics(watch))
    return watch
