"""What commands draw on a terminal of texts from outside: nothing in them acts, nothing in them is hidden."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from spanstream.consumer import cli
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.cli import answers as answers_command
from spanstream.consumer.cli.doctor import line_of
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.doctor import Finding, Level
from spanstream.consumer.replay.display.totals import survey_line, total_lines
from spanstream.consumer.replay.planning.survey import Survey
from spanstream.consumer.terminal.triage_panel import TriagePanel
from spanstream.schemas.answer_parts import Alternative, ModelInfo, RetrievedPassage, Span, WindowsRead
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer
from spanstream.schemas.triage import DocumentRead, FieldResult, FieldStatus, PlaybookInfo, Reasons, Triage

HARM = "\x1b[2J\x9b31m\u202e"  # clears the screen, begins red, turns the direction
SHOWN = "␛[2J⟨U+009B⟩31m⟨U+202E⟩"
ACTING = set("\x1b\x9b\u202e")


class Screen(io.TextIOWrapper):
    """Standard output as a terminal is; what was written to it, as text."""

    def __init__(self) -> None:
        self._written = io.BytesIO()
        super().__init__(self._written, encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        self.flush()
        return self._written.getvalue().decode()


def answer(*, given: bool, **fields: Any) -> bytes:
    span = Span(text=f"E{HARM}", char_start=0, char_end=1 + len(HARM))
    return encode(
        Answer(
            question_id="q\u202e",
            document_id="d\u202e",
            document_sha256="0" * 64,
            status="answered" if given else "no_answer",
            answer=span if given else None,
            candidate=span,
            confidence=0.5,
            null_score_diff=-1.0,
            windows=WindowsRead(total=1, read=1),
            model=ModelInfo(name="m", version="1", precision="int8", calibration="c"),
            metadata={},
            answered_at=datetime.now(UTC),
            **fields,
        )
    )


def harmful_triage() -> Triage:
    missing = dict.fromkeys(("value", "answer", "candidate", "confidence", "question"))
    field = FieldResult(status=FieldStatus.NO_ANSWER, is_default=False, detail=HARM, **missing)
    triage: Any = Triage.model_construct  # parts that are not drawn are left out
    document: Any = DocumentRead.model_construct
    playbook: Any = PlaybookInfo.model_construct
    record: Triage = triage(
        ticket_id=HARM,
        revision=1,
        route=HARM,
        priority=HARM,
        reason=Reasons(route=HARM, priority=HARM),
        fields={HARM: field},
        ask_customer=[HARM],
        document=document(cut=[]),
        playbook=playbook(name=HARM, version=HARM),
    )
    return record


def shown_answers(monkeypatch: pytest.MonkeyPatch, value: bytes, *options: str) -> str:
    def tail(*_: object, **__: object) -> Iterator[Record]:
        yield Record(Partition(f"t{HARM}", 0), 0, b"k", value)

    class ClosedStream:
        def __init__(self, _: object) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr(answers_command, "tail", tail)
    monkeypatch.setattr(answers_command, "KafkaPartitionReader", ClosedStream)
    return CliRunner().invoke(app, ["answers", *options]).stdout


@pytest.mark.parametrize("given", [True, False])
def test_answers_show_what_would_act_on_a_terminal(monkeypatch: pytest.MonkeyPatch, *, given: bool) -> None:
    shown = shown_answers(monkeypatch, answer(given=given))
    assert SHOWN in shown
    assert not ACTING & set(shown)


def test_an_answer_of_a_collection_shows_its_document_its_collection_and_the_best_passages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    span = Span(text="07:05", char_start=9, char_end=14)
    named: dict[str, Any] = {"document_id": "e\u202e", "document_sha256": "1" * 64}
    other = Alternative(span=span, confidence=0.25, null_score_diff=0.5, window=1, **named)
    passages = [
        RetrievedPassage(document_id=f"d-{number}\u202e", char_start=number, char_end=90, score=0.01)
        for number in range(5)
    ]
    value = answer(given=True, collection="kb", alternatives=[other], retrieved=passages)
    first, *rest = shown_answers(monkeypatch, value).splitlines()
    assert first.endswith("[d⟨U+202E⟩ 0:10]  of kb")
    assert rest == [
        "    or  0.25  07:05  [e⟨U+202E⟩ 9:14]",
        "    looked at d-0⟨U+202E⟩ 0:90, d-1⟨U+202E⟩ 1:90, d-2⟨U+202E⟩ 2:90, and 2 more",
    ]


def test_a_record_that_is_no_answer_shows_its_place_without_acting(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_answers(monkeypatch, b"no answer")
    assert SHOWN in shown
    assert not ACTING & set(shown)


def test_a_program_gets_an_event_as_it_is_and_a_terminal_gets_it_without_what_acts(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    value = f'{{"text": "{HARM}"}}'.encode()
    write_event(value)
    assert capfdbinary.readouterr().out == value + b"\n"
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    write_event(value)
    write_event(b"\xff\x1b[2J")
    assert screen.shown == f'{{"text": "{SHOWN}"}}\n\\xff␛[2J\n'


def test_a_triage_record_shows_its_reasons_and_names_without_acting() -> None:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(TriagePanel(harmful_triage()))
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert not ACTING & set(shown)


def test_a_finding_of_the_doctor_is_shown_without_acting() -> None:
    finding = Finding(Level.FAILED, "Kafka", f"it said {HARM}", f"look at {HARM}")
    assert line_of(finding).plain.count(SHOWN) == 2


def test_a_failure_is_one_line_that_does_not_act(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def program(**_: Any) -> None:
        raise Stop(f"ticket.json: {HARM}\nsaid so")

    monkeypatch.setattr(cli, "app", program)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == f"spanstream: ticket.json: {SHOWN} said so\n"


def test_what_is_wrong_with_a_playbook_is_shown_without_acting(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text('"\\e[2J": x\n')
    shown = CliRunner().invoke(app, ["triage", "check", str(file)]).stdout
    assert "␛[2J" in shown
    assert not ACTING & set(shown)


def test_what_a_replay_comes_to_is_shown_without_acting() -> None:
    survey = Survey(open=2, reasons=Counter({"\x1b[2Jwhy": 2}))
    totals = {"replayed": 0, "parked": 0, "manifest": "m.jsonl", "refusals": {"\x1b[2Jwhy": 1}, "vanished": 0}
    lines = [
        survey_line(survey, verb="will be", topic="t", selection="all"),
        *total_lines(totals, lost_to_retention=False),
    ]
    survey.selected, survey.refusals = 2, Counter({"\x1b[2Jwhy": 2})
    lines.append(survey_line(survey, verb="will be", topic="t", selection="all"))
    assert all("\x1b" not in line for line in lines)
    assert sum("why" in line for line in lines) == 3
