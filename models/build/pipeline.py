"""Builds an artifact out of a checkpoint, in one go.

    checkpoint -> export, fuse (fp32) -> rewrite -> measure activations -> tame outliers -> int8
      -> read the validation set with both -> calibration, golden logits, figures -> manifest, card

All of it happens in a folder beside the output, which takes its place at the end: nothing half-written is left.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.artifact import Manifest, SessionOptions, Variant, sha256_of_file, write_manifest
from models.build import activations, outliers, quantize, rewrite
from models.build.card import Evaluation, card
from models.build.errors import BuildError
from models.build.export import Checkpoint, export
from models.build.fit import fit
from models.build.golden import golden
from models.build.graph import Graph
from models.build.predict import ReadingOptions, read_all
from models.build.record import write_record
from models.build.squad import Example, read_squad
from models.cpu import available_cpus
from models.packing import Batch, assemble
from models.session import OnnxSession
from models.tokenization import Tokenizer
from models.windowing import WindowShape, windows_of

Say = Callable[[str], None]

MAX_LENGTH: Final = 384
STRIDE: Final = 128
# An error message is longer than an encyclopedia's answer; 30 and 48 score the same on SQuAD.
MAX_ANSWER_TOKENS: Final = 48
_SAMPLE_WINDOWS: Final = 160

# Measured on two cores: the graph is final, so nothing is left to optimize at load; two runs of one thread each beat
# one run of two; past 512 padded tokens the activations leave the cache.
_SESSION: Final = SessionOptions(
    optimization_level="disabled",
    threads_per_run=1,
    max_batch_tokens=512,
    config={"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"},
)
_INT8: Final = Variant(file="model.int8.onnx", precision="int8", device="cpu", session=_SESSION)
_FP32: Final = Variant(
    file="fused.onnx",
    precision="fp32",
    device="cpu",
    session=SessionOptions(disabled_optimizers=("SkipLayerNormFusion",), config=_SESSION.config),
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an artifact is built from.

    Attributes:
        checkpoint: folder of a fine-tuned checkpoint in Hugging Face layout.
        validation: SQuAD v2.0 file for calibration and figures.
        samples: SQuAD v2.0 files whose texts show what activations look like; none: the validation file.
    """

    checkpoint: Path
    validation: Path
    samples: tuple[Path, ...] = ()


def build(inputs: Inputs, output: Path, *, name: str, version: str, say: Say = print) -> None:
    """Build an artifact into `output`, which is replaced.

    Args:
        inputs: checkpoint and data.
        output: the artifact's folder.
        name: the model's name.
        version: the artifact's version.
        say: told what is being done, one line a step.

    Raises:
        BuildError: an input is not what it should be; nothing is left behind.
    """
    if output.exists() and not (output / "manifest.json").exists() and any(output.iterdir()):
        raise BuildError(f"{output}: is not empty and no artifact: it is not overwritten")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as folder:
        work, finished = Path(folder) / "work", Path(folder) / "artifact"
        work.mkdir()
        finished.mkdir()
        _build(inputs, work, finished, name=name, version=version, say=say)
        if output.exists():
            shutil.rmtree(output)
        finished.rename(output)
    say(f"built {output}")


def _build(  # noqa: PLR0913  build's own arguments
    inputs: Inputs, work: Path, finished: Path, *, name: str, version: str, say: Say
) -> None:
    checkpoint = Checkpoint.open(inputs.checkpoint)
    examples = read_squad(inputs.validation)
    tokenizer = _copy_tokenizer(checkpoint.folder / "tokenizer.json", finished / "tokenizer.json")
    max_length = min(MAX_LENGTH, checkpoint.longest)
    shape = WindowShape(max_length, STRIDE, tokenizer.template)
    options = ReadingOptions(
        tokenizer, shape, checkpoint.pad_id, MAX_ANSWER_TOKENS, _SESSION.max_batch_tokens, available_cpus()
    )
    say("export and fuse")
    fused = export(checkpoint, work)
    say("quantize to int8")
    samples = [read_squad(path) for path in inputs.samples] or [examples]
    _quantize(fused, finished / _INT8.file, checkpoint, _sample(samples, options))
    say(f"read {len(examples)} validation questions in fp32 and in int8")
    float_reads = read_all(examples, OnnxSession(fused, _FP32), options)
    session = OnnxSession(finished / _INT8.file, _INT8)
    reads = read_all(examples, session, options)
    say("calibrate")
    fitted = fit(reads, f"{name}-{version}")
    say("write golden logits, manifest and card")
    expected = golden(session, tokenizer, shape, checkpoint.pad_id)
    (finished / "golden.json").write_text(expected.model_dump_json() + "\n", encoding="utf-8")
    write_record(finished, fitted, [inputs.validation])
    manifest = Manifest(
        name=name,
        version=version,
        architecture="bert",
        tokenizer_fingerprint=tokenizer.fingerprint,
        pad_id=checkpoint.pad_id,
        max_length=max_length,
        stride=STRIDE,
        max_answer_tokens=MAX_ANSWER_TOKENS,
        variants=(_INT8,),
        calibration=fitted.calibration,
        files={file.name: sha256_of_file(file) for file in sorted(finished.iterdir())},
    )
    write_manifest(finished, manifest)
    sampled = [path.name for path in inputs.samples] or [inputs.validation.name]
    evaluation = Evaluation(reads, float_reads, fitted, inputs.validation.name, sampled, finished / _INT8.file)
    (finished / "README.md").write_text(card(manifest, evaluation), encoding="utf-8")


def _copy_tokenizer(source: Path, target: Path) -> Tokenizer:
    """Without the cutting and filling that training left in it."""
    definition = json.loads(source.read_text(encoding="utf-8"))
    definition |= {"truncation": None, "padding": None}
    target.write_text(json.dumps(definition, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    return Tokenizer.load(target)


def _sample(files: Sequence[Sequence[Example]], options: ReadingOptions) -> list[Batch]:
    """Windows spread evenly over the files, each alone in its batch: padding would count as activations."""
    batches = []
    for examples in files:
        wanted = max(1, _SAMPLE_WINDOWS // len(files))
        for example in examples[:: max(1, len(examples) // wanted)][:wanted]:
            question = options.tokenizer.tokenize_question(example.question)
            document = options.tokenizer.tokenize_document(example.context)
            batches.append(assemble(windows_of(question, document, options.shape)[:1], pad_id=options.pad_id))
    return batches


def _quantize(fused: Path, output: Path, checkpoint: Checkpoint, samples: Sequence[Batch]) -> None:
    graph = Graph.load(fused)
    rewrite.mask_by_dimension(graph, heads=checkpoint.heads, head_size=checkpoint.hidden_size // checkpoint.heads)
    rewrite.quantize_word_embeddings(graph)
    ranges = outliers.tame(graph, activations.measure(graph, samples))
    quantize.quantize(graph, ranges)
    graph.save(output)
