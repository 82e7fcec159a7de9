"""Values that are wrong, or right one by one and contradict each other: refused, in words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster.chart import Refused, Values, only, render

TO_ZERO = {"mode": "keda", "minReplicas": 0, "keda": {"workSeconds": {"from": "none"}}}
FEEDBACK: dict[str, Any] = {"enabled": True, "autoscaling": {"enabled": True}}
TRIAGE: dict[str, Any] = {
    "autoscaling": {"mode": "keda"},
    "triage": {"enabled": True, "playbook": "x", "autoscaling": {"enabled": True}},
}

REFUSED: dict[str, tuple[Values, str]] = {
    "a drain as long as the grace period": (
        {"drainSeconds": 45},
        "drainSeconds (45) needs a terminationGracePeriodSeconds of 65 at least, not 60",
    ),
    "more pods than partitions, scaled": (
        {"kafka": {"partitions": 4}, "autoscaling": {"maxReplicas": 5}},
        "autoscaling.maxReplicas (5) is above kafka.partitions (4)",
    ),
    "more pods than partitions, fixed": (
        {"kafka": {"partitions": 4}, "autoscaling": {"enabled": False}, "replicaCount": 5},
        "replicaCount (5) is above kafka.partitions (4)",
    ),
    "more pods than partitions, with the GPU pool's": (
        {"autoscaling": {"mode": "keda", "maxReplicas": 11}, "gpu": {"enabled": True, "maxReplicas": 2}},
        "autoscaling.maxReplicas (11) and the GPU pool's pods (2) are together above kafka.partitions (12)",
    ),
    "more triage pods than partitions": (
        TRIAGE | {"triage": TRIAGE["triage"] | {"autoscaling": {"enabled": True, "maxReplicas": 13}}},
        "triage.autoscaling.maxReplicas (13) is above triage.autoscaling.partitions (12)",
    ),
    "fewest above most": (
        {"autoscaling": {"minReplicas": 5, "maxReplicas": 4}},
        "autoscaling.minReplicas (5) is above autoscaling.maxReplicas (4)",
    ),
    "more threads than the CPU limit": (
        {"model": {"threads": 3}},
        "model.threads (3) is more than resources.limits.cpu (2)",
    ),
    "more threads than the CPU limit in thousandths": (
        {"model": {"threads": 2}, "resources": {"limits": {"cpu": "1500m"}}},
        "model.threads (2) is more than resources.limits.cpu (1500m)",
    ),
    "neither threads nor a CPU limit": (
        {"resources": {"limits": {"cpu": None}}},
        "resources.limits.cpu and model.threads are both not set",
    ),
    "a transactional id without transactions": (
        {"kafka": {"delivery": "at-least-once"}, "settings": {"SPANSTREAM_KAFKA__TRANSACTIONAL_ID": "a"}},
        "is a setting of exactly-once, and kafka.delivery is at-least-once: transactions are off",
    ),
    "a transaction's timeout without transactions": (
        {"kafka": {"delivery": "at-least-once", "transactionTimeoutSeconds": 30}},
        "kafka.transactionTimeoutSeconds is a setting of exactly-once",
    ),
    "transactions off behind the chart's back": (
        {"settings": {"SPANSTREAM_KAFKA__TRANSACTIONS": False}},
        "settings.SPANSTREAM_KAFKA__TRANSACTIONS is set by kafka.delivery",
    ),
    "one transactional id for all": (
        {"settings": {"SPANSTREAM_KAFKA__TRANSACTIONAL_ID": "a"}},
        "would give all pods the same one",
    ),
    "static membership and scale to zero": (
        {"kafka": {"staticMembership": True}, "autoscaling": TO_ZERO},
        "autoscaling.minReplicas 0 with kafka.staticMembership",
    ),
    "scale to zero without KEDA": (
        {"autoscaling": {"mode": "hpa", "minReplicas": 0}},
        "autoscaling.minReplicas 0 needs KEDA",
    ),
    "scale to zero while pods are asked": (
        {"autoscaling": {"mode": "keda", "minReplicas": 0}},
        "at zero there is no pod to ask",
    ),
    "Prometheus without an address": (
        {"autoscaling": {"mode": "keda", "keda": {"workSeconds": {"from": "prometheus"}}}},
        "needs autoscaling.keda.workSeconds.prometheusAddress",
    ),
    "a session timeout that is the broker's": (
        {"kafka": {"groupProtocol": "consumer"}, "settings": {"SPANSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS": 9}},
        "is the classic protocol's",
    ),
    "dead letters back into the questions": (
        {"kafka": {"topics": {"deadLetters": "qa.questions"}}},
        "kafka.topics.deadLetters and kafka.topics.questions name the same topic",
    ),
    "tickets out of the answers": (
        {"triage": {"settings": {"SPANSTREAM_TOPICS__TICKETS": "qa.answers"}}},
        "kafka.topics.answers and triage.settings.SPANSTREAM_TOPICS__TICKETS name the same topic",
    ),
    "triage records among the documents": (
        {"kafka": {"topics": {"documents": "support.triage"}}},
        "kafka.topics.documents and the default of SPANSTREAM_TOPICS__TRIAGE name the same topic",
    ),
    "another topic for KEDA than for the triage pods": (
        TRIAGE | {"settings": {"SPANSTREAM_TOPICS__TICKETS": "helpdesk.tickets"}},
        "triage.autoscaling.topic (support.tickets) is not settings.SPANSTREAM_TOPICS__TICKETS (helpdesk.tickets)",
    ),
    "another group for KEDA than for the triage pods": (
        {
            "autoscaling": {"mode": "keda"},
            "triage": TRIAGE["triage"] | {"autoscaling": {"enabled": True, "groupId": "triage"}},
        },
        "triage.autoscaling.groupId (triage) is not the default of SPANSTREAM_TRIAGE__GROUP_ID (spanstream-triage)",
    ),
    "one group for both streams": (
        {"kafka": {"groupId": "spanstream-triage"}},
        "kafka.groupId and the default of SPANSTREAM_TRIAGE__GROUP_ID name the same group",
    ),
    "feedback among the questions": (
        {"settings": {"SPANSTREAM_TOPICS__FEEDBACK": "qa.questions"}},
        "kafka.topics.questions and settings.SPANSTREAM_TOPICS__FEEDBACK name the same topic",
    ),
    "one group for answers and feedback": (
        {"kafka": {"groupId": "spanstream-feedback"}},
        "kafka.groupId and the default of SPANSTREAM_FEEDBACK__GROUP_ID name the same group",
    ),
    "feedback scaled by lag without KEDA": (
        {"autoscaling": {"mode": "hpa"}, "feedback": FEEDBACK},
        "feedback.autoscaling.enabled needs KEDA, and autoscaling.mode comes to hpa here",
    ),
    "more feedback pods than partitions": (
        {
            "autoscaling": {"mode": "keda"},
            "feedback": FEEDBACK | {"autoscaling": {"enabled": True, "maxReplicas": 13}},
        },
        "feedback.autoscaling.maxReplicas (13) is above kafka.partitions (12)",
    ),
    "an index that is nowhere": ({"index": {"enabled": True}}, "index.enabled needs SPANSTREAM_INDEX__URI in settings"),
    "one group for answers and the index": (
        {"kafka": {"groupId": "spanstream-index"}},
        "kafka.groupId and the default of SPANSTREAM_INDEX__GROUP_ID name the same group",
    ),
    "more index pods than partitions": (
        {
            "autoscaling": {"mode": "keda"},
            "index": {"enabled": True, "autoscaling": {"enabled": True, "maxReplicas": 13}},
        },
        "index.autoscaling.maxReplicas (13) is above kafka.partitions (12)",
    ),
    "the index scaled by lag without KEDA": (
        {"autoscaling": {"mode": "hpa"}, "index": {"enabled": True, "autoscaling": {"enabled": True}}},
        "index.autoscaling.enabled needs KEDA, and autoscaling.mode comes to hpa here",
    ),
    "SASL without its secret": ({"kafka": {"sasl": {"mechanism": "PLAIN"}}}, "needs kafka.sasl.secretName"),
    "a certificate without its key": (
        {"kafka": {"tls": {"enabled": True, "secretName": "s", "certKey": "tls.crt"}}},
        "kafka.tls.certKey and kafka.tls.keyKey go together",
    ),
    "two addresses of Redis": (
        {"redis": {"url": "redis://redis:6379", "urlSecret": {"name": "s"}}},
        "redis.url and redis.urlSecret.name are both set",
    ),
    "a model without its SHA-256": (
        {"model": {"source": "fetch", "fetch": {"url": "https://models.example.com/a.tar.gz"}}},
        "model.source fetch needs",
    ),
    "a model that nothing fetches": (
        {"model": {"fetch": {"url": "https://models.example.com/a.tar.gz"}}},
        "model.fetch is given, and model.source is image",
    ),
    "triage without a playbook": ({"triage": {"enabled": True}}, "needs triage.playbook"),
    # Forms.
    "no brokers": ({"kafka": {"bootstrapServers": ""}}, "kafka.bootstrapServers has to be host:port"),
    "a broker without a port": ({"kafka": {"bootstrapServers": "a:1,b"}}, "kafka.bootstrapServers has to be host:port"),
    "a password in a URL": ({"redis": {"url": "redis://:hunter2@redis"}}, "a URL with them comes from redis.urlSecret"),
    "a password in a ConfigMap": (
        {"kafka": {"client": {"sasl.password": "hunter2"}}},
        "kafka.client.sasl.password would lie in a ConfigMap",
    ),
    "a password of Redis in a ConfigMap": (
        {"settings": {"SPANSTREAM_REDIS__CLIENT": '{"password": "hunter2"}'}},
        "settings.SPANSTREAM_REDIS__CLIENT holds a secret, and would lie in a ConfigMap",
    ),
    "a password of Redis for the triage pods": (
        {"triage": {"settings": {"SPANSTREAM_REDIS__CLIENT__SSL_PASSWORD": "hunter2"}}},
        "triage.settings.SPANSTREAM_REDIS__CLIENT__SSL_PASSWORD holds a secret",
    ),
    "a password in a whole group": (
        {"settings": {"SPANSTREAM_REDIS": '{"url": "redis://:hunter2@redis"}'}},
        "settings.SPANSTREAM_REDIS is no setting",
    ),
    "a password of Kafka beside its value": (
        {"settings": {"SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD": "hunter2"}},
        "settings.SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD is set by kafka.client",
    ),
    "half a SHA-256": ({"model": {"fetch": {"sha256": "4d5f"}}}, "model.fetch.sha256 is 64 hexadecimal digits"),
    "words for cores": ({"resources": {"limits": {"cpu": "two"}}}, "resources.limits.cpu is cores"),
    "a setting of another program": ({"settings": {"JAVA_OPTS": "x"}}, "settings.JAVA_OPTS is no setting"),
    "an IPv6 address without brackets": (
        {"kafka": {"bootstrapServers": "fd00::10:9092"}},
        "an IPv6 address in brackets, for example [fd00::10]:9092",
    ),
    "a port beyond ports": ({"kafka": {"bootstrapServers": "a:99999"}}, "kafka.bootstrapServers has to be host:port"),
    "a name that no Service can have": ({"fullnameOverride": "1-spanstream"}, "fullnameOverride begins with a letter"),
    "a label that selects other pods": (
        {"podLabels": {"app.kubernetes.io/component": "mine"}},
        "podLabels.app.kubernetes.io/component is what the chart finds its pods by",
    ),
    "an annotation that hides a change": (
        {"podAnnotations": {"checksum/settings": "mine"}},
        "podAnnotations.checksum/settings is the chart's own",
    ),
    "an annotation that helm cannot write": (
        {"podAnnotations": {"example.com/a": "b\x7f"}},
        "podAnnotations.example.com/a holds a control character",
    ),
    "an object that helm cannot write": (
        {"extraObjects": [{"kind": "ConfigMap", "data": {"a": "b\x80"}}]},
        "extraObjects[0] holds a control character",
    ),
    "a client's certificate that nothing names": (
        {"kafka": {"tls": {"enabled": True, "secretName": "ca", "certSecretName": "qa"}}},
        "kafka.tls.certSecretName needs kafka.tls.certKey and kafka.tls.keyKey",
    ),
    "a client's certificate without TLS": (
        {"kafka": {"tls": {"certSecretName": "qa", "certKey": "a", "keyKey": "b"}}},
        "kafka.tls.certSecretName without kafka.tls.enabled",
    ),
    # The schema's own words.
    "a misspelt value": ({"replica": 3}, "additional properties 'replica' not allowed"),
    "a misspelt value inside": ({"autoscaling": {"max": 3}}, "additional properties 'max' not allowed"),
    "a word for a number": ({"replicaCount": "three"}, "at '/replicaCount': got string, want integer"),
    "no partitions": ({"kafka": {"partitions": 0}}, "at '/kafka/partitions': minimum: got 0, want 1"),
    "another mode": ({"autoscaling": {"mode": "keeda"}}, "at '/autoscaling/mode': value must be one of 'auto', 'keda'"),
    "a port that needs a capability": ({"http": {"port": 80}}, "at '/http/port': minimum: got 80, want 1,024"),
    "an address that no probe reaches": (
        {"http": {"host": "127.0.0.1"}},
        "at '/http/host': value must be one of '0.0.0.0', '::'",
    ),
    "a reason that there is not": (
        {"replay": {"reasons": ["bored"]}},
        "at '/replay/reasons/0': value must be one of 'undecodable'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_in_words(case: str) -> None:
    values, says = REFUSED[case]
    with pytest.raises(Refused) as refused:
        render(values)
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Refused) as refused:
        render({"drainSeconds": 60, "model": {"threads": 9}, "autoscaling": {"maxReplicas": 99}})
    assert str(refused.value).count("\n- ") == 3


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"threads": 1}, "resources": {"limits": {"cpu": 1.5}}},
        {"model": {"threads": 2}},
        {"model": {"threads": 4}, "resources": {"limits": {"cpu": "4000m"}}},
    ],
    ids=str,
)
def test_threads_up_to_the_cpu_limit_are_taken(values: Values) -> None:
    settings = only(render(values), "ConfigMap")["data"]
    assert settings["SPANSTREAM_MODEL__THREADS"] == str(values["model"]["threads"])
