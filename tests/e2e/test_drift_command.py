"""Drift on a real broker: what a consumer answers is compared with its artifact's reference, live and by a command."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from spanstream.models.artifact import load_artifact, sha256_of_file, write_manifest
from spanstream.models.drift.reference import REFERENCE_FILE, Reference, write_reference
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.stream import Stream, artifact_folder, document, named, question
from tests.support.model.question_reads import UNKNOWN, drawn_reads

TEXT = "Ticket {0}: the nightly export stops with error FXP-{0} since Tuesday."
PUBLISHED, INLINE = 150, 70
ALL = PUBLISHED + INLINE
LONG = Reference.of(drawn_reads(3, 60), threshold=0.5, unknown_id=UNKNOWN)  # its texts are long, unlike these


def artifact_with(folder: Path, reference: Reference | None) -> Path:
    """Copies the artifact that is tested, with this reference or without one."""
    shutil.copytree(artifact_folder(), folder)
    (folder / REFERENCE_FILE).unlink(missing_ok=True)
    manifest = load_artifact(artifact_folder()).manifest
    files = {name: sha256 for name, sha256 in manifest.files.items() if name != REFERENCE_FILE}
    if reference is not None:
        write_reference(folder, reference)
        files[REFERENCE_FILE] = sha256_of_file(folder / REFERENCE_FILE)
    write_manifest(folder, manifest.model_copy(update={"files": files}))
    return folder


def publish(stream: Stream) -> None:
    """Publishes questions about documents, and some that bring their text along."""
    topics = stream.topics
    stream.publish([document(topics.documents, f"t{n}", TEXT.format(n)) for n in range(PUBLISHED)])
    asked = [question(topics.questions, f"q{n}", "Which error is shown?", f"t{n}") for n in range(PUBLISHED)]
    for number in range(PUBLISHED, ALL):
        event = {"question_id": f"q{number}", "question": "Since when?", "context": TEXT.format(number)}
        asked.append(named(f"q{number}", topics.questions, None, json.dumps(event).encode()))
    stream.publish(asked)


def scraped(program: Program) -> dict[tuple[str, str], float]:
    """Returns what is scraped now, by name and by the label `figure`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}/metrics") as reply:
        text = reply.read().decode()
    families = text_string_to_metric_families(text)
    return {(s.name, s.labels.get("figure", "")): s.value for family in families for s in family.samples}


def test_other_texts_than_those_of_the_reference_are_told_by_the_metrics_and_by_the_command(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    folder = artifact_with(tmp_path / "artifact", LONG)
    stream = Stream(kafka.bootstrap, tmp_path, settings={"MODEL__PATH": str(folder)})
    stream.create_topics()
    publish(stream)
    program = stream.start()
    until(lambda: scraped(program).get(("spanstream_drift_questions", "")) == ALL, f"{ALL} answers", every=0.5)
    live = {figure: value for (name, figure), value in scraped(program).items() if name == "spanstream_drift_psi"}
    assert live["document_tokens"] > 0.25
    assert program.stop() == 143

    done = stream.command("drift", "--json", "--check")
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert (said["questions"], said["without_text"], said["is_enough"]) == (ALL, 0, True)
    by_name = {figure["figure"]: figure for figure in said["figures"]}
    assert {name: round(figure["index"], 6) for name, figure in by_name.items()} == {
        name: round(value, 6) for name, value in live.items()
    }
    assert by_name["document_tokens"]["counted"] == ALL
    assert by_name["document_tokens"]["what_moved"].startswith("shorter documents: up to 64 was ")
    assert "document_tokens" in said["drifted"]

    shown = stream.command("drift", "--last", "210", "--no-texts")
    assert shown.returncode == 0
    lines = shown.stdout.decode()
    assert "210 answers, compared with 300 questions about 60 documents" in lines
    assert "210 answers without their text" in lines
    assert "document_windows" in lines
    assert "document_tokens" not in lines
    assert stream.command("drift", "--check", "--limit", "1000").returncode == 0
    few = stream.command("drift", "--last", "7", "--check")
    assert (few.returncode, b"too few to compare: at least 200 are needed" in few.stdout) == (0, True)
    stream.close()


def test_without_a_reference_the_command_says_in_one_line_what_to_do(kafka: KafkaBroker, tmp_path: Path) -> None:
    folder = artifact_with(tmp_path / "artifact", None)
    stream = Stream(kafka.bootstrap, tmp_path, settings={"MODEL__PATH": str(folder)})
    stream.create_topics()
    done = stream.command("drift")
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert "has no reference to compare with; spanstream model calibrate writes it" in line
    stream.close()
