"""Draws the questions to label next out of what was answered, and writes and reads them as JSON lines.

answers, labels -> draw -> questions, documents -> TaskLine
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from sys import intern
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from spanstream.consumer.errors import Stop
from spanstream.consumer.feedback.judged_answers import metadata_of
from spanstream.consumer.operations.labelling.sources import LabellingSources
from spanstream.consumer.operations.published_questions import document_of
from spanstream.models.labelling.choosing import Candidate, Drawn, draw, group_of
from spanstream.models.labelling.labels import Task
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.events import Answer


class TaskLine(BaseModel):
    """A question to label, on a line. `candidate` is what the model would answer, [char_start, char_end]."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    question_id: str
    document_id: str | None
    question: str
    text: str
    candidate: tuple[int, int] | None
    confidence: float | None = None
    metadata: dict[str, str] = {}

    @classmethod
    def of(cls, task: Task, confidence: float | None = None) -> Self:
        """Writes a task down."""
        return cls(
            question_id=task.question_id,
            document_id=task.document_id,
            question=task.question,
            text=task.text,
            candidate=task.candidate,
            confidence=confidence,
            metadata=dict(task.metadata),
        )

    @property
    def task(self) -> Task:
        """The task that is written here."""
        return Task(self.question_id, self.document_id, self.text, self.question, self.candidate, self.metadata)


@dataclass(frozen=True, slots=True)
class NextTasks:
    """The questions to label next.

    Attributes:
        lines: each with its text.
        answered: of how many questions they were drawn.
        labelled: how many of those are labelled already.
        lost: how many were drawn whose question or text is not there any more.
    """

    lines: tuple[TaskLine, ...]
    answered: int
    labelled: int
    lost: int


def next_tasks(sources: LabellingSources, count: int, random_share: float) -> NextTasks:
    """Draws questions to label next.

    Args:
        sources: where the events are.
        count: how many.
        random_share: how many of them are drawn uniformly, 0 to 1.

    Raises:
        Stop, Retryable: as the sources do.
    """
    # Read twice: of a million questions, only what they are drawn by is kept.
    groups = dict.fromkeys((answer.question_id for answer in sources.answers()), "")
    for event in sources.questions():
        if event.question_id in groups:
            groups[event.question_id] = intern(group_of(event.question))
    labelled = groups.keys() & {one.question_id for one in sources.labels() if one.source == "person"}
    drawn = draw(list(starmap(Candidate, groups.items())), labelled, count, random_share)
    asked = {one.question_id for one in drawn}
    answers = {answer.question_id: answer for answer in sources.answers() if answer.question_id in asked}
    questions = {one.question_id: one for one in sources.questions() if one.question_id in asked}
    lines = []
    for one in drawn:
        answer, question = answers[one.question_id], questions.get(one.question_id)
        text = None if question is None else question.context
        if question is not None and text is None:
            text = sources.text(document_of(question, answer) or "")
        if question is not None and text is not None and sha256_of(text) == answer.document_sha256:
            lines.append(TaskLine.of(_task(answer, one, question.question, text), answer.confidence))
    return NextTasks(tuple(lines), len(groups), len(labelled), len(drawn) - len(lines))


def read_task_lines(file: Path) -> Iterator[Task]:
    """Yields the tasks of a file.

    Raises:
        Stop: it cannot be read, or a line is no task; the text names it.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield TaskLine.model_validate_json(line).task
            except ValidationError as error:
                problem = error.errors(include_url=False, include_input=False)[0]
                where = ".".join(map(str, problem["loc"])) or "the line"
                raise Stop(f"{file}:{number}: {where}: {problem['msg']}") from None


def _task(answer: Answer, drawn: Drawn, question: str, text: str) -> Task:
    candidate = None if answer.candidate is None else (answer.candidate.char_start, answer.candidate.char_end)
    metadata = drawn.metadata | metadata_of(answer)
    return Task(answer.question_id, answer.document_id, text, question, candidate, metadata)
