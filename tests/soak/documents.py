"""Documents that change while questions about them are asked, and which versions each question may be answered from."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.schemas.errors import Reason
from tests.soak.ledger import Expected
from tests.support.events.small_documents import SmallDocument, small_documents
from tests.support.kafka.stream import named

_DOCUMENTS = 120
_CHANGED_SHARE = 0.1  # of the documents, in each portion


class Kind(Enum):
    """What is odd about a question; the value is how many of a hundred are of this kind."""

    PLAIN = 75
    PINNED = 9
    """It asks for the version that is there now."""
    BAD = 5
    """It is no event."""
    NOWHERE = 4
    """Its document never comes."""
    LATE = 3
    """Its document comes after it."""
    DELETED = 2.5
    """Its document was deleted."""
    INLINE = 1.5
    """It brings its text along."""


@dataclass(frozen=True, slots=True)
class AskedVersion:
    """A question, and the version of its document that was the latest when it was asked (counted from 0).

    Attributes:
        pinned: whether it asks for this very version.
        reason: of the dead letter that has to come of it; None: it has to be answered.
        value: the record's.
    """

    name: str
    question: str
    about: str
    value: bytes
    version: int = 0
    pinned: bool = False
    reason: Reason | None = None

    def record(self, topic: str) -> Outgoing:
        """Returns the record that asks it."""
        return named(self.name, topic, self.about, self.value)


@dataclass(frozen=True, slots=True)
class Portion:
    """Questions, the documents to be published before them, and those that come only afterwards.

    Documents are ids with texts, or with None to delete them.
    """

    before: list[tuple[str, str | None]] = field(default_factory=list)
    asked: list[AskedVersion] = field(default_factory=list)
    after: list[tuple[str, str | None]] = field(default_factory=list)

    def before_records(self, topic: str) -> list[Outgoing]:
        """Returns the records of the documents that come first."""
        return [_document(topic, *change) for change in self.before]

    def after_records(self, topic: str) -> list[Outgoing]:
        """Returns the records of the documents that come last."""
        return [_document(topic, *change) for change in self.after]


class DocumentHistory:
    """Makes documents and questions from a seed, and knows what each question may be answered from.

    Attributes:
        texts: every text there was, by its SHA-256.
        asked: every question.
    """

    def __init__(self, seed: int) -> None:
        self.texts: dict[str, str] = {}
        self.asked: list[AskedVersion] = []
        self._seed = seed
        self._draw = random.Random(seed)  # noqa: S311  no secret
        self._versions: dict[str, list[str]] = defaultdict(list)
        self._samples: dict[str, SmallDocument] = {}
        self._portions = 0

    def any_id(self, draw: random.Random) -> str:
        """Chooses one of the documents that change."""
        return draw.choice(list(self._samples))

    def portion(self, count: int, *, plain: bool = False) -> Portion:
        """Makes so many questions; `plain`: only such as are answered."""
        self._portions += 1
        made = Portion()
        for sample in self._changed():
            self._samples[sample.document_id] = sample
            made.before.append((sample.document_id, self._write(sample.document_id, sample.text)))
        kinds = (
            [Kind.PLAIN] * count if plain else self._draw.choices(list(Kind), [kind.value for kind in Kind], k=count)
        )
        made.asked.extend(self._ask(f"q{self._portions}-{number}", kind, made) for number, kind in enumerate(kinds))
        self.asked += made.asked
        return made

    def expected(self) -> Iterator[Expected]:
        """Yields what may come of every question, after everything was published."""
        for asked in self.asked:
            versions = self._versions.get(asked.about, [])[asked.version :]
            reasons = {str(asked.reason)} if asked.reason else set()
            if asked.pinned:
                reasons |= {str(Reason.DOCUMENT_CHANGED)} if len(versions) > 1 else set()
                versions = versions[:1]
            allowed = () if asked.reason else tuple(versions)
            yield Expected(asked.name, asked.question, asked.about, allowed, frozenset(reasons))

    def _changed(self) -> list[SmallDocument]:
        """Returns documents with new texts: all of them at first, then some."""
        samples = small_documents(_DOCUMENTS, self._seed * 10_000 + self._portions)
        return samples if self._portions == 1 else self._draw.sample(samples, round(_DOCUMENTS * _CHANGED_SHARE))

    def _write(self, document_id: str, text: str) -> str:
        version = sha256(text.encode()).hexdigest()
        self.texts[version] = text
        if self._versions[document_id][-1:] != [version]:
            self._versions[document_id].append(version)
        return text

    def _ask(self, name: str, kind: Kind, made: Portion) -> AskedVersion:
        """Makes a question, and puts what its kind needs into the portion."""
        sample = self._draw.choice(list(self._samples.values()))
        about, question = sample.document_id, self._draw.choice(sample.questions)
        version = len(self._versions[about]) - 1
        match kind:
            case Kind.BAD:
                value = json.dumps({"question_id": name, "question": 7}).encode()
                asked = AskedVersion(name, "", about, value, reason=Reason.INVALID_EVENT)
            case Kind.NOWHERE:
                asked = _asked(name, question, f"nowhere-{name}", reason=Reason.DOCUMENT_MISSING)
            case Kind.DELETED:
                about = f"deleted-{name}"
                made.before.extend([(about, sample.text), (about, None)])
                asked = _asked(name, question, about, reason=Reason.DOCUMENT_MISSING)
            case Kind.LATE:
                about = f"late-{name}"
                made.after.append((about, self._write(about, sample.text)))
                asked = _asked(name, question, about)
            case Kind.INLINE:
                context = self._write(name, sample.text)
                value = json.dumps({"question_id": name, "question": question, "context": context}).encode()
                asked = AskedVersion(name, question, name, value)
            case Kind.PINNED:
                sha256_of_it = self._versions[about][version]
                asked = _asked(name, question, about, version=version, pinned=True, document_sha256=sha256_of_it)
            case Kind.PLAIN:
                asked = _asked(name, question, about, version=version)
        return asked


def _asked(
    name: str,
    question: str,
    about: str,
    *,
    version: int = 0,
    pinned: bool = False,
    reason: Reason | None = None,
    **fields: str,
) -> AskedVersion:
    value = {"question_id": name, "question": question, "document_id": about, **fields}
    return AskedVersion(name, question, about, json.dumps(value).encode(), version, pinned, reason)


def _document(topic: str, document_id: str, text: str | None) -> Outgoing:
    value = None if text is None else json.dumps({"document_id": document_id, "text": text}).encode()
    return named(document_id, topic, document_id, value)
