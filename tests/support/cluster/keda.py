"""KEDA's own operator and metrics adapter, as processes beside a control plane.

ScaledObject ──> operator ──> Deployment's scale (0 <-> 1), HorizontalPodAutoscaler
                    │ gRPC
HPA controller ──> API server ──APIService──> adapter (external.metrics.k8s.io)
"""

from __future__ import annotations

import base64
from pathlib import Path

from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.tools import tool
from tests.support.free_port import free_port

_SERVICE = "keda-metrics-apiserver"


def start_keda(plane: ControlPlane) -> None:
    """Installs KEDA into the control plane; it stops with it. Skips where it cannot be built."""
    folder = tool("keda")
    plane.kubectl("create", "namespace", "keda")
    plane.kubectl("apply", "--server-side", f"--filename={tool('apis') / 'crds'}")
    plane.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=60s")
    certificates = plane.certificate("keda", ["localhost", f"{_SERVICE}.keda.svc"])
    secure_port = _run_adapter(plane, folder, certificates, _run_operator(plane, folder, certificates))
    _register_adapter(plane, certificates, secure_port)
    plane.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=120s")


def _environment(plane: ControlPlane) -> dict[str, str]:
    return {"KUBECONFIG": str(plane.kubeconfig), "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda", "WATCH_NAMESPACE": ""}


def _run_operator(plane: ControlPlane, folder: Path, certificates: Path) -> int:
    """Starts the operator; returns the port where the adapter asks it for metrics."""
    grpc, probes = free_port(), free_port()
    plane.run(
        "keda-operator",
        [
            folder / "operator",
            f"--metrics-service-bind-address=127.0.0.1:{grpc}",
            f"--health-probe-bind-address=127.0.0.1:{probes}",
            "--metrics-bind-address=0",
            f"--cert-dir={certificates}",
            f"--ca-dir={certificates}",
            "--leader-elect=false",
            "--zap-encoder=console",
        ],
        ready=f"http://127.0.0.1:{probes}/readyz",
        **_environment(plane),
    )
    return grpc


def _run_adapter(plane: ControlPlane, folder: Path, certificates: Path, grpc: int) -> int:
    """Starts the metrics adapter; returns its port."""
    config = plane.kubeconfig
    secure, plain = free_port(), free_port()
    plane.run(
        "keda-adapter",
        [
            folder / "adapter",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--port={plain}",
            f"--metrics-service-address=localhost:{grpc}",
            f"--cert-dir={certificates}",
            f"--tls-cert-file={certificates / 'tls.crt'}",
            f"--tls-private-key-file={certificates / 'tls.key'}",
            f"--lister-kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
        ],
        ready=f"https://127.0.0.1:{secure}/readyz",
        **_environment(plane),
    )
    return secure


def _register_adapter(plane: ControlPlane, certificates: Path, port: int) -> None:
    """Makes the adapter the API server's source of external metrics."""
    # A name instead of an address: the API server looks it up itself, and no node has to send it on.
    plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _SERVICE, "namespace": "keda"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
            "spec": {
                "service": {"name": _SERVICE, "namespace": "keda", "port": port},
                "group": "external.metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode((certificates / "ca.crt").read_bytes()).decode(),
            },
        },
    )
