"""Builds an encoder's artifact out of a checkpoint.

    checkpoint -> export -> fuse, rewrite -> int8 (scales fixed at build) -> figures beside fp32 -> golden vectors, card

A few hundred passages of the validation files fix the scales, and all of them measure.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from spanstream.models.arrays import Int32Array
from spanstream.models.artifact import Variant, sha256_of_file, write_manifest
from spanstream.models.building.build_context import BuildContext
from spanstream.models.building.encoder.encoder_card import EncoderCardFigures, render_encoder_card
from spanstream.models.building.encoder.encoder_figures import (
    OpenVariant,
    check_batch_invariance,
    compare_speed,
    fastest,
    measure_file,
)
from spanstream.models.building.encoder.encoder_request import EncoderRequest
from spanstream.models.building.encoder.labelled_passages import read_passages
from spanstream.models.building.golden_logits import CONTEXTS, QUESTIONS
from spanstream.models.building.graph import rewrite
from spanstream.models.building.graph.export import export
from spanstream.models.building.graph.fusion import Fusions, fuse
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.building.variants.recipes import BuiltVariant, select_recipes
from spanstream.models.building.variants.selection import Say
from spanstream.models.checkpoints.checkpoint import CONFIG, Checkpoint
from spanstream.models.embedding.embedding_session import EmbeddingSession, row_of
from spanstream.models.embedding.encoder_artifact import EncoderManifest, GoldenVector, GoldenVectors
from spanstream.models.errors import BuildError
from spanstream.models.inference.packing import assemble_rows
from spanstream.models.staging import staged_folder

_VARIANT: Final = "int8-static-tamed"
# Another sound CPU may round some activations the other way: less than rounding all of them costs, which is int8's
# distance to fp32 (0.0014 in the mean). Scales chosen otherwise, without taming, are 0.007 off.
_GOLDEN_TOLERANCE: Final = 0.003
# fp32 sums in another order.
_SAME: Final = 1e-4
_SAMPLES: Final = 200
_TIMED: Final = 64
_USUAL_TOKENS: Final = 256


def build_encoder(request: EncoderRequest, output: Path, *, say: Say = print) -> None:
    """Builds an artifact into `output`, which is replaced.

    Raises:
        BuildError: an input is not what it should be; nothing is left behind.
    """
    with staged_folder(output) as finished, tempfile.TemporaryDirectory() as work:
        _EncoderBuild(request, Path(work), finished, say).run()
    say(f"built {output}")


class _EncoderBuild:
    """One build, from its inputs to the finished folder."""

    def __init__(self, request: EncoderRequest, work: Path, finished: Path, say: Say) -> None:
        self._request = request
        self._work = work
        self._finished = finished
        self._say = say
        self._checkpoint = Checkpoint.open(request.checkpoint)
        self._max_tokens = min(_trained_tokens(self._checkpoint.folder), self._checkpoint.max_positions)
        self._tokenizer = self._checkpoint.write_tokenizer(finished / "tokenizer.json")
        shutil.copy(self._checkpoint.folder / CONFIG, finished / CONFIG)
        self._about = request.about.read_text(encoding="utf-8").strip() if request.about else None
        self._files = [read_passages(path) for path in request.validation]
        self._rows = self._tokenize(chain.from_iterable(file.passages for file in self._files))

    def run(self) -> None:
        """Takes all steps."""
        pad_id = self._checkpoint.pad_id
        context = self._export()
        built = []
        for recipe in select_recipes([_VARIANT]):
            self._say(f"make {recipe.name}")
            built.append(BuiltVariant(recipe, self._work / f"{recipe.name}.onnx"))
            recipe.make(context, built[-1].path)
        self._say("tune, and compare with fp32")
        timed = self._rows[:: max(1, len(self._rows) // _TIMED)]
        fp32, int8 = (fastest(one, timed, pad_id=pad_id) for one in built)
        check_batch_invariance(int8, [*timed, *self._tokenize(["", "a", "two words"])])
        figures = EncoderCardFigures(
            request=self._request,
            checkpoint=self._checkpoint,
            files=[measure_file(file, fp32, int8, self._tokenizer, self._max_tokens) for file in self._files],
            speed=compare_speed(fp32, int8, timed),
            megabytes=int8.built.megabytes,
            about=self._about,
        )
        manifest = self._write(int8)
        (self._finished / "README.md").write_text(render_encoder_card(manifest, figures), encoding="utf-8")

    def _tokenize(self, texts: Iterable[str]) -> list[Int32Array]:
        return [row_of(text, self._tokenizer, self._max_tokens) for text in texts]

    def _export(self) -> BuildContext:
        """Exports and fuses the checkpoint, and checks that each gives the checkpoint's own vectors."""
        self._say("load and export")
        model = self._checkpoint.load_encoder()
        exported = export(model, self._work / "exported", task="feature-extraction")
        fused = fuse(exported, self._checkpoint, self._work / "fused.onnx", Fusions())
        graph = Graph.load(fused.path)
        head_size = self._checkpoint.hidden_size // self._checkpoint.heads
        rewrite.mask_by_dimension(graph, heads=self._checkpoint.heads, head_size=head_size)
        graph.save(self._work / "rewritten.onnx")
        samples = self._rows[:: max(2, len(self._rows) // _SAMPLES)]
        for path in (exported, self._work / "rewritten.onnx"):
            self._check(path, model, samples[:: max(1, len(samples) // 4)])
        note = f"attention of {fused.attentions} of {self._checkpoint.layers} layers fused"
        self._say(note)
        arrays = [assemble_rows([[(row, 0)]], pad_id=self._checkpoint.pad_id) for row in samples]
        return BuildContext(self._checkpoint, exported, self._work / "rewritten.onnx", note, self._work, arrays)

    def _check(self, path: Path, model: Any, rows: Sequence[Int32Array]) -> None:  # noqa: ANN401  torch publishes no types
        import torch  # noqa: PLC0415  seconds to import

        session = EmbeddingSession(
            path, Variant(file=path.name, precision="fp32", device="cpu"), pad_id=self._checkpoint.pad_id
        )
        for row, vector in zip(rows, session.run(rows), strict=True):
            with torch.inference_mode():
                states = model(input_ids=torch.from_numpy(row[None]).long()).last_hidden_state
                expected = torch.nn.functional.normalize(states.mean(dim=1)).numpy()[0]
            if not 1 - float(vector @ expected) < _SAME:
                raise BuildError(f"{self._checkpoint.name}: {path.stem} does not give the checkpoint's own vectors")

    def _write(self, int8: OpenVariant) -> EncoderManifest:
        """Writes the model, its golden vectors and the manifest, which names every file that is there by now."""
        variant = int8.built.variant(int8.options)
        shutil.copy(int8.built.path, self._finished / variant.file)
        texts = [*CONTEXTS, *QUESTIONS]
        vectors = [int8.session.run([row])[0] for row in self._tokenize(texts)]
        cases = tuple(
            GoldenVector(text=text, vector=tuple(round(float(number), 5) for number in vector))
            for text, vector in zip(texts, vectors, strict=True)
        )
        golden = GoldenVectors(tolerance=_GOLDEN_TOLERANCE, cases=cases)
        (self._finished / "golden.json").write_text(golden.model_dump_json() + "\n", encoding="utf-8")
        manifest = EncoderManifest(
            name=self._request.name,
            version=self._request.version,
            licence=self._request.licence,
            architecture=self._checkpoint.model_type,
            tokenizer_fingerprint=self._tokenizer.fingerprint,
            pad_id=self._checkpoint.pad_id,
            dimensions=self._checkpoint.hidden_size,
            max_tokens=self._max_tokens,
            variants=(variant,),
            files={file.name: sha256_of_file(file) for file in sorted(self._finished.iterdir())},
        )
        write_manifest(self._finished, manifest)
        return manifest


def _trained_tokens(folder: Path) -> int:
    """Returns the tokens that the checkpoint says it reads of a text.

    Raises:
        BuildError: it pools in another way than by the mean.
    """
    pooling, sentences = folder / "1_Pooling" / "config.json", folder / "sentence_bert_config.json"
    if pooling.is_file() and not json.loads(pooling.read_text(encoding="utf-8")).get("pooling_mode_mean_tokens"):
        raise BuildError(f"{pooling}: pools in another way than by the mean of the tokens")
    if not sentences.is_file():
        return _USUAL_TOKENS
    return int(json.loads(sentences.read_text(encoding="utf-8"))["max_seq_length"])
