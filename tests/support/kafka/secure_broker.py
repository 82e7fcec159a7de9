"""A Kafka that lets users in by password (SCRAM over TLS) or by certificate (mTLS), with the rights that a test grants.

Two listeners on top of `KafkaBroker`'s: `scram_bootstrap` and `mtls_bootstrap`. The keys of both sides are made at each
start. A user has one name on both listeners, and may do nothing until `grant` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs do not re-export them all
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from spanstream.consumer.settings import KafkaSettings
from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import start_broker
from tests.support.kafka.program import until

_SECONDS = 20
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transactional id": ResourceType.TRANSACTIONAL_ID}


class Right(NamedTuple):
    """One operation on a topic, group or transactional id; a name that ends with `*` stands for all that begin so."""

    operation: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.operation} on the {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class User:
    """A name with a password and a certificate; `key_password` opens the certificate's key."""

    name: str
    password: str
    key_password: str
    certificate: Path
    key: Path


@dataclass
class SecureBroker(KafkaBroker):
    """A broker with the two listeners; see the module."""

    authority: trustme.CA = field(default_factory=lambda: trustme.CA(key_type=trustme.KeyType.ECDSA), repr=False)

    @property
    def scram_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['SCRAM']}"

    @property
    def mtls_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['MTLS']}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def restart(self) -> None:
        """Starts the process (again); the first time, with keys of its own."""
        if "SCRAM" not in self.ports:
            self._add_listeners()
        super().restart()

    def user(self, name: str, password: str, key_password: str) -> User:
        """Makes a user who may do nothing yet."""
        credentials = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        upsertion = UserScramCredentialUpsertion(name, credentials, password.encode())
        admin = self._admin()  # kept: without a name it is gone before the answer comes
        for answer in admin.alter_user_scram_credentials([upsertion]).values():
            answer.result(_SECONDS)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._issue(certificate, key, BestAvailableEncryption(key_password.encode()), name, common_name=name)
        return User(name, password, key_password, certificate, key)

    def grant(self, user: User, rights: Iterable[Right]) -> None:
        """Gives the user these rights, and waits until the broker knows them."""
        wanted = [_binding(user, right) for right in rights]
        if not wanted:
            return
        admin = self._admin()
        for answer in admin.create_acls(wanted).values():
            answer.result(_SECONDS)
        anything = (ResourceType.ANY, None, ResourcePatternType.ANY)
        theirs = AclBindingFilter(*anything, f"User:{user.name}", None, AclOperation.ANY, AclPermissionType.ANY)  # type: ignore[arg-type]  # the stubs want names
        until(
            lambda: len(admin.describe_acls(theirs).result(_SECONDS)) >= len(set(wanted)), f"the rights of {user.name}"
        )

    def scram(self, user: User) -> KafkaSettings:
        """Returns the settings of a user who logs in with the password."""
        login = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user.name, "sasl.password": user.password}
        client = {"security.protocol": "SASL_SSL", "ssl.ca.location": str(self.ca_file), **login}
        return KafkaSettings(bootstrap_servers=self.scram_bootstrap, client=dict(client))

    def mtls(self, user: User) -> KafkaSettings:
        """Returns the settings of a user who shows the certificate."""
        pair = {"ssl.certificate.location": str(user.certificate), "ssl.key.location": str(user.key)}
        client = {"security.protocol": "SSL", "ssl.ca.location": str(self.ca_file), **pair}
        return KafkaSettings(
            bootstrap_servers=self.mtls_bootstrap, client={**client, "ssl.key.password": user.key_password}
        )

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap})

    def _add_listeners(self) -> None:
        """Appends to the broker's properties; of two lines with one name the later one counts."""
        self.authority.cert_pem.write_to_path(self.ca_file)
        store = self.folder / "broker.store.pem"
        self._issue(store, store, NoEncryption(), "127.0.0.1")
        self.ports |= {"SCRAM": free_port(), "MTLS": free_port()}
        file = self.folder / "server.properties"
        before = dict(line.split("=", 1) for line in file.read_text().splitlines())
        added = ",".join(f"{name}://127.0.0.1:{self.ports[name]}" for name in ("SCRAM", "MTLS"))
        properties = {
            "listeners": f"{before['listeners']},{added}",
            "advertised.listeners": f"{before['advertised.listeners']},{added}",
            "listener.security.protocol.map": f"{before['listener.security.protocol.map']},SCRAM:SASL_SSL,MTLS:SSL",
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca_file,
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        }
        with file.open("a") as end:
            end.writelines(f"{name}={value}\n" for name, value in properties.items())

    def _issue(
        self,
        certificate: Path,
        key: Path,
        encryption: KeySerializationEncryption,
        *identities: str,
        common_name: str | None = None,
    ) -> None:
        """Writes a certificate and its key, as PKCS#8: Kafka reads no other form. Both may be one file."""
        issued = self.authority.issue_cert(*identities, common_name=common_name, key_type=trustme.KeyType.ECDSA)
        private = load_pem_private_key(issued.private_key_pem.bytes(), None)
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        with certificate.open("ab") as end:
            end.write(b"".join(blob.bytes() for blob in issued.cert_chain_pems))


def _binding(user: User, right: Right) -> AclBinding:
    operation = AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", right.operation).upper()]  # DescribeConfigs
    who = (f"User:{user.name}", "*", operation, AclPermissionType.ALLOW)
    if right.name.endswith("*") and right.name != "*":  # alone, it stands for all of them
        return AclBinding(_KINDS[right.kind], right.name.removesuffix("*"), ResourcePatternType.PREFIXED, *who)
    return AclBinding(_KINDS[right.kind], right.name, ResourcePatternType.LITERAL, *who)


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """Yields the session's broker with users and rights."""
    broker = start_broker(SecureBroker, tmp_path_factory.mktemp("secure-kafka"))
    yield broker
    broker.kill()
