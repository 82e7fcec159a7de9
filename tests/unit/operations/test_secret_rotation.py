"""What becomes of a secret whose file has changed: told to the clients, or the stream ends for a new start."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog.testing

from spanstream.consumer.broker.kafka.credentials import Credentials
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations import secret_rotation
from spanstream.consumer.operations.secret_rotation import SecretRotation
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.environment import files_in
from spanstream.consumer.settings.loading import load_settings
from tests.support.kafka.program import until
from tests.support.kafka.secret_mount import SecretMount

SECRETS = {
    "password": "p-1",
    "url": "redis://:r-1@cache",
    "key": "k-1",
    "ca": "c-1",
    "registry": "qa:s-1",
    "registry-key": "s-1",
    "answers": "a-1",
    "model": "m-1",
}


class RotationScene:
    """A stream's settings with all their secrets in files, and what is told of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mount = SecretMount(folder, **SECRETS)
        for name, file in {
            "KAFKA__CLIENT__SASL_PASSWORD_FILE": "password",
            "KAFKA__CLIENT__SSL_KEY_PASSWORD_FILE": "key",
            "KAFKA__CLIENT__SSL_CA_LOCATION": "ca",
            "REDIS__URL_FILE": "url",
            "REGISTRY__CLIENT__BASIC_AUTH_USER_INFO_FILE": "registry",
            "REGISTRY__CLIENT__SSL_KEY_LOCATION": "registry-key",
            "ANSWERS_API__TOKEN_FILE": "answers",
            "MODEL__TOKEN_FILE": "model",
        }.items():
            monkeypatch.setenv(f"SPANSTREAM_{name}", str(folder / file))
        monkeypatch.setenv("SPANSTREAM_KAFKA__CLIENT__SASL_USERNAME", "qa")
        self.credentials = Credentials()
        monkeypatch.setattr(secret_rotation, "CREDENTIALS", self.credentials)
        self.credentials.add(self)
        self.logins: list[tuple[str, str]] = []
        self.urls: list[str] = []
        self.stop = threading.Event()
        files = files_in(os.environ, Settings)
        self.rotation = SecretRotation(load_settings(), load_settings, files, self, self.stop.set)

    def set_sasl_credentials(self, username: str, password: str) -> None:
        self.logins.append((username, password))

    def reconnect(self, url: str, client: Mapping[str, object]) -> None:
        assert client == {}
        if "@" not in url:
            raise Stop("no URL")
        self.urls.append(url)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RotationScene:
    return RotationScene(tmp_path, monkeypatch)


def test_as_long_as_nothing_changes_nothing_is_told(scene: RotationScene) -> None:
    scene.rotation.look()
    scene.mount.swap()
    scene.rotation.look()
    assert (scene.logins, scene.urls, scene.stop.is_set()) == ([], [], False)


def test_a_password_goes_to_every_client_and_a_url_to_redis(scene: RotationScene) -> None:
    scene.mount.swap(password="p-2")  # noqa: S106  made up
    scene.rotation.look()
    assert (scene.logins, scene.urls) == ([("qa", "p-2")], [])
    scene.mount.swap(url="redis://:r-2@cache")
    scene.rotation.look()
    assert (scene.logins, scene.urls) == ([("qa", "p-2")], ["redis://:r-2@cache"])
    assert not scene.stop.is_set()


def test_a_client_that_is_made_later_has_the_latest_password_and_a_closed_one_is_left_alone(
    scene: RotationScene,
) -> None:
    scene.mount.swap(password="p-2")  # noqa: S106  made up
    scene.rotation.look()
    scene.credentials.remove(scene)
    scene.credentials.change("qa", "p-3")
    assert scene.logins == [("qa", "p-2")]
    scene.credentials.add(scene)
    assert scene.logins[1:] == [("qa", "p-3")]


@pytest.mark.parametrize(
    ("secret", "named"),
    [
        ("key", "SPANSTREAM_KAFKA__CLIENT__SSL_KEY_PASSWORD_FILE"),
        ("ca", "ssl.ca.location"),
        ("registry", "SPANSTREAM_REGISTRY__CLIENT__BASIC_AUTH_USER_INFO_FILE"),
        ("registry-key", "the registry's ssl.key.location"),
        ("answers", "SPANSTREAM_ANSWERS_API__TOKEN_FILE"),
    ],
)
def test_what_a_client_reads_once_only_ends_the_stream_with_a_line_that_names_it(
    scene: RotationScene, secret: str, named: str
) -> None:
    scene.rotation.look()

    def run() -> None:
        with scene.rotation.watching():
            scene.mount.swap(**{secret: "new"})
            scene.rotation.look_now()
            until(scene.stop.is_set, "the end of the stream")

    with pytest.raises(Stop, match=f"{named}: changed, which takes a new start"):
        run()


def test_a_token_of_the_models_server_changes_nothing_before_the_next_start(scene: RotationScene) -> None:
    scene.mount.swap(model="m-2")
    scene.rotation.look()
    assert not scene.stop.is_set()
    scene.mount.swap(password="p-2")  # noqa: S106  made up
    scene.rotation.look()
    assert (scene.logins, scene.stop.is_set()) == ([("qa", "p-2")], False)


def test_a_file_that_is_gone_or_no_good_is_told_once_and_read_again_when_it_changes(scene: RotationScene) -> None:
    scene.rotation.look()
    with structlog.testing.capture_logs() as logs:
        for bad in ("\n", "no url"):
            scene.mount.swap(url=bad)
            scene.rotation.look()
            scene.rotation.look()
    assert [line["event"] for line in logs] == ["secret_unusable"] * 2
    scene.mount.swap(url="redis://:r-2@cache")
    scene.rotation.look()
    assert scene.urls == ["redis://:r-2@cache"]
    assert not scene.stop.is_set()


def test_while_the_password_is_watched_a_refused_login_may_mend(scene: RotationScene) -> None:
    assert not scene.credentials.refusal_may_mend
    with scene.rotation.watching():
        assert scene.credentials.refusal_may_mend
