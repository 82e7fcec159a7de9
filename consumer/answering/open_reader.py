"""Opens the model that the settings name."""

from __future__ import annotations

import structlog

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.source import model_folder
from spanstream.consumer.settings import Settings
from spanstream.models.artifact import Manifest, load_artifact
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.backends import open_backends
from spanstream.models.inference.cpu import available_cpus
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
    return Reader(
        artifact,
        backends,
        max_windows=model.max_windows,
        threshold=_threshold(model.threshold, artifact.manifest),
        utf16_offsets=settings.output.utf16_offsets,
        windows=model.windows,
    )


def _threshold(wanted: float | str, manifest: Manifest) -> float:
    try:
        return manifest.calibration.threshold(wanted)
    except ArtifactError as error:
        raise Stop(f"setting SPANSTREAM_MODEL__THRESHOLD: {error}") from error
