"""Computes golden logits: what the built session gives for a few windows of support text.

At start every session must reproduce them on the CPU at hand. The tolerance lies between what another sound CPU may
differ by (a rounding of an activation that falls the other way) and what a wrong kernel gives. Measured with MiniLM
under an emulated Haswell (AVX2, no VNNI) against a CPU with AVX-512 VNNI: eleven of the twelve windows came out the
same to three places and one 0.06 off. With ordinary int8 weights, whose products saturate there, each was 0.3 to 0.9
off.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from spanstream.models.artifact import Golden, GoldenCase
from spanstream.models.inference.packing import assemble
from spanstream.models.inference.session import Session
from spanstream.models.spans.search import best_span
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import Window, WindowShape, windows_of

TOLERANCE: Final = 0.25

# Golden texts of every kind of artifact.
QUESTIONS: Final = (
    "What error code is shown?",
    "Since when does the export fail, and which version of the export service is running on that machine?",
    "Who reported it?",
)
CONTEXTS: Final = (
    "Code 7.",
    "The nightly export stops with error FXP-4107 since Tuesday. Ms. Okafor restarted the agent twice, in vain.",
    """Hello,

we updated the billing gateway to 4.12.1 on 3 March, and from that evening on every third invoice is printed without
its logo. The log says `WARN  asset cache miss: /brand/logo.svg (404)`. Clearing the cache helps for about an hour. Our
colleague Jonas in Malmö saw the same with 4.12.0.

Kind regards, Priya""",
    """2025-03-12 01:47:12,308 ERROR [worker-3] ChunkedWriter - FXP-4107: chunk 212 could not be sealed
java.io.IOException: No space left on device
    at test.example.export.ChunkedWriter.seal(ChunkedWriter.java:231)
    at test.example.export.NightlyJob.run(NightlyJob.java:88)
2025-03-12 01:47:12,311 INFO  [main] Scheduler - job nightly-export finished with status FAILED after 1047 s
The disk of that machine has 40 GB free, so the message makes no sense to us. The temporary folder is on another
volume, though, and it is only 2 GB large. Could the writer be using it? We run version 7.4.2 on two servers; the second
one, which has the temporary folder on its data volume, has never shown the problem. Reported by Desmond, night shift,
who also noticed that small exports of a single branch work fine at any time of the day.""",
)


def compute_golden(session: Session, tokenizer: Tokenizer, shape: WindowShape, pad_id: int) -> Golden:
    """Computes the golden windows' logits, each window alone."""
    cases = []
    for question, context, window in _windows(tokenizer, shape):
        logits = session.run(assemble([window], pad_id=pad_id))
        start, end = (tuple(round(float(value), 4) for value in row[0]) for row in (logits.start, logits.end))
        answerable = None if logits.answerable is None else round(float(logits.answerable[0]), 4)
        case = GoldenCase(
            question=question, context=context, start_logits=start, end_logits=end, answerable_logit=answerable
        )
        cases.append(case)
    return Golden(tolerance=TOLERANCE, cases=tuple(cases))


def golden_spans(
    session: Session, tokenizer: Tokenizer, shape: WindowShape, pad_id: int, max_answer_tokens: int
) -> list[tuple[int, int] | None]:
    """Returns each golden window's answer: the span's first and last token, None for "no answer"."""
    spans = []
    for _, _, window in _windows(tokenizer, shape):
        logits = session.run(assemble([window], pad_id=pad_id))
        best = best_span(window, logits.start[0], logits.end[0], max_answer_tokens)
        is_answered = best.span is not None and best.span.score > best.null_score
        spans.append((best.span.first, best.span.last) if is_answered and best.span else None)
    return spans


def _windows(tokenizer: Tokenizer, shape: WindowShape) -> Iterator[tuple[str, str, Window]]:
    """Yields question, context and their first window, for every pair."""
    for context, question in product(CONTEXTS, QUESTIONS):
        windows = windows_of(tokenizer.tokenize_question(question), tokenizer.tokenize_document(context), shape)
        yield question, context, windows[0]
