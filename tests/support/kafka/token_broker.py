"""A Kafka that lets users in by token: an OAuth server's (`oidc_bootstrap`), or MSK's (`msk_bootstrap`).

Kafka's own validator judges the first, `msk_validator/` beside this file the second. A session ends with its token,
and after `SESSION_SECONDS` at the latest: then the client has to log in again. Both users may do everything.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import KafkaBroker, kafka_jars
from tests.support.kafka.kafka_fixtures import start_broker
from tests.support.kafka.token_server import ACCESS_KEY, AUDIENCE, CLIENT_ID, CLIENT_SECRET, SECRET_KEY, TokenServer

SESSION_SECONDS = 4
_OAUTH = "org.apache.kafka.common.security.oauthbearer"


@dataclass
class TokenBroker(KafkaBroker):
    """A broker with the two listeners, and the servers that their logins need; see the module."""

    tokens: TokenServer = field(default_factory=TokenServer, repr=False)

    @property
    def oidc_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['OIDC']}"

    @property
    def msk_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['MSK']}"

    @property
    def msk_logins(self) -> list[str]:
        """When the token of each of MSK's logins was signed."""
        accepted = self.folder / "accepted"
        return accepted.read_text().split() if accepted.exists() else []

    @property
    def oidc_client(self) -> dict[str, str]:
        """librdkafka's properties for a login by the OAuth server."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": f"{self.tokens.url}/token",
            "sasl.oauthbearer.client.id": CLIENT_ID,
            "sasl.oauthbearer.client.secret": CLIENT_SECRET,
        }

    def restart(self) -> None:
        """Starts the process (again); the first time, with listeners of its own."""
        if "OIDC" not in self.ports:
            self._add_listeners()
        super().restart()

    def _java(self) -> list[str]:
        """Adds the validator to Kafka's jars, and the keys to the URLs that it may read."""
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.tokens.url}/jwks"
        *java, jars = super()._java()
        return [java[0], allowed, *java[1:], f"{jars}:{self.folder / 'classes'}"]

    def _add_listeners(self) -> None:
        """Appends to the broker's properties; of two lines with one name the later one counts."""
        source = Path(__file__).parent / "msk_validator" / "MskTokenValidator.java"
        jars = f"{kafka_jars()}/*"
        subprocess.run(["javac", "-d", self.folder / "classes", "-cp", jars, source], check=True)
        self.ports |= {"OIDC": free_port(), "MSK": free_port()}
        file = self.folder / "server.properties"
        before = dict(line.split("=", 1) for line in file.read_text().splitlines())
        added = ",".join(f"{name}://127.0.0.1:{self.ports[name]}" for name in ("OIDC", "MSK"))
        # The module logs the broker itself in too, with an unsigned token that nobody sees.
        module = f'{_OAUTH}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"'
        options = f'user="{ACCESS_KEY}" key="{SECRET_KEY}" accepted="{self.folder / "accepted"}"'
        properties = {
            "listeners": f"{before['listeners']},{added}",
            "advertised.listeners": f"{before['advertised.listeners']},{added}",
            "listener.security.protocol.map": (
                f"{before['listener.security.protocol.map']},OIDC:SASL_PLAINTEXT,MSK:SASL_PLAINTEXT"
            ),
            "super.users": f"User:ANONYMOUS;User:{CLIENT_ID};User:{ACCESS_KEY}",
            "sasl.oauthbearer.jwks.endpoint.url": f"{self.tokens.url}/jwks",
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "listener.name.oidc.oauthbearer.sasl.jaas.config": f"{module};",
            "listener.name.oidc.oauthbearer.sasl.server.callback.handler.class": (
                f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
            ),
            "listener.name.msk.oauthbearer.sasl.jaas.config": f"{module} {options};",
            "listener.name.msk.oauthbearer.sasl.server.callback.handler.class": "MskTokenValidator",
        }
        for listener in ("oidc", "msk"):
            properties[f"listener.name.{listener}.sasl.enabled.mechanisms"] = "OAUTHBEARER"
            properties[f"listener.name.{listener}.oauthbearer.connections.max.reauth.ms"] = str(SESSION_SECONDS * 1000)
        with file.open("a") as end:
            end.writelines(f"{name}={value}\n" for name, value in properties.items())


@pytest.fixture(scope="session")
def token_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenBroker]:
    """Yields the session's broker with logins by token."""
    broker = start_broker(TokenBroker, tmp_path_factory.mktemp("token-kafka"))
    yield broker
    broker.kill()
    broker.tokens.close()
