"""What the library's own tokenizer makes of a question and a context: the reference that windows are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spanstream.models.inference.packing import assemble
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import WindowShape, windows_of

_CONTEXT = 1


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window as lists; `offsets` holds the context's tokens only."""

    ids: list[int]
    type_ids: list[int]
    attention_mask: list[int]
    offsets: list[tuple[int, int]]


def fast_windows(fast: Any, question: str, context: str, *, max_length: int, stride: int) -> list[WindowRow]:
    """Cuts windows with the library; raises whatever the library raises."""
    fast.no_padding()
    fast.enable_truncation(max_length, stride=stride, strategy="only_second")
    encoding = fast.encode(question, context)
    rows = []
    for part in (encoding, *encoding.overflowing):
        offsets = [pair for pair, side in zip(part.offsets, part.sequence_ids, strict=True) if side == _CONTEXT]
        rows.append(WindowRow(part.ids, part.type_ids, part.attention_mask, offsets))
    return rows


def our_windows(tokenizer: Tokenizer, question: str, context: str, *, max_length: int, stride: int) -> list[WindowRow]:
    """Cuts windows with our own windowing."""
    shape = WindowShape(max_length, stride, tokenizer.template)
    document = tokenizer.tokenize_document(context)
    rows = []
    for window in windows_of(tokenizer.tokenize_question(question), document, shape):
        batch = assemble([window], pad_id=0)
        tokens = slice(window.token_start, window.token_end)
        offsets = list(zip(document.starts[tokens].tolist(), document.ends[tokens].tolist(), strict=True))
        rows.append(
            WindowRow(
                batch.input_ids[0].tolist(), batch.token_type_ids[0].tolist(), batch.attention_mask[0].tolist(), offsets
            )
        )
    return rows
