"""The second model: reads a question as the first one did, with a pause between two windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.shadow.queue import AnsweredQuestion
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import TooLarge
from spanstream.models.inference.runner import WindowOutcome
from spanstream.models.reader import Reader
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.windowing import Window
from spanstream.schemas.events import Answer


@dataclass(frozen=True, slots=True)
class ShadowModel:
    """Reads questions and makes their answers.

    Attributes:
        reader: the model.
        outcomes: makes its answers, for their topic.
        takes_plans: whether it reads the very windows that the first model does.
    """

    reader: Reader
    outcomes: Outcomes
    takes_plans: bool

    @property
    def facts(self) -> dict[str, str]:
        """Name, version and precision, as the metrics and the log call them."""
        manifest = self.reader.artifact.manifest
        precision = self.reader.backends.choose(0).precision
        return {"model": manifest.name, "model_version": manifest.version, "precision": precision}

    def answer(self, question: AnsweredQuestion, before_window: Callable[[], None]) -> tuple[Outgoing, Answer]:
        """Reads a question and makes its answer; `before_window` is called before each window, and may wait or raise.

        Returns:
            The record of the answer, and the answer.

        Raises:
            ModelError: the question cannot be read; as `Reader.read`.
            TooLarge: its answer cannot be sent.
        """
        plan = question.plan if self.takes_plans else self._plan(question.plan)
        scores: dict[Window, WindowOutcome] = {}
        for window in plan.windows:
            before_window()
            scores.update(self.reader.score([replace(plan, windows=(window,))]))
        reading = self.reader.conclude(plan, scores)
        outcome = self.outcomes.answer(question.record, question.question, plan.document.text_sha256, reading)
        if outcome.answer is None:
            raise TooLarge("the second model's answer is too large to be sent", record=outcome.outgoing)
        return outcome.outgoing, outcome.answer

    def _plan(self, plan: ReadPlan) -> ReadPlan:
        document = self.reader.tokenize(plan.text)
        [own] = self.reader.plan(plan.text, document, [plan.question.text], max_answers=plan.max_answers)
        return own
