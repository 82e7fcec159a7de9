"""Checks what is an extra and used by a setting: whether `run`, or `desk`, would start with it."""

from __future__ import annotations

from importlib.util import find_spec

from spanstream.consumer.asking.api.opening import check_answers_api
from spanstream.consumer.http import is_loopback
from spanstream.consumer.operations.doctor.finding import Finding, failed, ok
from spanstream.consumer.operations.doctor.machine import listening
from spanstream.consumer.settings import Settings
from spanstream.consumer.tracing.opening import open_tracing


def answers_api(settings: Settings) -> Finding:
    """Tells whether `POST /v1/answers` could be served. Raises `Stop` without its extra, or a token that it needs."""
    ours = settings.answers_api
    if ours.port is None:
        return ok("answers API", "none beside the stream by setting (SPANSTREAM_ANSWERS_API__PORT)")
    check_answers_api(ours)
    return listening("answers API", ours.host, ours.port, "SPANSTREAM_ANSWERS_API")


def desk(settings: Settings) -> Finding:
    """Tells whether `desk` could serve its pages here; which rights it lacks, its pages say."""
    ours = settings.desk
    if find_spec("fastapi") is None or find_spec("jinja2") is None:
        return ok("desk", "not installed here (the extra desk)")
    if not ours.has_token and not is_loopback(ours.host):
        detail = f"others can reach {ours.host}, and there is no token for the desk"
        return failed("desk", detail, "set SPANSTREAM_DESK__TOKEN, or SPANSTREAM_DESK__HOST to 127.0.0.1")
    return listening("desk", ours.host, ours.port, "SPANSTREAM_DESK", "desk")


def traces(settings: Settings) -> Finding:
    """Tells whether traces could be sent; no collector is asked. Raises `Stop` without the extra, or on `OTEL_*`."""
    if not settings.traces.enabled:
        return ok("traces", "off by setting (SPANSTREAM_TRACES__ENABLED)")
    open_tracing(settings, settings.kafka.group_id).close()
    return ok("traces", "on; whether their collector takes them, the log of `run` says")
