"""A new model comes into a running stream: tried beside the old one first, then put in its place, member by member."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.operations.topics import topic_specs
from spanstream.models.artifact import load_artifact, sha256_of_file, write_manifest
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.events import Answer
from tests.e2e.conftest import MakeStream
from tests.support.events.small_documents import small_documents
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK, QUICK_CLASSIC
from tests.support.kafka.stream import Stream, artifact_folder, document, question, without_times
from tests.support.model.next_version import write_next_version
from tests.support.redis.redis_server import RedisServer

DOCUMENTS = small_documents(60, seed=17)


def publish(stream: Stream, numbers: range) -> list[str]:
    """Publishes these questions, and returns their ids."""
    asked: list[Outgoing] = []
    for number in numbers:
        about = DOCUMENTS[number % len(DOCUMENTS)]
        text = about.questions[number % len(about.questions)]
        asked.append(question(stream.topics.questions, f"q{number}", text, about.document_id))
    stream.publish(asked)
    return [f"q{number}" for number in numbers]


def publish_documents(stream: Stream) -> None:
    stream.publish([document(stream.topics.documents, sample.document_id, sample.text) for sample in DOCUMENTS])


def test_a_rolling_change_of_the_model_answers_each_question_once(
    kafka: KafkaBroker, streams: MakeStream, own_redis: RedisServer, tmp_path: Path
) -> None:
    old = load_artifact(artifact_folder()).manifest
    new = load_artifact(write_next_version(artifact_folder(), tmp_path / "new", other_tokenizer=True)).manifest
    # A cache in memory of nothing: every tokenization goes through Redis.
    settings = QUICK | QUICK_CLASSIC | {"REDIS__URL": own_redis.url, "CACHE__MEMORY_BYTES": "1"}
    stream = streams(kafka.bootstrap, 4, **settings, REDIS__TIMEOUT_SECONDS="5")
    publish_documents(stream)
    members = [stream.start(), stream.start()]
    for member in members:
        member.await_event("partitions_assigned")
    asked = publish(stream, range(300))
    with stream.watch() as watched:
        watched.await_count(50)
        for number, member in enumerate(members):
            asked += publish(stream, range(300 * (number + 1), 300 * (number + 2)))
            assert member.stop() == TERMINATED
            successor = stream.start(MODEL__PATH=str(tmp_path / "new"))
            successor.await_event("partitions_assigned")
        asked += publish(stream, range(900, 1000))
        watched.await_count(len(asked))
        watched.poll()
    assert Counter(watched.names) == Counter(asked)
    assert watched.failures == []
    assert {answer.model.version for answer in watched.answers} == {old.version, new.version}
    stream.await_no_lag()
    with own_redis.client() as client:
        kept = Counter(key.split(b":")[-2].decode() for key in client.keys("*"))
    assert kept.keys() == {old.tokenizer_fingerprint, new.tokenizer_fingerprint}
    # The same weights and the same calibration but for its name: whoever answered, it said the same.
    answers: dict[tuple[str, str], set[str]] = {}
    for answer in watched.answers:
        number = int(answer.question_id[1:])
        about = DOCUMENTS[number % len(DOCUMENTS)]
        said = answer.model_dump_json(include={"answer", "candidate", "confidence", "status"})
        answers.setdefault((about.document_id, about.questions[number % len(about.questions)]), set()).add(said)
    assert all(len(said) == 1 for said in answers.values())


def create_shadow_topic(stream: Stream) -> None:
    stream.topics = stream.topics.model_copy(update={"shadow_answers": f"{stream.name}.shadow"})
    specs = topic_specs(stream.topics, partitions=stream.partitions, shadow=True)
    TopicAdmin(stream.config).create([spec for spec in specs if spec.name == stream.topics.shadow_answers])


def shadow_answers(stream: Stream) -> dict[str, Answer]:
    records = stream.read(stream.topics.shadow_answers)
    return {answer.question_id: answer for answer in (decode_answer(record.value or b"") for record in records)}


def metrics(program: Program) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}/metrics", timeout=30) as reply:
        text: str = reply.read().decode()
    return text


@pytest.fixture(scope="module")
def stricter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a second model that declines more often."""
    return write_next_version(artifact_folder(), tmp_path_factory.mktemp("second") / "stricter", bias=-2.0)


def test_a_second_model_reads_the_same_questions_and_changes_no_answer(
    kafka: KafkaBroker, streams: MakeStream, stricter: Path
) -> None:
    plain = streams(kafka.bootstrap, **QUICK)
    tried = streams(kafka.bootstrap, **QUICK, MODEL__SHADOW_PATH=str(stricter))
    create_shadow_topic(tried)
    for stream in (plain, tried):
        publish_documents(stream)
        asked = publish(stream, range(120))
        member = stream.start()
        with stream.watch() as watched:
            watched.await_count(len(asked))
    until(lambda: len(shadow_answers(tried)) == len(asked), "the second answers", every=0.5)
    assert without_times(tried.read(tried.topics.answers)) == without_times(plain.read(plain.topics.answers))
    first = {answer.question_id: answer for answer in tried.answers()}
    second = shadow_answers(tried)
    assert {answer.model.version for answer in second.values()} == {"next"}
    assert sum(answer.status == "answered" for answer in second.values()) < len(asked)
    for name, answer in second.items():
        assert answer.candidate == first[name].candidate
        assert answer.confidence < first[name].confidence
    read = f'spanstream_shadow_questions_total{{outcome="read"}} {len(asked):.1f}'
    assert read in metrics(member)
    assert 'model_version="next"' in metrics(member)
    assert member.stop() == TERMINATED
    compared = json.loads(tried.command("model", "compare", "--topics", "--since", "1d", "--json").stdout)
    [comparison] = compared["comparisons"]
    declined = [name for name, answer in second.items() if (answer.answer is None) != (first[name].answer is None)]
    assert (comparison["questions"], compared["first_alone"], compared["second_alone"]) == (len(asked), 0, 0)
    assert comparison["agreement"]["counts"]["one_declined"] == len(declined) > 0
    assert comparison["second"]["version"] == "next"


def test_a_kill_leaves_each_answer_once_and_second_answers_that_can_be_told_by_their_ids(
    kafka: KafkaBroker, streams: MakeStream, stricter: Path
) -> None:
    stream = streams(kafka.bootstrap, **QUICK, **QUICK_CLASSIC_ONLY, MODEL__SHADOW_PATH=str(stricter))
    create_shadow_topic(stream)
    publish_documents(stream)
    asked = publish(stream, range(200))
    with stream.watch() as watched:
        for wanted in (40, 120):
            member = stream.start()
            watched.await_count(wanted)
            member.kill()
        stream.start()
        watched.await_count(len(asked))
        watched.poll()
    assert Counter(watched.names) == Counter(asked)
    assert shadow_answers(stream).keys() <= set(asked)


# QUICK has a Kafka client table of its own.
QUICK_CLASSIC_ONLY = {name: value for name, value in QUICK_CLASSIC.items() if name not in QUICK}


def test_whatever_is_wrong_with_the_second_model_the_stream_goes_on_and_says_so_once(
    kafka: KafkaBroker, streams: MakeStream, stricter: Path, tmp_path: Path
) -> None:
    damaged = write_next_version(artifact_folder(), tmp_path / "damaged")
    with (damaged / "model.int8.onnx").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"damaged")
    untested = write_next_version(artifact_folder(), tmp_path / "untested", "untested")
    spoil_golden_logits(untested)
    wrong = {
        "its SHA-256 is not the manifest's": {"MODEL__SHADOW_PATH": str(damaged)},
        "cannot be read": {"MODEL__SHADOW_PATH": str(tmp_path / "absent")},
        "no session passed its self-test": {"MODEL__SHADOW_PATH": str(untested)},
        # Nobody has created it.
        "UNKNOWN_TOPIC": {"MODEL__SHADOW_PATH": str(stricter), "TOPICS__SHADOW_ANSWERS": "nowhere"},
    }
    for says, settings in wrong.items():
        stream = streams(kafka.bootstrap, **QUICK, **settings)
        publish_documents(stream)
        asked = publish(stream, range(40))
        member = stream.start(**settings)
        with stream.watch() as watched:
            watched.await_count(len(asked))
        stopped = member.await_event("shadow_stopped")
        assert says in stopped["detail"], stopped
        more = publish(stream, range(40, 60))
        with stream.watch() as watched:
            watched.await_count(len(asked) + len(more))
        assert len(member.events("shadow_stopped")) == 1
        assert "spanstream_shadow_build_info{" not in metrics(member)
        with urllib.request.urlopen(f"http://127.0.0.1:{member.http_port}/readyz", timeout=30) as ready:
            assert ready.status == 200
        assert member.stop() == TERMINATED


def spoil_golden_logits(folder: Path) -> None:
    """Writes golden logits that no session gives."""
    golden = folder / "golden.json"
    artifact = load_artifact(folder)
    cases = tuple(
        case.model_copy(update={"start_logits": tuple(value + 50 for value in case.start_logits)})
        for case in artifact.golden.cases
    )
    golden.write_text(artifact.golden.model_copy(update={"cases": cases}).model_dump_json(), encoding="utf-8")
    files = artifact.manifest.files | {golden.name: sha256_of_file(golden)}
    write_manifest(folder, artifact.manifest.model_copy(update={"files": files}))
