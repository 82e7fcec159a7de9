"""Whatever happens to the members, labels are what the newest verdicts on the present texts say: random histories."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from spanstream.consumer.errors import Retryable
from spanstream.schemas.codec import decode_label
from spanstream.schemas.feedback import Feedback
from tests.support.memory.group_machine import GroupMachine
from tests.support.memory.memory_feedback import GROUP, TOPICS, FeedbackMember, MemoryFeedback, sha256_of

DOCUMENTS = ["d0", "d1", "d2"]
VERDICTS = ["accepted", "corrected", "no_answer", "unsure"]


class GivingFeedback(GroupMachine[FeedbackMember]):
    stream: MemoryFeedback
    group = GROUP

    def __init__(self) -> None:
        super().__init__()
        self.versions = 0
        self.texts: dict[str, str] = {}
        # The feedback on each answer since its document has its present text.
        self.on_present_text: dict[str, list[Feedback]] = {}
        self.given = 0

    @initialize(group_protocol=st.sampled_from(["classic", "consumer"]))
    def begin(self, group_protocol: str) -> None:
        self.stream = MemoryFeedback(group_protocol=group_protocol)
        self.join()

    # What people and other programs do.

    @rule(document_id=st.sampled_from(DOCUMENTS))
    def write_document(self, document_id: str) -> None:
        self.versions += 1
        self.texts[document_id] = f"Version {self.versions} stops with E42."
        self.stream.document(document_id, self.texts[document_id])
        self.forget(document_id)

    @rule(document_id=st.sampled_from(DOCUMENTS))
    def delete_document(self, document_id: str) -> None:
        self.texts.pop(document_id, None)
        self.stream.document(document_id, None)
        self.forget(document_id)

    @rule(
        document_id=st.sampled_from(DOCUMENTS),
        number=st.integers(0, 1),
        verdict=st.sampled_from(VERDICTS),
        source=st.sampled_from(["person", "suggested"]),
        times=st.integers(1, 2),
    )
    def say(self, document_id: str, number: int, verdict: str, source: str, times: int) -> None:
        question_id, text = f"{document_id}-q{number}", self.texts.get(document_id)
        fields: Any = {"verdict": verdict, "source": source, "text": text or "E42", "quoted": "E42"}
        feedback = self.stream.feedback(question_id, document_id, **fields)
        for _ in range(times):
            self.given += 1
            self.stream.give(feedback)
        if text is not None:
            self.on_present_text.setdefault(question_id, []).append(feedback)

    @rule(key=st.sampled_from(DOCUMENTS))
    def send_garbage(self, key: str) -> None:
        self.given += 1
        self.stream.send_raw(key.encode(), b"\xff")

    # What members, the broker and the clock do.

    @precondition(lambda self: len(self.stream.members) < 3)
    @rule()
    def join(self) -> None:
        self.stream.start()

    @rule(operation=st.sampled_from(["committed", "end_offsets", "read_at"]))
    def refuse_a_question(self, operation: Any) -> None:
        self.stream.broker.fail_next(operation, Retryable("as the test wants it"))

    @rule(topic=st.sampled_from([TOPICS.labels, TOPICS.documents]))
    def compact(self, topic: str) -> None:
        self.stream.broker.compact(topic)

    @rule(seconds=st.sampled_from([0.6, 5.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.stream.clock.sleep(seconds)

    # What holds whatever happens.

    @invariant()
    def no_record_has_two_outcomes(self) -> None:
        labels = [record.value for record in self.stream.label_records() if record.value is not None]
        ids = Counter(decode_label(value).feedback_id for value in labels)
        letters = Counter((letter.partition, letter.offset) for letter in self.stream.letters())
        assert max(letters.values(), default=1) == 1
        # Sent again after its label was deleted with the document, it may be looked at again; twice at once it is not.
        assert sum(ids.values()) + len(letters) <= self.given

    def teardown(self) -> None:
        if not hasattr(self, "stream"):
            return
        self.end_refusals()
        self.stream.settle()
        self.stream.until(lambda: self.stands() == self.expected())
        before = len(self.stream.label_records())
        for member in list(self.stream.members):
            member.turn(5)
        assert len(self.stream.label_records()) == before
        for member in list(self.stream.members):
            self.stream.close(member)
        self.no_record_has_two_outcomes()
        self.nothing_committed_is_taken_back()

    def forget(self, document_id: str) -> None:
        for question_id in [name for name in self.on_present_text if name.startswith(document_id)]:
            del self.on_present_text[question_id]

    def stands(self) -> dict[str, tuple[str | None, str | None]]:
        return {key: (label.feedback_id, label.document_sha256) for key, label in self.stream.labels().items()}

    def expected(self) -> dict[str, tuple[str | None, str | None]]:
        newest = {
            question_id: max(given, key=lambda feedback: (feedback.source == "person", feedback.given_at)).identified()
            for question_id, given in self.on_present_text.items()
        }
        texts = {question_id: sha256_of(self.texts[question_id.split("-")[0]]) for question_id in newest}
        return {question_id: (label.feedback_id, texts[question_id]) for question_id, label in newest.items()}


GivingFeedback.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestGivingFeedback = GivingFeedback.TestCase
