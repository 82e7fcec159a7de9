"""Every way in which a wrong answer could be cut out of a text, on whole validation sets: not one comes through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spanstream.models.errors import DocumentChanged, InvalidSpan
from spanstream.models.inference.runner import ScoredWindow
from spanstream.models.reader import Reader
from spanstream.models.spans.aggregate import aggregate
from spanstream.models.spans.search import TokenSpan
from spanstream.models.spans.validate import Validator
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.tokenization import TokenizedDocument, Tokenizer, checksum_of
from tests.support.model.shared_data import VALIDATION_SETS, validation_examples

Case = tuple[ReadPlan, TokenSpan, str]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader.load()
    yield made
    made.close()


@pytest.fixture(scope="module", params=VALIDATION_SETS)
def cases(reader: Reader, request: pytest.FixtureRequest) -> list[Case]:
    """Reads each question: its plan, its best span, and the text at the span."""
    examples = validation_examples(request.param)
    documents = {example.context: reader.tokenize(example.context) for example in examples}
    plans = [reader.plan(example.context, documents[example.context], [example.question])[0] for example in examples]
    outcomes = reader.score(plans)
    cases: list[Case] = []
    for plan in plans:
        raw = aggregate(
            [scored.span for window in plan.windows if isinstance(scored := outcomes[window], ScoredWindow)]
        )
        candidate = reader.conclude(plan, outcomes).candidate
        assert raw.best is not None
        assert raw.best.span is not None
        assert candidate is not None
        cases.append((plan, raw.best.span, candidate.text))
    return cases


def published(validator: Validator, text: str, document: TokenizedDocument, span: TokenSpan) -> str | None:
    """Returns the text that would be published; None for a dead letter."""
    try:
        char_start, char_end = validator.char_span(text, document, span)
    except InvalidSpan:
        return None
    return text[char_start:char_end]


def damaged(document: TokenizedDocument, *, honest: bool, **arrays: Any) -> TokenizedDocument:
    """Replaces arrays; `honest` damage makes its checksum anew, as a wrong tokenizer or a bug would."""
    changed = replace(document, **arrays)
    if not honest:
        return changed
    return replace(changed, checksum=checksum_of(changed.ids, changed.starts, changed.ends, changed.words))


@pytest.mark.parametrize("honest", [False, True])
@pytest.mark.parametrize("shift", [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
def test_shifted_offsets_never_give_another_text(
    reader: Reader, cases: list[Case], shift: int, *, honest: bool
) -> None:
    validator = Validator(reader.artifact.tokenizer)
    stopped = 0
    for plan, span, right in cases:
        starts, ends = (
            np.clip(array + np.int32(shift), 0, len(plan.text)).astype(np.int32)
            for array in (plan.document.starts, plan.document.ends)
        )
        for arrays in ({"starts": starts, "ends": ends}, {"starts": starts}, {"ends": ends}):
            text = published(validator, plan.text, damaged(plan.document, honest=honest, **arrays), span)
            assert text in {None, right}
            stopped += text is None
    assert stopped > len(cases)


def test_truncated_arrays_never_give_another_text(reader: Reader, cases: list[Case]) -> None:
    validator = Validator(reader.artifact.tokenizer)
    for plan, span, right in cases:
        for name in ("ids", "starts", "ends", "words"):
            for cut in (getattr(plan.document, name)[1:], getattr(plan.document, name)[:-1]):
                assert published(validator, plan.text, damaged(plan.document, honest=True, **{name: cut}), span) in {
                    None,
                    right,
                }


def test_another_versions_text_is_a_changed_document(reader: Reader, cases: list[Case]) -> None:
    validator = Validator(reader.artifact.tokenizer)
    for plan, span, _ in cases[::10]:
        for text in ("Correction. " + plan.text, plan.text[1:], plan.text.replace("e", "E", 1)):
            with pytest.raises(DocumentChanged):
                validator.char_span(text, plan.document, span)


def test_another_tokenizers_document_is_stopped(reader: Reader, cases: list[Case]) -> None:
    definition = (reader.artifact.folder / "tokenizer.json").read_text(encoding="utf-8")
    cased = Tokenizer(definition.replace('"lowercase":true', '"lowercase":false', 1))
    assert cased.fingerprint != reader.artifact.tokenizer.fingerprint
    validator = Validator(reader.artifact.tokenizer)
    for plan, span, _ in cases[::10]:
        assert published(validator, plan.text, cased.tokenize_document(plan.text), span) is None
