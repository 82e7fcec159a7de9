"""What to label next and the labels there are, out of topics (in memory here) and out of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.program import app
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.labelling.feedback import feedback_of, labels_of, uniformly_drawn, weighed
from spanstream.consumer.operations.labelling.sources import TopicSources
from spanstream.consumer.operations.labelling.tasks import next_tasks, read_task_lines
from spanstream.consumer.settings import Settings
from spanstream.models.labelling.labels import Label, Task
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.answer_parts import ModelInfo, Span, WindowsRead
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback, TicketField

TEXT = "Ticket: error E42 🚀 since Monday."
NOW = datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
SETTINGS = Settings()
TOPICS = SETTINGS.topics


def answer(question_id: str, confidence: float, text: str = TEXT) -> Answer:
    span = Span(text="E42", char_start=14, char_end=17)
    return Answer(
        question_id=question_id,
        document_id="d",
        document_sha256=sha256_of(text),
        status="no_answer",
        answer=None,
        candidate=span,
        confidence=confidence,
        null_score_diff=0.0,
        windows=WindowsRead(total=1, read=1),
        model=ModelInfo(name="m", version="1", precision="int8", calibration="c"),
        metadata={},
        answered_at=NOW,
    )


def feedback(question_id: str, quoted: str | None = "E42") -> Feedback:
    start = TEXT.index(quoted or "T")
    span = None if quoted is None else (start, start + len(quoted))
    return feedback_of(Label(Task(question_id, "d", TEXT, "Which error?", span), span, "ada", NOW))


@dataclass
class TopicsAndReaders:
    """The topics, and what reads them."""

    broker: MemoryBroker
    sources: TopicSources

    def publish(self, topic: str, key: str, value: bytes | None) -> None:
        publisher = self.broker.publisher(transactions=False)
        publisher.publish([Outgoing(topic, key.encode(), value)], {})

    def ask(self, *question_ids: str, text: str = TEXT) -> None:
        self.publish(TOPICS.documents, "d", encode(Document(document_id="d", text=TEXT)))
        for number, name in enumerate(question_ids):
            asked = Question(question_id=name, question="Which error?", document_id="d")
            self.publish(TOPICS.questions, "d", encode(asked))
            self.publish(TOPICS.answers, "d", encode(answer(name, 0.1 + 0.01 * number, text)))


@pytest.fixture
def stream() -> Iterator[TopicsAndReaders]:
    broker = MemoryBroker()
    for name in (TOPICS.documents, TOPICS.questions, TOPICS.answers, TOPICS.labels):
        broker.create_topic(name, 2)
    sources = TopicSources(SETTINGS, broker.reader, SystemClock())
    yield TopicsAndReaders(broker, sources)
    sources.close()


def test_what_is_labelled_is_not_asked_for_again(stream: TopicsAndReaders) -> None:
    stream.ask("q-1", "q-2", "q-3")
    stream.publish(TOPICS.labels, "q-2", encode(feedback("q-2")))
    drawn = next_tasks(stream.sources, 5, 0.5)
    assert {line.question_id for line in drawn.lines} == {"q-1", "q-3"}
    assert (drawn.answered, drawn.labelled, drawn.lost) == (3, 1, 0)
    for line in drawn.lines:
        assert (line.text[slice(*(line.candidate or (0, 0)))], line.metadata["sampling"]) in [
            ("E42", "random"),
            ("E42", "spread"),
        ]


def test_a_question_that_was_judged_as_a_field_of_a_ticket_is_not_asked_for_again(stream: TopicsAndReaders) -> None:
    stream.ask("q-1", "q-2")
    field = TicketField(ticket_id="T-1", name="error")
    judged = feedback("q-2").model_copy(update={"field": field})
    stream.publish(TOPICS.labels, judged.label_key, encode(judged))
    drawn = next_tasks(stream.sources, 5, 0.5)
    assert ([line.question_id for line in drawn.lines], drawn.labelled) == (["q-1"], 1)


def test_a_label_that_was_deleted_holds_no_more(stream: TopicsAndReaders) -> None:
    stream.ask("q-1")
    stream.publish(TOPICS.labels, "q-1", encode(feedback("q-1")))
    stream.publish(TOPICS.labels, "q-1", None)
    assert next_tasks(stream.sources, 1, 1).labelled == 0


def test_an_answer_about_another_version_of_the_document_is_no_task(stream: TopicsAndReaders) -> None:
    stream.ask("q-1", text="another")
    assert (next_tasks(stream.sources, 1, 1).lines, next_tasks(stream.sources, 1, 1).lost) == ((), 1)


def test_feedback_becomes_the_label_that_it_was_made_of() -> None:
    for quoted in ("E42", None):
        one = feedback("q", quoted)
        [label] = labels_of([one], lambda _: TEXT).labels
        assert feedback_of(label) == one
        assert (label.answer, label.by, label.given_at) == (quoted, "ada", NOW)


def test_feedback_that_cannot_be_an_example_is_counted_by_why() -> None:
    cut = feedback("q").model_copy(update={"span": Span(text="42", char_start=15, char_end=17)})
    unsure = feedback("q").model_copy(update={"verdict": "unsure", "span": None})
    found = labels_of([cut, unsure, feedback("q")], lambda _: TEXT)
    assert (len(found.labels), found.refused, found.unsure, found.lost) == (1, 1, 1, 0)
    assert labels_of([feedback("q")], lambda _: "changed").lost == 1
    assert labels_of([feedback("q")], lambda _: None).lost == 1


def test_feedback_on_a_field_of_a_ticket_keeps_its_field() -> None:
    one = feedback("T-1\terror")
    assert one.field is not None
    assert (one.question_id, one.field.ticket_id, one.field.name) == (None, "T-1", "error")


def test_labels_of_several_uniform_draws_count_alike_and_those_that_nobody_drew_as_one() -> None:
    def label(number: int, **metadata: str) -> Label:
        return Label(Task(f"q-{number}", "d", TEXT, "Which?", metadata=metadata), None, "ada", NOW)

    rounds = [label(n, sampling="random", inclusion_probability="0.05" if n < 10 else "0.1") for n in range(20)]
    sent_in = label(99, team="night")
    weights = {one.task.question_id: one.example.weight for one in weighed([*rounds, sent_in])}
    assert len({weights[one.task.question_id] for one in rounds}) == 1
    spread = label(50, sampling="spread", sampling_group="a", inclusion_probability="0.5")
    uniform = uniformly_drawn([*rounds, spread])
    assert {one.example.weight for one in uniform} == {1}
    assert len(uniform) >= 20


def test_labels_of_one_question_count_alike_and_those_of_a_rare_one_less() -> None:
    def label(number: int, group: str, way: str, chance: str) -> Label:
        drawn = {"sampling": way, "sampling_group": group, "inclusion_probability": chance}
        return Label(Task(f"q-{number}", "d", TEXT, "Which?", metadata=drawn), None, "ada", NOW)

    often = [label(n, "often", "random" if n % 2 else "spread", f"{0.01 * (n + 1)}") for n in range(10)]
    seldom = [label(20, "seldom", "spread", "0.5"), label(21, "seldom", "spread", "1")]
    sent_in = Label(Task("q-99", "d", TEXT, "Which?"), None, "ada", NOW)
    assert [one.example.weight for one in weighed([*often, *seldom, sent_in])] == [10.0] * 10 + [1.0] * 3


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None, result.output
    return result.stdout


@pytest.mark.parametrize("form", ["label-studio", "argilla"])
def test_from_files_through_another_program_to_examples(tmp_path: Path, form: str) -> None:
    documents, answers = tmp_path / "documents.jsonl", tmp_path / "answers.jsonl"
    questions, tasks = tmp_path / "questions.jsonl", tmp_path / "tasks.jsonl"
    documents.write_bytes(encode(Document(document_id="d", text=TEXT)))
    answers.write_bytes(encode(answer("q-1", 0.4)) + b"\n\n" + encode(answer("q-2", 0.5)))
    asked = [Question(question_id=name, question=f"Which in {name}?", document_id="d") for name in ("q-1", "q-2")]
    questions.write_bytes(b"\n".join(map(encode, asked)))
    files = ["--answers", str(answers), "--questions", str(questions), "--documents", str(documents)]
    assert "q-1" in run("label", "next", *files)
    tasks.write_text(run("label", "next", "--json", *files), encoding="utf-8")
    assert {task.question_id for task in read_task_lines(tasks)} == {"q-1", "q-2"}

    exported = json.loads(run("label", "export", "--format", form, "--tasks", str(tasks)))
    for task in exported:  # as somebody who accepts what is suggested
        if form == "argilla":
            value = task["suggestions"]["answer"]["value"]
            task["responses"] = {"answer": [{"value": value, "user_id": "5f4c3f0e-1c55-4c9a-9a43-7f4a1d0c2b11"}]}
        else:
            task["annotations"] = [{"result": task["predictions"][0]["result"], "completed_by": 1}]
    file, feedback_file = tmp_path / "labelled.json", tmp_path / "feedback.jsonl"
    file.write_text(json.dumps(exported), encoding="utf-8")
    feedback_file.write_text(run("label", "import", "--format", form, str(file)), encoding="utf-8")
    said = [json.loads(line) for line in feedback_file.read_text(encoding="utf-8").splitlines()]
    assert {(one["verdict"], one["span"]["text"]) for one in said} == {("accepted", "E42")}
    assert all(0 < float(one["metadata"]["inclusion_probability"]) <= 1 for one in said)

    labels = ["--feedback", str(feedback_file), "--documents", str(documents)]
    run("model", "examples", "--output", str(tmp_path / "examples"), "--held-out", "0", *labels)
    [article] = json.loads((tmp_path / "examples" / "train.json").read_text(encoding="utf-8"))["data"]
    assert {qa["id"] for qa in article["paragraphs"][0]["qas"]} == {"q-1", "q-2"}
    squad = json.loads(run("label", "export", "--format", "squad", *labels))
    assert squad["data"][0]["paragraphs"][0]["context"] == TEXT


def test_one_kind_of_events_may_come_over_standard_input(tmp_path: Path) -> None:
    texts = tmp_path / "documents.jsonl"
    texts.write_bytes(encode(Document(document_id="d", text=TEXT)))
    command = ["label", "export", "--format", "squad", "--feedback", "-", "--documents"]
    result = CliRunner().invoke(app, [*command, str(texts)], input=encode(feedback("q-1")))
    assert json.loads(result.stdout)["data"][0]["paragraphs"][0]["qas"][0]["id"] == "q-1"
    twice = CliRunner().invoke(app, [*command, "-"], input=encode(feedback("q-1")))
    assert str(twice.exception) == "standard input (-) can be read once only"


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"
    file.write_text("\n{}", encoding="utf-8")
    result = CliRunner().invoke(app, ["label", "export", "--format", "squad", "--feedback", str(file)])
    assert isinstance(result.exception, Stop)
    assert str(result.exception).startswith(f"{file}:2: ")


def test_a_promise_that_labels_break_ends_the_watch_with_one_line(tmp_path: Path) -> None:
    answers, labels, metrics = tmp_path / "answers.jsonl", tmp_path / "feedback.jsonl", tmp_path / "promise.prom"
    drawn = {"sampling": "random"}
    span = answer("q", 0.9).candidate
    given = [answer(f"q-{n}", 0.9).model_copy(update={"status": "answered", "answer": span}) for n in range(60)]
    said = [feedback(f"q-{n}", "E42" if n % 2 else None).model_copy(update={"metadata": drawn}) for n in range(60)]
    answers.write_bytes(b"\n".join(map(encode, given)))
    labels.write_bytes(b"\n".join(map(encode, said)))
    files = ["--answers", str(answers), "--feedback", str(labels), "--metrics", str(metrics)]
    result = CliRunner().invoke(app, ["label", "watch", "--right", "40", *files])
    assert "30 of 60 labelled answers are wrong" in result.stdout
    assert isinstance(result.exception, Stop)
    assert str(result.exception).startswith("the confidence is too high; ")
    assert 'spanstream_promise_wrong{promise="allowed"} 30.0' in metrics.read_text(encoding="utf-8")


def test_a_threshold_that_the_artifact_lacks_is_refused_as_a_run_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tmp_path / "feedback.jsonl"
    labels.write_bytes(encode(feedback("q", None)))
    files = ["--answers", str(labels.with_name("none")), "--feedback", str(labels)]
    monkeypatch.setenv("SPANSTREAM_MODEL__THRESHOLD", "guarantee-99")
    result = CliRunner().invoke(app, ["label", "watch", *files])
    assert isinstance(result.exception, Stop)
    assert str(result.exception).startswith(
        "setting SPANSTREAM_MODEL__THRESHOLD: no threshold 'guarantee-99' in the artifact; take one of "
    )


def test_labels_that_nobody_drew_test_no_promise(tmp_path: Path) -> None:
    answers, labels = tmp_path / "answers.jsonl", tmp_path / "feedback.jsonl"
    one = answer("q", 0.9)
    answers.write_bytes(encode(one.model_copy(update={"status": "answered", "answer": one.candidate})))
    labels.write_bytes(encode(feedback("q", None)))
    said = run("label", "watch", "--answers", str(answers), "--feedback", str(labels))
    assert said.startswith("0 of 0 labelled answers are wrong (of all 0.0 to 100.0 %)")


def test_a_collections_answer_is_a_task_in_the_document_that_it_quotes(stream: TopicsAndReaders) -> None:
    stream.publish(TOPICS.documents, "d", encode(Document(document_id="d", text=TEXT, collections=["kb"])))
    asked = Question(question_id="q", question="Which error?", collection="kb")
    stream.publish(TOPICS.questions, "q", encode(asked))
    stream.publish(TOPICS.answers, "q", encode(answer("q", 0.5).model_copy(update={"collection": "kb"})))
    [line] = next_tasks(stream.sources, 1, 1).lines
    assert (line.document_id, line.text) == ("d", TEXT)


def test_of_two_labels_on_a_collections_question_the_newer_one_holds_and_a_deletion_is_of_its_own_partition(
    stream: TopicsAndReaders,
) -> None:
    publisher = stream.broker.publisher(transactions=False)
    newer = feedback("q").model_copy(update={"document_id": "e", "given_at": NOW + timedelta(seconds=1)})
    for number, label in ((0, newer), (1, feedback("q"))):
        publisher.publish([Outgoing(TOPICS.labels, b"q", encode(label), (), number)], {})
    assert [label.document_id for label in stream.sources.labels()] == ["e"]
    publisher.publish([Outgoing(TOPICS.labels, b"q", None, (), 1)], {})
    assert [label.document_id for label in stream.sources.labels()] == ["e"]
