"""What the chart mounts from Strimzi's two Secrets and sets for it, in the program on a broker that wants certificates.

The files lie here as the kubelet would put them there, below another folder than /etc/spanstream.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.support.cluster.chart import only, pod_specs, render
from tests.support.kafka.secure_broker import Right, SecureBroker, User
from tests.support.kafka.stream import REPOSITORY

MOUNTS = "/etc/spanstream"


def secrets(broker: SecureBroker, user: User) -> dict[str, dict[str, bytes]]:
    """Returns the data of Strimzi's Secrets by their names: the cluster's CA; the user's certificate and open key."""
    key = load_pem_private_key(user.key.read_bytes(), user.key_password.encode())
    opened = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "events-cluster-ca-cert": {"ca.crt": broker.ca_file.read_bytes()},
        "qa": {"user.crt": user.certificate.read_bytes(), "user.key": opened},
    }


def mount(pod: dict[str, Any], data: dict[str, dict[str, bytes]], root: Path) -> None:
    """Writes what the pod's volumes hold to where its container sees it, below `root` in place of /etc/spanstream."""
    names = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    for seen in pod["containers"][0]["volumeMounts"]:
        if seen["name"] in names:
            folder = Path(seen["mountPath"].replace(MOUNTS, str(root)))
            folder.mkdir(parents=True)
            for name, content in data[names[seen["name"]]].items():
                (folder / name).write_bytes(content)


def test_the_job_creates_its_topics_with_the_ca_and_the_certificate_of_two_secrets(
    secure_kafka: SecureBroker, tmp_path: Path
) -> None:
    user = secure_kafka.user("chart-user", "not used", "opens the key")
    operations = ("Create", "Describe", "DescribeConfigs")
    secure_kafka.grant(user, [Right(operation, "topic", "chart-mtls.*") for operation in operations])
    tls = {"enabled": True, "secretName": "events-cluster-ca-cert", "certSecretName": "qa"}
    roles = ("documents", "questions", "answers", "deadLetters", "retries")
    manifests = render(
        {
            "kafka": {
                "bootstrapServers": secure_kafka.mtls_bootstrap,
                "partitions": 2,
                "topics": {role: f"chart-mtls.{role}" for role in roles},
                "tls": tls | {"certKey": "user.crt", "keyKey": "user.key"},
            },
            "settings": {"SPANSTREAM_TOPICS__OPEN_QUESTIONS": "chart-mtls.open-questions"},
            "autoscaling": {"maxReplicas": 2},
            "topicCreation": {"mode": "job"},
        }
    )
    pod = pod_specs(manifests)[only(manifests, "Job")["metadata"]["name"]]
    mount(pod, secrets(secure_kafka, user), tmp_path)
    settings = {
        name: text.replace(MOUNTS, str(tmp_path)) for name, text in only(manifests, "ConfigMap")["data"].items()
    }
    done = subprocess.run(
        [sys.executable, "-m", "spanstream.consumer", *pod["containers"][0]["args"]],
        cwd=REPOSITORY,
        env=dict(os.environ) | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": created") == 8
