"""Measures how fast the session is on this machine: windows a second of the sample questions, and nothing else."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from spanstream.consumer.operations.samples import sample_documents, sample_questions
from spanstream.models.artifact import load_artifact
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.backends import open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.inference.runner import InferenceRunner
from spanstream.models.text.windowing import Window, windows_of
from spanstream.schemas.codec import decode_document, decode_question
from spanstream.schemas.limits import Limits

# Windows of full length for each parallel run: more than a batch.
_LONG_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class BenchFigures:
    """One measurement; `mean_tokens` is of the windows' unpadded lengths."""

    windows: int
    seconds: float
    mean_tokens: float
    session: str
    parallel_runs: int

    @property
    def windows_per_second(self) -> float:
        """The rate."""
        return self.windows / self.seconds


def bench_session(folder: Path, *, threads: int | None, seconds: float) -> BenchFigures:
    """Runs the demo's windows over and over.

    Raises:
        ArtifactError: the artifact is damaged, or there is no CPU session.
    """
    artifact = load_artifact(folder)
    backends = open_backends(
        artifact,
        threads=threads or available_cpus(),
        report=lambda line: print(line, file=sys.stderr),  # noqa: T201  a warning of the command
    )
    if backends.cpu is None:
        raise ArtifactError("there is no CPU session to time")
    limits = Limits()
    samples = [decode_document(line, limits) for line in sample_documents()]
    documents = {sample.document_id: artifact.tokenizer.tokenize_document(sample.text) for sample in samples}
    windows: list[Window] = []
    for question in (decode_question(line, limits) for line in sample_questions()):
        tokenized = artifact.tokenizer.tokenize_question(question.question)
        windows += windows_of(tokenized, documents[question.document_id or ""], artifact.shape)
    manifest = artifact.manifest
    inference = InferenceRunner(backends, pad_id=manifest.pad_id, max_answer_tokens=manifest.max_answer_tokens)
    inference.run(windows[: backends.cpu.parallel_runs * 4])  # the first runs allocate
    started, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        inference.run(windows)
        done += len(windows)
    # Not timed: windows of full length take the most memory, and the process's peak is looked at after this.
    long_text = artifact.tokenizer.tokenize_document(samples[0].text * 100)
    inference.run(windows_of(tokenized, long_text, artifact.shape)[: backends.cpu.parallel_runs * _LONG_WINDOWS])
    inference.close()
    mean = sum(window.length for window in windows) / len(windows)
    return BenchFigures(done, elapsed, mean, backends.cpu.name, backends.cpu.parallel_runs)
