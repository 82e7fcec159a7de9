"""Checks the model: whether its artifact is whole, and which session computes it rightly on this very CPU."""

from __future__ import annotations

from functools import cached_property

from spanstream.consumer.model_source.source import model_folder
from spanstream.consumer.operations.doctor.finding import Check, Finding, failed, ok, warning
from spanstream.consumer.settings import ModelSettings
from spanstream.models.artifact import Artifact, Manifest, load_artifact
from spanstream.models.inference.backends import Backend, open_backends, self_test
from spanstream.models.inference.cpu import available_cpus

ARTIFACT = "model"
_REPAIR = "install the program again, restore the file, or point SPANSTREAM_MODEL__PATH to a whole artifact"
_REBUILD = "run on another machine type, or rebuild the artifact there (`spanstream model build`)"


class ModelChecks:
    """Checks a model; the artifact is read once, for all checks.

    Args:
        settings: name the model.
        which: before the name of each check, to tell a second model's from the first's.
    """

    def __init__(self, settings: ModelSettings, which: str = "") -> None:
        self._settings = settings
        self._which = which

    def checks(self) -> list[Check]:
        """Returns the checks, in their order."""
        artifact = self._which + ARTIFACT
        correct = "correct SPANSTREAM_MODEL__THRESHOLD"
        return [
            Check(artifact, self.artifact, _REPAIR),
            Check(f"{self._which}threshold", self.threshold, correct, depends_on=artifact),
            Check(f"{self._which}self-test", self.self_test, _REBUILD, depends_on=artifact),
        ]

    @cached_property
    def _artifact(self) -> Artifact:
        return load_artifact(model_folder(self._settings))

    def artifact(self) -> Finding:
        """Tells whether it is whole, by the SHA-256 of every file. Raises `ArtifactError` with the file's name."""
        manifest = self._artifact.manifest
        precisions = ", ".join(f"{variant.precision} for {variant.device}" for variant in manifest.variants)
        return ok(
            self._which + ARTIFACT, f"{manifest.name} {manifest.version} ({precisions}) in {self._artifact.folder}"
        )

    def threshold(self) -> Finding:
        """Tells whether it is a name that the artifact knows, or a number."""
        return threshold(self._settings.threshold, self._artifact.manifest, self._which)

    def self_test(self) -> Finding:
        """Compares the golden logits with the session of `run`. Raises `ArtifactError` where no session gives them."""
        refused: list[str] = []
        backends = open_backends(
            self._artifact, threads=self._settings.threads or available_cpus(), report=refused.append
        )
        used = [backend for backend in (backends.cpu, backends.gpu) if backend is not None]
        detail = "; ".join(self._described(backend) for backend in used)
        if not refused:
            return ok(f"{self._which}self-test", detail)
        return warning(
            f"{self._which}self-test", f"{'; '.join(refused)}; used now: {detail}", f"answers stay right; {_REBUILD}"
        )

    def _described(self, backend: Backend) -> str:
        off = self_test(backend.session, self._artifact, max_batch_tokens=backend.max_batch_tokens)
        tolerance = self._artifact.golden.tolerance
        return (
            f"{backend.name} x {backend.parallel_runs}, logits {off:.2g} off the golden ones (tolerance {tolerance:g})"
        )


def threshold(wanted: float | str, manifest: Manifest, which: str = "") -> Finding:
    """Tells whether the artifact knows this threshold."""
    subject = f"{which}threshold"
    known = manifest.calibration.thresholds
    if wanted in known:
        return ok(subject, f"{wanted}: confidence from {known[str(wanted)]:g} on")
    try:
        value = float(wanted)
    except ValueError:
        value = -1.0
    if 0 <= value <= 1:
        return ok(subject, f"confidence from {value:g} on")
    advice = f"set SPANSTREAM_MODEL__THRESHOLD to a number from 0 to 1 or to one of {', '.join(sorted(known))}"
    return failed(subject, f"the artifact has no threshold {wanted!r}", advice)
