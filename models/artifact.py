"""Reads and verifies a model artifact: a folder whose manifest names and fingerprints every file in it.

    manifest.json     what the model is, its windows, variants, calibration, and the SHA-256 of each file below
    tokenizer.json    the tokenizer
    model.*.onnx      one file a variant: int8 for the CPU, optionally fp16 for a GPU
    golden.json       a few windows and the logits they must give on a sound CPU
    config.json       the checkpoint's own; not read here, but optimum loads the folder by it
    calibration.json  where the confidence and its thresholds come from; not read when serving
    collection.json   where the confidence of answers out of a collection comes from; not read when serving
    reference.json    how the figures lay of the questions it was calibrated on (spanstream.models.drift)
    README.md         the model's card, for people

`load_artifact` refuses a folder that is not exactly what its manifest says.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from spanstream.models.defaults import DEFAULT_ARTIFACT, WindowMode
from spanstream.models.errors import ArtifactError
from spanstream.models.spans.calibration import Calibration
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import WindowShape

MANIFEST: Final = "manifest.json"

# A file in the artifact's own folder: no path leads out of it.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class FrozenModel(BaseModel):
    """Cannot be changed; refuses unknown fields and numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_Frozen = TypeVar("_Frozen", bound=FrozenModel)


class SessionOptions(FrozenModel):
    """How a variant's session was measured to be fastest; see the model's card."""

    optimization_level: Literal["disabled", "basic", "extended", "all"] = "all"
    disabled_optimizers: tuple[str, ...] = ()
    threads_per_run: int = Field(1, ge=1, description="Threads inside one run; runs in parallel share the rest.")
    max_batch_tokens: int = Field(1024, ge=1, description="Padded tokens of one batch: windows x longest.")
    config: dict[str, str] = Field(default_factory=dict, description="onnxruntime session configuration entries.")


class Variant(FrozenModel):
    """One file of weights and what runs it; `fallback` is tried where `session` fails the self-test on a CPU."""

    file: FileName
    precision: Literal["int8", "fp16", "fp32"]
    device: Literal["cpu", "cuda"]
    session: SessionOptions = SessionOptions()
    fallback: SessionOptions | None = None
    tolerance: float | None = Field(
        None, gt=0, description="How far its logits may be off the golden ones; by default as far as golden.json says."
    )


class GoldenCase(FrozenModel):
    """One window's logits, (window length,) each, as measured when the artifact was built.

    `answerable_logit` is there where the model has an answerability head.
    """

    question: str
    context: str
    start_logits: tuple[float, ...]
    end_logits: tuple[float, ...]
    answerable_logit: float | None = None


class Golden(FrozenModel):
    """What a session must reproduce: every logit within `tolerance` of the golden one."""

    tolerance: float = Field(gt=0)
    cases: tuple[GoldenCase, ...] = Field(min_length=1)


class SealedManifest(FrozenModel):
    """What every artifact's manifest.json has, format 1."""

    format: Literal[1] = 1
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    architecture: str
    tokenizer_fingerprint: Sha256
    pad_id: int = Field(ge=0)
    variants: tuple[Variant, ...] = Field(min_length=1)
    files: dict[FileName, Sha256] = Field(description="SHA-256 of each file, by its name in the folder.")
    seal: Sha256 | None = Field(
        None, description="SHA-256 of all of the rest (see `seal_of`): a damaged manifest shows."
    )

    @model_validator(mode="after")
    def _seal_is_whole(self) -> Self:
        if self.seal not in {None, seal_of(self)}:
            raise ValueError("damaged, or changed by hand: its seal is not that of its content")
        return self

    @model_validator(mode="after")
    def _files_are_listed(self) -> Self:
        needed = {variant.file for variant in self.variants} | {"tokenizer.json", "golden.json"}
        if missing := sorted(needed - set(self.files)):
            raise ValueError(f"files without a SHA-256: {missing}")
        return self


class Manifest(SealedManifest):
    """The manifest of a reader's artifact."""

    max_length: int = Field(gt=0, description="Tokens of a window, question and special tokens included.")
    stride: int = Field(ge=0, description="Tokens of the document that neighbouring windows share.")
    windows: WindowMode = Field(
        "sliding",
        description="How documents were cut into windows when the figures were measured: at every so many tokens, or "
        "between sentences.",
        # Left out where nothing is said: so the seals of older artifacts hold.
        exclude_if=lambda windows: windows == "sliding",
    )
    max_answer_tokens: int = Field(gt=0)
    calibration: Calibration

    @model_validator(mode="after")
    def _windows_advance(self) -> Manifest:
        if self.stride >= self.max_length:
            raise ValueError(f"stride {self.stride} is not below max_length {self.max_length}")
        return self


_Sealed = TypeVar("_Sealed", bound=SealedManifest)


def seal_of(manifest: SealedManifest) -> str:
    """Returns the SHA-256 of the manifest's content as JSON, keys sorted, without the seal; 64 hexadecimal digits."""
    content = json.dumps(manifest.model_dump(mode="json", exclude={"seal"}), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def write_manifest(folder: Path, manifest: SealedManifest) -> None:
    """Seals the manifest and writes it into the artifact's folder."""
    sealed = manifest.model_copy(update={"seal": seal_of(manifest)})
    (folder / MANIFEST).write_text(sealed.model_dump_json(indent=2) + "\n", encoding="utf-8")


class Artifact:
    """A verified artifact: its manifest, tokenizer and golden logits; sessions are opened from `path_of`."""

    def __init__(self, folder: Path, manifest: Manifest, tokenizer: Tokenizer, golden: Golden) -> None:
        self.folder = folder
        self.manifest = manifest
        self.tokenizer = tokenizer
        self.golden = golden
        self.shape = WindowShape(manifest.max_length, manifest.stride, tokenizer.template)

    def path_of(self, variant: Variant) -> Path:
        """Returns the path of the variant's file."""
        return self.folder / variant.file

    def only(self, *variants: Variant) -> Artifact:
        """Returns the same artifact with these of its variants alone."""
        manifest = self.manifest.model_copy(update={"variants": variants})
        return Artifact(self.folder, manifest, self.tokenizer, self.golden)

    def variants_for(self, device: Literal["cpu", "cuda"]) -> list[Variant]:
        """Returns the variants made for a device, in the manifest's order."""
        return [variant for variant in self.manifest.variants if variant.device == device]


def load_artifact(folder: Path = DEFAULT_ARTIFACT) -> Artifact:
    """Reads and verifies an artifact.

    Raises:
        ArtifactError: something is missing, damaged or not understood; the text names the file.
    """
    manifest, tokenizer = load_sealed(folder, Manifest)
    return Artifact(folder, manifest, tokenizer, load_golden(folder, Golden))


def load_sealed(folder: Path, kind: type[_Sealed]) -> tuple[_Sealed, Tokenizer]:
    """Reads an artifact's manifest, verifies every file in it, and reads its tokenizer. Raises as `load_artifact`."""
    manifest = _load(folder / MANIFEST, kind)
    for name, sha256 in sorted(manifest.files.items()):
        if sha256_of_file(folder / name) != sha256:
            raise ArtifactError(f"{folder / name}: damaged: its SHA-256 is not the manifest's")
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    if tokenizer.fingerprint != manifest.tokenizer_fingerprint:
        raise ArtifactError(f"{folder / 'tokenizer.json'}: its fingerprint is not the manifest's")
    return manifest, tokenizer


def load_golden(folder: Path, kind: type[_Frozen]) -> _Frozen:
    """Reads what a session must reproduce. Raises as `load_artifact`."""
    return _load(folder / "golden.json", kind)


def _load(path: Path, kind: type[_Frozen]) -> _Frozen:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ArtifactError(f"{path}: {first_problem(error)}") from error


def sha256_of_file(path: Path) -> str:
    """Returns the SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        ArtifactError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from error


def first_problem(error: ValidationError) -> str:
    """Returns the place and the text of the first thing that a validation found wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole file"
    return f"{where}: {first['msg']}"
