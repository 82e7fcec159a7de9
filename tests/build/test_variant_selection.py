"""Which variant is taken, and that a session which lets neighbours into a window's logits is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optimum", reason="the build group's tools are not installed (make test-build)")

from spanstream.models.artifact import SessionOptions
from spanstream.models.building.build_context import open_context, probes_of
from spanstream.models.building.graph import rewrite
from spanstream.models.building.graph.export import check_export, export
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.building.graph.rewrite import mask_by_dimension
from spanstream.models.building.variants.batch_invariance import BatchInvariance, measure_batch_invariance
from spanstream.models.building.variants.recipes import RECIPE_NAMES, RECIPES, BuiltVariant, select_recipes
from spanstream.models.building.variants.selection import (
    MARGIN,
    MeasurementData,
    SelectionEntry,
    VariantSelection,
    _fastest_accurate,
    _measure,
)
from spanstream.models.building.variants.timing import Speed
from spanstream.models.calibrating.folds import halve
from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.errors import BuildError
from spanstream.models.inference.packing import Batch, assemble
from spanstream.models.inference.session import Logits
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.metrics.squad_files import Example
from spanstream.models.text.windowing import Window, WindowShape, windows_of
from tests.support.model.tiny_checkpoints import write_tiny_checkpoint
from tests.support.model.trained_tokenizers import trained

REFERENCE, TAMED, STATIC, DYNAMIC, _ = RECIPES
TOKENIZER = trained("wordpiece-uncased")
SHAPE = WindowShape(48, 12, TOKENIZER.template)
OPTIONS = ReadingOptions(TOKENIZER, SHAPE, 0, 8, 512, 1)


def _entry(name: str, f1: float, *rounds: float) -> SelectionEntry:
    built = BuiltVariant(next(recipe for recipe in RECIPES if recipe.name == name), Path(f"{name}.onnx"))
    speed = Speed(rounds) if rounds else None
    invariance, scores = BatchInvariance(same_bits=True, changed_spans=0.0), np.full(100, f1)
    return SelectionEntry(built, SessionOptions(), invariance, (), (scores,), (f1,), speed)


@pytest.mark.parametrize(
    ("entries", "taken"),
    [
        ([("fp32", 64.0, 1.0), ("int8-static", 63.6, 2.0), ("int8-dynamic", 63.9, 1.5)], "int8-static"),
        ([("fp32", 64.0, 1.0), ("int8-static", 63.4, 2.0), ("int8-dynamic", 63.5, 1.5)], "int8-dynamic"),
        ([("fp32", 64.0, 1.0), ("int8-static", 20.0, 2.0)], "fp32"),
        ([("fp32", 64.0, 1.0), ("int8-static", 64.0, 0.9)], "fp32"),
        ([("fp32", 64.0, 1.0), ("int8-static", 63.6, 2.00), ("int8-static-tamed", 63.9, 1.95)], "int8-static-tamed"),
    ],
)
def test_the_fastest_within_the_margin_is_taken_and_of_equals_the_most_accurate(
    entries: list[tuple[str, float, float]], taken: str
) -> None:
    selected = _fastest_accurate([_entry(name, f1, *[speed] * 7) for name, f1, speed in entries])
    assert selected.built.recipe.name == taken


@pytest.mark.parametrize(("questions", "lost", "is_refused"), [(100, 1, False), (100, 3, True), (2000, 25, True)])
def test_a_loss_that_one_question_makes_is_no_reason_to_refuse_a_variant(
    questions: int, lost: int, is_refused: bool
) -> None:
    reference, entry = _entry("fp32", 100.0), _entry("int8-static", 100.0)
    right, fewer = np.full(questions, 100.0), np.full(questions, 100.0)
    fewer[:lost] = 0.0
    loss = replace(entry, question_f1=(fewer,)).loss(replace(reference, question_f1=(right,)))
    assert (loss > MARGIN) == is_refused


def test_rounds_that_disagree_are_noise() -> None:
    steady, restless = Speed((2.0,) * 7), Speed((2.6, 1.4, 1.5, 2.5, 1.6, 2.4, 1.5))
    assert not restless.is_slower_than(steady)
    assert Speed((1.5,) * 7).is_slower_than(steady)
    assert not steady.is_slower_than(Speed((2.04,) * 7))


def test_every_variant_is_told_why_it_was_taken_or_not() -> None:
    entries = (
        _entry("fp32", 64.0, 1.0),
        _entry("int8-static-tamed", 63.9, 2.0),
        _entry("int8-static", 63.4, 3.0),
        _entry("int8-dynamic", 63.9, 1.5),
    )
    selection = VariantSelection(entries, (), entries[1], windows=16)
    assert [selection.reason(entry) for entry in entries] == [
        "slower",
        "taken",
        "F1 0.60 below fp32, less one standard error: more than 0.5",
        "slower",
    ]


def test_the_reference_is_always_among_the_recipes() -> None:
    assert [recipe.name for recipe in select_recipes(["int8-dynamic"])] == ["fp32", "int8-dynamic"]
    assert [recipe.name for recipe in select_recipes([])] == list(RECIPE_NAMES)
    with pytest.raises(BuildError, match="no variant is called 'int9'"):
        select_recipes(["int9"])


class _LeakingSession:
    """Logits that are the token ids, and, where it `leaks`, something of the batch's length."""

    def __init__(self, *, leaks: float) -> None:
        self.leaks = leaks

    def run(self, batch: Batch) -> Logits:
        values = batch.input_ids.astype(np.float32)
        leaked = values + np.float32(self.leaks) * batch.input_ids.shape[0] * np.cos(values)
        return Logits(leaked, leaked[:, ::-1].copy() if self.leaks else values)


def _windows() -> list[Window]:
    question = TOKENIZER.tokenize_question("the train?")
    texts = [f"the train leaves at {number} from platform 7 " * (1 + number % 3) for number in range(8)]
    return [window for text in texts for window in windows_of(question, TOKENIZER.tokenize_document(text), SHAPE)]


@pytest.mark.parametrize("leaks", [1e-4, 50.0])
def test_neighbours_that_change_a_windows_logits_are_noticed(leaks: float) -> None:
    invariance = measure_batch_invariance(_LeakingSession(leaks=leaks), _windows(), OPTIONS)
    assert not invariance.same_bits
    assert invariance.changed_spans > 0


def test_logits_of_a_windows_own_are_seen_to_be_so() -> None:
    invariance = measure_batch_invariance(_LeakingSession(leaks=0.0), _windows(), OPTIONS)
    assert invariance == BatchInvariance(same_bits=True, changed_spans=0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return Checkpoint.open(str(write_tiny_checkpoint("bert", tmp_path_factory.mktemp("bert"))))


@pytest.fixture(scope="module")
def exported(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(checkpoint.load_model(), tmp_path_factory.mktemp("exported"))


def _examples(*, right: bool) -> list[Example]:
    texts = [f"the train leaves at {number} from platform 7" for number in range(20)]
    start = texts[0].index("platform")
    answers = (("platform 7",), (start,)) if right else ((), ())
    return [Example(str(n), "article", text, "from where?", *answers) for n, text in enumerate(texts)]


def test_labels_of_questions_that_guarantees_are_tested_on_have_no_part_in_the_figures_that_choose(
    exported: Path,
) -> None:
    built = BuiltVariant(REFERENCE, exported)
    invariance = BatchInvariance(same_bits=True, changed_spans=0.0)
    labels, others = _examples(right=True), _examples(right=False)
    choose = halve(labels).first
    assert 0 < choose.sum() < len(labels)
    changed = [label if chooses else other for label, other, chooses in zip(labels, others, choose, strict=True)]
    session = SessionOptions(max_batch_tokens=512)
    first, second, all_of_them = (
        _measure(built, session, invariance, MeasurementData([examples], mask, _windows(), OPTIONS))
        for examples, mask in ((labels, choose), (changed, choose), (changed, np.ones_like(choose)))
    )
    assert (first.f1, first.exact) == (second.f1, second.exact)
    assert all_of_them.f1 != second.f1
    assert len(second.reads[0]) == len(labels)


@pytest.fixture(scope="module")
def samples() -> list[Batch]:
    return [assemble([window], pad_id=0) for window in _windows()]


def test_a_rewriting_that_changes_the_logits_is_left_out_and_told(
    checkpoint: Checkpoint,
    exported: Path,
    samples: list[Batch],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = open_context(checkpoint, exported, tmp_path, samples)
    assert whole.graph.name == "rewritten.onnx"

    def wrong(graph: Graph, *, heads: int, head_size: int) -> None:
        mask_by_dimension(graph, heads=heads, head_size=head_size)
        for attention in graph.operators("MultiHeadAttention"):
            rewrite._set_attribute(attention, "scale", 1.0)

    monkeypatch.setattr(rewrite, "mask_by_dimension", wrong)
    lesser = open_context(checkpoint, exported, tmp_path, samples)
    assert lesser.graph.name == "fused.onnx"
    assert "; not fused: attention of 2 of 2 layers" in lesser.note
    assert "its logits were" in lesser.note


def test_an_export_of_other_weights_is_noticed(
    checkpoint: Checkpoint, exported: Path, samples: list[Batch], tmp_path: Path
) -> None:
    probes = probes_of(samples, 0)
    check_export(exported, checkpoint.load_model(), probes)
    other = Checkpoint.open(str(write_tiny_checkpoint("bert", tmp_path / "other", seed=8)))
    with pytest.raises(BuildError, match="off the checkpoint's own"):
        check_export(exported, other.load_model(), probes)
