from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from spanstream.models.artifact import Artifact, Golden, GoldenCase, Manifest, SessionOptions, Variant
from spanstream.models.errors import ArtifactError
from spanstream.models.inference import backends as backends_module
from spanstream.models.inference.backends import Backend, Backends, open_backends, self_test
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits
from tests.support.model.fake_reader import MANIFEST, TOKENIZER

CASE = GoldenCase(
    question="the train?",
    context="leaves at",
    start_logits=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0),
    end_logits=(0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0),
)
INT8 = Variant(file="model.int8.onnx", precision="int8", device="cpu", session=SessionOptions(max_batch_tokens=512))
FP32 = Variant(file="model.fp32.onnx", precision="fp32", device="cpu", session=SessionOptions(threads_per_run=2))
FP16 = Variant(file="model.fp16.onnx", precision="fp16", device="cuda")


@dataclass
class _Session:
    """Returns the golden logits, so far off, or fails."""

    off: float
    answerable: float | None = None

    def run(self, batch: Batch) -> Logits:
        if np.isinf(self.off):
            raise SessionError("no kernel for it")
        places = np.arange(batch.input_ids.shape[1], dtype=np.float32)[None]
        answerable = None if self.answerable is None else np.full(len(batch.windows), self.answerable, dtype=np.float32)
        return Logits(places, places * 2 + np.float32(self.off), answerable)


def _artifact(*variants: Variant) -> Artifact:
    files = dict.fromkeys(["tokenizer.json", "golden.json", *(variant.file for variant in variants)], "0" * 64)
    manifest = Manifest.model_validate(MANIFEST.model_dump() | {"variants": variants, "files": files})
    return Artifact(Path("nowhere"), manifest, TOKENIZER, Golden(tolerance=0.5, cases=(CASE,)))


def _sessions(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, **off: float | str) -> list[str]:
    """Makes every variant's session this far off (by precision), or unable to load; returns what was opened."""
    opened: list[str] = []

    def open_session(_path: Path, variant: Variant, options: SessionOptions) -> _Session:
        name = variant.precision + ("_fallback" if options is not variant.session else "")
        opened.append(name)
        answer = off[name]
        if isinstance(answer, str):
            raise ArtifactError(answer)
        return _Session(answer)

    monkeypatch.setattr(backends_module, "OnnxSession", open_session)
    monkeypatch.setattr(backends_module, "cuda_is_available", lambda: cuda)
    return opened


def _open(artifact: Artifact, lines: list[str], threads: int = 2) -> Backends:
    return open_backends(artifact, threads=threads, report=lines.append)


def _backend(precision: str = "int8", *, runs: int = 2) -> Backend:
    return Backend(precision, precision, _Session(0.0), runs, 512)


def test_the_first_sound_variant_is_taken_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    opened = _sessions(monkeypatch, int8=0.4, fp32=0.0)
    backends = _open(_artifact(INT8, FP32), lines)
    assert backends.cpu is not None
    assert (backends.cpu.precision, backends.cpu.name, backends.cpu.max_batch_tokens) == ("int8", "int8 on cpu", 512)
    assert (opened, lines, backends.gpu) == (["int8"], [], None)


@pytest.mark.parametrize("wrong", [0.6, -9.0, float("nan"), float("inf"), "damaged file"])
def test_a_session_that_fails_its_self_test_is_passed_over_with_one_line(
    wrong: float | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    _sessions(monkeypatch, int8=wrong, fp32=0.0)
    backends = _open(_artifact(INT8, FP32), lines)
    assert backends.cpu is not None
    assert backends.cpu.precision == "fp32"
    assert len(lines) == 1
    assert lines[0].startswith("int8 on cpu: ")
    assert "\n" not in lines[0]


@pytest.mark.parametrize(
    ("answerable", "difference"),
    [(1.5, 0.0), (1.0, 0.5), (None, float("inf")), (float("nan"), float("inf")), (float("inf"), float("inf"))],
)
def test_a_golden_answerability_has_to_be_reproduced_too(answerable: float | None, difference: float) -> None:
    artifact = _artifact(INT8)
    golden = Golden(tolerance=0.5, cases=(CASE.model_copy(update={"answerable_logit": 1.5}),))
    headed = Artifact(artifact.folder, artifact.manifest, artifact.tokenizer, golden)
    assert self_test(_Session(0.0, answerable), headed, max_batch_tokens=64) == difference
    # An artifact without the head asks nothing of a third output.
    assert self_test(_Session(0.0, answerable), artifact, max_batch_tokens=64) == 0.0


def test_the_line_says_how_far_off_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    _sessions(monkeypatch, int8=3.25, fp32=0.0)
    _open(_artifact(INT8, FP32), lines)
    assert "3.25 off the golden ones (tolerance 0.50)" in lines[0]


def test_fallback_options_are_tried_after_all_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    careful = INT8.model_copy(update={"fallback": SessionOptions(optimization_level="disabled", max_batch_tokens=64)})
    lines: list[str] = []
    opened = _sessions(monkeypatch, int8=3.0, fp32=3.0, int8_fallback=0.0)
    backends = _open(_artifact(careful, FP32), lines)
    assert opened == ["int8", "fp32", "int8_fallback"]
    assert backends.cpu is not None
    assert (backends.cpu.name, backends.cpu.max_batch_tokens) == ("int8 on cpu with fallback options", 64)


def test_without_a_sound_session_nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    _sessions(monkeypatch, int8=3.0)
    with pytest.raises(ArtifactError, match="no session passed its self-test"):
        _open(_artifact(INT8), [])


@pytest.mark.parametrize(("threads", "runs"), [(1, 1), (2, 1), (5, 2)])
def test_threads_are_shared_among_parallel_runs(threads: int, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _sessions(monkeypatch, fp32=0.0)
    backends = _open(_artifact(FP32), [], threads)
    assert backends.cpu is not None
    assert backends.cpu.parallel_runs == runs


def test_a_gpu_is_opened_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _sessions(monkeypatch, cuda=True, int8=0.0, fp16=0.4)
    backends = _open(_artifact(INT8, FP16), [])
    assert backends.gpu is not None
    assert backends.gpu.precision == "fp16"


@pytest.mark.parametrize(("tolerance", "opens"), [(None, False), (2.0, True)])
def test_a_variant_may_have_a_tolerance_of_its_own(
    tolerance: float | None, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sessions(monkeypatch, cuda=True, int8=0.0, fp16=1.5)
    backends = _open(_artifact(INT8, FP16.model_copy(update={"tolerance": tolerance})), [])
    assert (backends.gpu is not None) == opens


def test_a_gpu_without_a_variant_for_it_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    _sessions(monkeypatch, cuda=True, int8=0.0)
    assert _open(_artifact(INT8), lines).gpu is None
    [line] = lines
    assert "no fp16 variant" in line
    assert "`spanstream model build --gpu`" in line
    assert "\n" not in line


def test_without_a_gpu_a_missing_variant_for_it_is_no_word_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    _sessions(monkeypatch, cuda=False, int8=0.0)
    assert _open(_artifact(INT8), lines).gpu is None
    assert not lines


def test_a_lost_gpu_leaves_the_cpu_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    _sessions(monkeypatch, cuda=True, int8=0.0, fp16="no CUDA driver")
    backends = _open(_artifact(INT8, FP16), lines)
    assert backends.gpu is None
    assert lines == ["fp16 on cuda: no CUDA driver; trying the next session"]


def test_a_backlog_spills_past_the_seconds_that_the_cpu_would_take() -> None:
    cpu, gpu = _backend(runs=2), _backend("fp16")
    backends = Backends(cpu, gpu, spill_seconds=10.0)
    assert backends.choose(10**9) is cpu  # nothing is known yet
    backends.ran(cpu, 50, 1.0)  # one of two runs at a time: 100 windows a second
    assert backends.cpu_windows_per_second == 100.0
    assert backends.choose(1000) is cpu
    assert backends.choose(1001) is gpu


def test_only_the_cpus_runs_are_its_rate() -> None:
    cpu, gpu = _backend(), _backend("fp16")
    backends = Backends(cpu, gpu)
    backends.ran(gpu, 1000, 0.001)
    assert backends.cpu_windows_per_second is None
    backends.ran(cpu, 10, 0.0)
    assert backends.cpu_windows_per_second is None


def test_the_rate_follows_the_machine() -> None:
    cpu = _backend(runs=1)
    backends = Backends(cpu)
    for _ in range(1000):
        backends.ran(cpu, 1, 0.001)
    for _ in range(2000):
        backends.ran(cpu, 1, 0.01)
    assert backends.cpu_windows_per_second == pytest.approx(100.0, rel=0.05)


def test_runs_told_by_many_threads_are_all_counted() -> None:
    cpu = _backend(runs=4)
    backends = Backends(cpu)
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda _: backends.ran(cpu, 2, 0.5), range(2000)))
    assert backends.cpu_windows_per_second == pytest.approx(16.0)


def test_a_gpu_that_failed_rests_and_comes_back() -> None:
    now = [100.0]
    cpu, gpu = _backend(), _backend("fp16")
    backends = Backends(cpu, gpu, spill_seconds=1.0, rest_seconds=60.0, clock=lambda: now[0])
    backends.ran(cpu, 1, 100.0)
    assert backends.choose(10) is gpu
    assert backends.next_after(gpu) is cpu
    now[0] = 159.9
    assert backends.is_resting(gpu)
    assert backends.choose(10) is cpu
    now[0] = 160.0
    assert not backends.is_resting(gpu)
    assert backends.choose(10) is gpu


def test_a_batch_that_fails_on_the_cpu_is_to_blame_itself() -> None:
    cpu, gpu = _backend(), _backend("fp16")
    assert Backends(cpu, gpu).next_after(cpu) is None
    alone = Backends(None, gpu)
    assert alone.next_after(gpu) is None
    assert not alone.is_resting(gpu)
    assert alone.choose(1) is gpu


def test_at_least_one_backend_is_needed() -> None:
    with pytest.raises(ArtifactError):
        Backends(None)
