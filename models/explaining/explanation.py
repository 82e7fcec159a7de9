"""What an answer is made of, as plain values that can be drawn or written as JSON.

Places in the text are code points, ends are exclusive. Tokens are counted in the document; the last one is inclusive.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExplainedToken:
    """A token of the document: its id, how the vocabulary spells it, and what it stands for in the text."""

    number: int
    token_id: int
    piece: str
    char_start: int
    char_end: int
    text: str
    in_span: bool


@dataclass(frozen=True, slots=True)
class ExplainedSpan:
    """A span of whole words and its raw scores; `score` is the sum of the two logits."""

    text: str
    char_start: int
    char_end: int
    first_token: int
    last_token: int
    start_logit: float
    end_logit: float
    score: float


@dataclass(frozen=True, slots=True)
class ExplainedWindow:
    """One window of the document.

    Attributes:
        number: counted from 1, in the document's order.
        is_read: whether the model read it; in a long document BM25 chooses.
        bm25: the score it was chosen by; None where all windows are read.
        shared: tokens that it shares with the question, as the vocabulary spells them; empty where all are read.
        null_score: the score of "no answer in this window"; None where it was not read.
        spans: the best ones that share no token, the best first.
    """

    number: int
    token_start: int
    token_end: int
    char_start: int
    char_end: int
    is_read: bool
    bm25: float | None = None
    shared: tuple[str, ...] = ()
    null_score: float | None = None
    spans: tuple[ExplainedSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedAnswer:
    """One answer among those of all windows.

    Attributes:
        rank: 1 is the candidate.
        window: that it was found in, counted from 1.
        further: where else the text begins.
        confidence: None where the artifact has no weights for alternatives.
    """

    rank: int
    text: str
    char_start: int
    char_end: int
    further: tuple[int, ...]
    window: int
    score: float
    null_score_diff: float
    confidence: float | None


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """What one figure adds to the confidence: `share` is weight times value, in log odds."""

    name: str
    value: float
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class ThresholdVerdict:
    """What a named threshold says to this confidence."""

    name: str
    threshold: float
    gives: bool


@dataclass(frozen=True, slots=True)
class ExplainedCheck:
    """One step of the validation; `problem` is None where the check holds."""

    check: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class ExpectedPlace:
    """One place of the answer that was expected, and why it is or is not the one that was given.

    Attributes:
        verdict: `given`, `below_threshold`, `lost_to_null`, `lost_to_span`, `window_not_read`, `cut_by_window`,
            `too_long`, `not_whole_words` or `no_token`.
        detail: the same in words, with the figures.
    """

    char_start: int
    char_end: int
    verdict: str
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an answer is made of.

    Attributes:
        question: as it was asked.
        model: name and version of the artifact.
        precision: of the weights that found the candidate.
        calibration: its name.
        tokens: of the document.
        damage: what is wrong with the tokens that were given; None: nothing, or they were made anew.
        windows: all windows of the document.
        null_score: the least of the windows that were read.
        candidate: the best span; None for a text without a word.
        null_score_diff: the null score minus the candidate's score.
        neighbourhood: the tokens of the candidate and some beside it.
        confidence: calibrated probability, 0 to 1, that the candidate is right.
        bias: what the confidence begins with, in log odds.
        features: what each figure adds.
        threshold: the one in use.
        thresholds: what the artifact's named ones say.
        validation: the checks, up to the one that finds a problem.
        expected: the places of the expected answer; empty where none was named, or where it is not in the text.
        expected_problem: why it has no place; None where it has.
        ranked: the answers over all windows, the candidate first; empty where only one was asked for.
    """

    question: str
    model: str
    precision: str
    calibration: str
    tokens: int
    damage: str | None
    windows: tuple[ExplainedWindow, ...]
    null_score: float
    candidate: ExplainedSpan | None
    null_score_diff: float | None
    neighbourhood: tuple[ExplainedToken, ...]
    confidence: float
    bias: float
    features: tuple[FeatureShare, ...]
    threshold: float
    thresholds: tuple[ThresholdVerdict, ...]
    validation: tuple[ExplainedCheck, ...]
    expected: tuple[ExpectedPlace, ...] = ()
    expected_problem: str | None = None
    ranked: tuple[ExplainedAnswer, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether the validation found nothing wrong."""
        return all(step.problem is None for step in self.validation)

    @property
    def verdict(self) -> str:
        """What becomes of the question: `answered`, `no_answer` or `dead letter`."""
        if not self.is_valid:
            return "dead letter"
        return "answered" if self.candidate is not None and self.confidence >= self.threshold else "no_answer"
