"""Asks the schema registry, through confluent-kafka's client, which keeps what it has been told.

client ── schema id unknown ───────────> InvalidRecord (the record is a dead letter)
       ── no answer, another refusal ──> Retryable (records wait; asked again after growing pauses)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx
from confluent_kafka.schema_registry.error import OAuthTokenError, SchemaRegistryError

from spanstream.consumer.clock import Clock, Deadline, SystemClock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.settings.registry import RegistrySettings
from spanstream.schemas.errors import InvalidRecord, Reason

_NO_ANSWER: Final[tuple[type[Exception], ...]] = (httpx.HTTPError, OAuthTokenError)
_SCHEMA_UNKNOWN: Final = 40403
_UNKNOWN: Final = frozenset({40401, _SCHEMA_UNKNOWN})  # the subject, the schema
_REFUSED: Final = frozenset({409, 422})  # not compatible, or not even of the same type
_MAX_SCHEMA_ID: Final = 2**31 - 1
# Seconds between two questions to a registry that gives no answer.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
_ADVICE: Final = "start the schema registry, or correct SPANSTREAM_REGISTRY__URL and __CLIENT"


class SchemaRegistry:
    """A schema registry. What it has answered once is not asked again; not safe for several threads at once.

    Args:
        settings: where it is; it has a URL.
        clock: measures the pauses after a failure.

    Raises:
        Stop: the client does not take the settings.
        Retryable: by all methods: the registry gives no answer.
    """

    def __init__(self, settings: RegistrySettings, clock: Clock | None = None) -> None:
        url = settings.url.get_secret_value() if settings.url else ""
        # The client's own retries would hold up the thread that talks to Kafka.
        options = {"url": url, "timeout": settings.timeout_seconds, "max.retries": 0, **settings.client}
        # Its lines of each request hold the URL, with its password.
        logging.getLogger(httpx.__name__).setLevel(logging.WARNING)
        try:
            self.client = SchemaRegistryClient(options)
        except (TypeError, ValueError, OSError) as error:
            # The client's text may quote what it was given.
            detail = f"the schema registry's client does not take its settings ({type(error).__name__})"
            raise Stop(detail, hint="correct SPANSTREAM_REGISTRY__URL and __CLIENT") from None
        self._clock = clock or SystemClock()
        self._pause: Deadline | None = None
        self._pause_seconds = _FIRST_PAUSE
        self._failure = ""

    def schema(self, schema_id: int) -> Schema:
        """Returns the schema with this id.

        Raises:
            InvalidRecord: the registry does not know it.
        """
        unknown = InvalidRecord(Reason.UNDECODABLE, f"schema id {schema_id} is unknown to the registry")
        if schema_id > _MAX_SCHEMA_ID:
            raise unknown
        with self._ask():
            try:
                return self.client.get_schema(schema_id)
            except SchemaRegistryError as error:
                if error.error_code != _SCHEMA_UNKNOWN:
                    raise
        raise unknown

    def id_of(self, subject: str, schema: Schema) -> int | None:
        """Returns the id under which a subject has this schema; None where it has not."""
        with self._ask():
            try:
                return self.client.lookup_schema(subject, schema).schema_id
            except SchemaRegistryError as error:
                if error.error_code in _UNKNOWN or error.http_status_code in _REFUSED:
                    return None
                raise

    def subjects(self) -> list[str]:
        """Returns all subjects that have a schema."""
        with self._ask():
            return list(self.client.get_subjects())

    def latest(self, subject: str) -> Schema:
        """Returns the latest schema of a subject that has one."""
        with self._ask():
            return self.client.get_latest_version(subject).schema

    def register(self, subject: str, schema: Schema, compatibility: str) -> int:
        """Registers a schema as the subject's latest version, sets the subject's compatibility, and returns the id.

        Raises:
            Stop: it does not go with the versions that are there.
        """
        with self._ask():
            try:
                schema_id = self.client.register_schema(subject, schema)
            except SchemaRegistryError as error:
                if error.http_status_code not in _REFUSED:
                    raise
                detail = f"the schema registry refuses our schema of {subject}: it does not go with the earlier ones"
                raise Stop(detail, hint="give the topic another name, or delete the subject") from error
            self.client.set_compatibility(subject, compatibility)
            return schema_id

    def references(self, schema: Schema) -> dict[str, Schema]:
        """Returns the schemas that a schema refers to, and those that they refer to, by the names that are imported."""
        found: dict[str, Schema] = {}
        for reference in schema.references or []:
            with self._ask():
                subject = reference.subject or ""
                imported = self.client.get_version(subject, reference.version or "latest", deleted=True).schema
            found |= {reference.name or "": imported, **self.references(imported)}
        return found

    @contextmanager
    def asking(self, *also: type[Exception]) -> Iterator[None]:
        """Turns what the client raises into `Retryable`; `also` are errors that only a broken answer can lead to."""
        try:
            yield
        except SchemaRegistryError as error:
            self._fail(f"HTTP status {error.http_status_code}")
        except (*_NO_ANSWER, *also) as error:
            # The client's text may quote the URL, with its password.
            self._fail(f"no answer ({type(error).__name__})")

    @contextmanager
    def _ask(self) -> Iterator[None]:
        if self._pause is not None and not self._pause.has_passed:
            raise Retryable(self._failure, hint=_ADVICE)
        with self.asking(OSError, ValueError, TypeError, KeyError, AttributeError):
            yield
        self._pause, self._pause_seconds = None, _FIRST_PAUSE

    def _fail(self, what: str) -> NoReturn:
        self._failure = f"the schema registry: {what}"  # /readyz says "waiting for" before it
        self._pause = Deadline(self._clock, self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE)
        raise Retryable(self._failure, hint=_ADVICE) from None
