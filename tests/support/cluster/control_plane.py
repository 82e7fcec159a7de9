"""A Kubernetes control plane on this machine: etcd, the API server and the controllers, on free ports of the loopback.

    etcd <── kube-apiserver (Pod Security, aggregation) <── kube-controller-manager
                     ^
                     └── kubectl, helm, KEDA

No nodes, no scheduler, no kubelet: everything is admitted, stored, scaled and replaced as in a cluster, and pods stay
Pending. It needs no root, and nothing outside of its folder.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
import yaml

from tests.support.cluster.daemon import Daemon
from tests.support.cluster.tools import tool
from tests.support.free_port import free_port

_TOKEN = "tests-only-admin"  # noqa: S105  of an API server that lives as long as the tests
# Those that have work without nodes: replicas, what scales them, what a budget counts, what an owner leaves behind.
_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "cronjob-controller",
    "job-controller",
    "disruption-controller",
    "horizontal-pod-autoscaler-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "endpointslice-controller",
)


@dataclass
class ControlPlane:
    """The running programs, and how to reach the API server."""

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)
    daemons: list[Daemon] = field(default_factory=list)

    @classmethod
    def start(cls, folder: Path) -> ControlPlane:
        """Builds it where it is not in the cache (skips where it cannot be), and starts it."""
        plane = cls(folder, tool("kubernetes"))
        try:
            plane._certify()
            etcd = plane._start_etcd()
            plane._start_api_server(etcd)
            plane._start_controllers()
        except BaseException:
            plane.stop()
            raise
        return plane

    def stop(self) -> None:
        """Stops everything, what was started last first."""
        for daemon in reversed(self.daemons):
            daemon.stop()
        self.daemons.clear()

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig.yaml"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Returns what kubectl prints.

        Raises:
            subprocess.CalledProcessError: the API server refuses; `stderr` says why.
        """
        command = [self.programs / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True)
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Returns an object, or a list of them under `items`."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def apply(self, *objects: dict[str, Any]) -> None:
        """Creates these, or brings them up to date."""
        self.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(objects))

    def certificate(self, name: str, hosts: Sequence[str]) -> Path:
        """Returns a folder of a program's own with `tls.crt`, `tls.key` and `ca.crt`, for these hosts."""
        folder = self.folder / name
        folder.mkdir()
        issued = self._authority.issue_cert(*hosts, common_name=name)
        issued.private_key_pem.write_to_path(folder / "tls.key")
        issued.cert_chain_pems[0].write_to_path(folder / "tls.crt")
        self._authority.cert_pem.write_to_path(folder / "ca.crt")
        return folder

    def run(self, name: str, command: Sequence[str | Path], *, ready: str, **environment: str) -> Daemon:
        """Starts a program of the cluster; `ready` is the URL that answers once it is."""
        daemon = Daemon.start(
            command, self.folder / f"{name}.log", ready=lambda: answers(ready), environment=environment
        )
        self.daemons.append(daemon)
        return daemon

    def _certify(self) -> None:
        self._authority = trustme.CA()
        (self.folder / "tokens.csv").write_text(f"{_TOKEN},admin,admin,system:masters\n")
        cluster = {"server": self.url, "certificate-authority": str(self.folder / "apiserver" / "ca.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
            "current-context": "tests",
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def _start_etcd(self) -> str:
        clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.run(
            "etcd",
            [
                self.programs / "etcd",
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={clients}",
                f"--advertise-client-urls={clients}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                # Nothing in it is to outlive the tests.
                "--unsafe-no-fsync",
            ],
            ready=f"{clients}/health",
        )
        return clients

    def _start_api_server(self, etcd: str) -> None:
        own = self.certificate("apiserver", ["127.0.0.1", "localhost"])
        proxy = self.certificate("aggregator", ["aggregator"])
        self.run(
            "kube-apiserver",
            [
                self.programs / "kube-apiserver",
                f"--etcd-servers={etcd}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self.port}",
                f"--tls-cert-file={own / 'tls.crt'}",
                f"--tls-private-key-file={own / 'tls.key'}",
                f"--token-auth-file={self.folder / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--service-account-issuer=https://tests.invalid",
                f"--service-account-key-file={own / 'tls.key'}",
                f"--service-account-signing-key-file={own / 'tls.key'}",
                # A pod's account is given its token by a controller that nothing here waits for.
                "--disable-admission-plugins=ServiceAccount",
                # So that extension API servers believe who asks through this one.
                f"--requestheader-client-ca-file={proxy / 'ca.crt'}",
                "--requestheader-allowed-names=aggregator",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                f"--proxy-client-cert-file={proxy / 'tls.crt'}",
                f"--proxy-client-key-file={proxy / 'tls.key'}",
            ],
            ready=f"{self.url}/readyz",
        )

    def _start_controllers(self) -> None:
        port = free_port()
        self.run(
            "kube-controller-manager",
            [
                self.programs / "kube-controller-manager",
                f"--kubeconfig={self.kubeconfig}",
                f"--authentication-kubeconfig={self.kubeconfig}",
                f"--authorization-kubeconfig={self.kubeconfig}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                f"--cert-dir={self.folder / 'controllers'}",
                "--leader-elect=false",
                f"--controllers={','.join(_CONTROLLERS)}",
                # Seconds, so that a test does not wait for the default of 15.
                "--horizontal-pod-autoscaler-sync-period=2s",
            ],
            ready=f"https://127.0.0.1:{port}/healthz",
        )


def answers(url: str) -> bool:
    """Tells whether it answers with 200; whose certificate it is does not matter here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {_TOKEN}"})  # noqa: S310  an address of ours
    try:
        with urllib.request.urlopen(request, timeout=5, context=context if url.startswith("https") else None) as reply:  # noqa: S310  an address of ours
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
