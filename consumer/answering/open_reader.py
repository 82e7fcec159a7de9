"""Opens the models that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.source import model_folder
from spanstream.consumer.settings import ModelSettings, Settings
from spanstream.models.artifact import Artifact, load_artifact
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.backends import Backends, open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.inference.low_priority import LowPrioritySession
from spanstream.models.reader import Reader

_log = structlog.get_logger(__name__)


def open_reader(settings: Settings) -> Reader:
    """Opens the model and tests it on this machine.

    Raises:
        Stop: the artifact is damaged, or no session on this machine gives its golden logits.
    """
    model = settings.model
    try:
        artifact = load_artifact(model_folder(model))
        backends = open_backends(
            artifact,
            threads=model.threads or available_cpus(),
            spill_seconds=model.gpu_spill_seconds,
            rest_seconds=model.gpu_rest_seconds,
            report=lambda line: _log.warning("model_backend", detail=line),
        )
    except ArtifactError as error:
        raise Stop(str(error)) from error
    return _reader(artifact, backends, model, settings, "SPANSTREAM_MODEL__THRESHOLD")


def require_threshold(model: ModelSettings) -> None:
    """Refuses a threshold that the model's artifact lacks.

    Raises:
        Stop: there is none of this name; or the artifact is damaged.
    """
    try:
        manifest = load_artifact(model_folder(model)).manifest
    except ArtifactError as error:
        raise Stop(str(error)) from error
    threshold_of(manifest.calibration.threshold, model, "SPANSTREAM_MODEL__THRESHOLD")


def open_shadow_reader(model: ModelSettings, settings: Settings) -> Reader:
    """Opens a second model: on the CPU, one window at a time, on a thread of the lowest priority.

    Raises:
        Stop: as `open_reader`.
    """
    try:
        artifact = load_artifact(model_folder(model))
        for_cpu = artifact.only(*artifact.variants_for("cpu"))
        opened = open_backends(for_cpu, threads=1, report=lambda line: _log.warning("shadow_backend", detail=line))
    except ArtifactError as error:
        raise Stop(str(error)) from error
    low = None if opened.cpu is None else replace(opened.cpu, session=LowPrioritySession(opened.cpu.session))
    return _reader(artifact, Backends(low), model, settings, "SPANSTREAM_MODEL__THRESHOLD, of the second model")


def _reader(artifact: Artifact, backends: Backends, model: ModelSettings, settings: Settings, setting: str) -> Reader:
    return Reader(
        artifact,
        backends,
        max_windows=model.max_windows,
        threshold=threshold_of(artifact.manifest.calibration.threshold, model, setting),
        utf16_offsets=settings.output.utf16_offsets,
        windows=model.windows,
    )


def threshold_of(resolve: Callable[[float | str], float], model: ModelSettings, setting: str) -> float:
    """Returns the least confidence that a setting names or gives; raises `Stop` where it does neither."""
    try:
        return resolve(model.threshold)
    except ArtifactError as error:
        raise Stop(f"setting {setting}: {error}") from error
