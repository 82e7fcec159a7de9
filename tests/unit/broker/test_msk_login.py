"""Tokens for librdkafka: kept, renewed in time, and a stand-in where there is none."""

from __future__ import annotations

import sys
from threading import Event

import pytest
import structlog.testing

from spanstream.consumer.broker.kafka import msk_login as msk_login_module
from spanstream.consumer.broker.kafka.credentials import Credentials
from spanstream.consumer.broker.kafka.msk_login import MskLogin, Token, msk_login
from spanstream.consumer.broker.kafka.properties import admin_properties
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.program import until


class Signer:
    """Makes tokens that live for 900 seconds, unless it fails."""

    def __init__(self) -> None:
        self.now, self.signed, self.fails = 1000.0, 0, False
        self.stand_ins: list[float] = []

    def __call__(self) -> Token:
        if self.fails:
            raise OSError("no credentials")
        self.signed += 1
        return f"token-{self.signed}", self.now + 900

    def login(self) -> MskLogin:
        return MskLogin(self, self.count, lambda: self.now)

    def count(self) -> None:
        self.stand_ins.append(self.now)


def test_one_token_serves_all_clients_until_half_of_its_life_is_over() -> None:
    signer = Signer()
    login = signer.login()
    assert [login()[0] for _ in range(3)] == ["token-1"] * 3
    signer.now += 449
    assert login()[0] == "token-1"
    signer.now += 2
    assert login() == ("token-2", signer.now + 900)
    assert not signer.stand_ins


def test_while_no_token_comes_the_old_one_serves_to_its_end_and_then_a_stand_in() -> None:
    signer = Signer()
    login = signer.login()
    login()
    signer.fails = True
    signer.now += 800
    assert login()[0] == "token-1"
    signer.now += 99
    token, expires = login()
    assert (token, expires) == ("no-token-yet", signer.now + 10)
    assert signer.stand_ins == [signer.now]

    signer.fails = False
    assert login()[0] == "token-2"


def test_an_outage_is_told_once_and_so_is_its_end() -> None:
    signer = Signer()
    login = signer.login()
    with structlog.testing.capture_logs() as logs:
        signer.fails = True
        for _ in range(3):
            login()
        signer.fails = False
        login()
    assert [line["event"] for line in logs] == ["kafka_token_unavailable", "kafka_token_available"]
    assert logs[0]["detail"] == "no credentials"


def test_a_signer_that_hangs_is_left_to_itself_and_its_token_is_taken_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(msk_login_module, "_PATIENCE_SECONDS", 0.05)
    goes_on = Event()
    signer = Signer()

    def sign() -> Token:
        goes_on.wait()
        return signer()

    login = MskLogin(sign, signer.count, lambda: signer.now)
    assert [login()[0] for _ in range(3)] == ["no-token-yet"] * 3
    goes_on.set()
    until(lambda: login()[0] == "token-1", "the token")
    assert signer.signed == 1


def test_while_a_stand_in_may_be_refused_a_refusal_ends_nothing() -> None:
    now = [5.0]
    credentials = Credentials(lambda: now[0])
    may_mend = [credentials.refusal_may_mend]
    credentials.are_unfit_for(60)
    for seconds in (59, 2):
        now[0] += seconds
        may_mend.append(credentials.refusal_may_mend)
    assert may_mend == [False, True, False]


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    with pytest.raises(Stop, match=r"pip install 'spanstream\[aws\]'"):
        msk_login("eu-north-1")


def test_without_a_region_one_line_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(Stop, match="set SPANSTREAM_KAFKA__LOGIN_REGION"):
        msk_login(None)


def test_the_users_properties_win_over_those_of_the_login() -> None:
    settings = KafkaSettings(login="msk-iam", login_region="eu-north-1", client={"security.protocol": "SASL_PLAINTEXT"})
    properties = admin_properties(settings)
    assert properties["sasl.mechanism"] == "OAUTHBEARER"
    assert properties["security.protocol"] == "SASL_PLAINTEXT"
    assert isinstance(properties["oauth_cb"], MskLogin)


def test_without_the_setting_there_is_no_login() -> None:
    assert "oauth_cb" not in admin_properties(KafkaSettings())
