"""Checks the machine: how many CPUs, whether they are good at int8, and whether the HTTP port is free."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from spanstream.consumer.http import address_family, shown_address
from spanstream.consumer.operations.doctor.finding import Finding, failed, ok, warning
from spanstream.consumer.settings import HttpSettings
from spanstream.models.inference.cpu import cpu_name, has_int8_dot_product

CPUINFO = Path("/proc/cpuinfo")


def cpus(available: int, threads: int | None) -> Finding:
    """Compares the CPUs of the cgroup's quota with the threads that were asked for."""
    detail = f"{available} by the cgroup's quota and the affinity (the host has {os.cpu_count() or available})"
    if threads is not None and threads > available:
        return warning(
            "CPUs",
            f"{detail}, but SPANSTREAM_MODEL__THREADS is {threads}: the threads take turns, and are throttled",
            f"unset SPANSTREAM_MODEL__THREADS, or grant {threads} CPUs",
        )
    return ok("CPUs", detail + (f", {threads} used by setting" if threads else ""))


def int8(cpuinfo: Path = CPUINFO) -> Finding:
    """Tells whether the CPU has the instructions that make int8 fast."""
    name = cpu_name(cpuinfo)
    has_int8 = has_int8_dot_product(cpuinfo)
    if has_int8 is None:
        return ok("int8", f"{name}: what it can do cannot be told here; the self-test decides")
    if has_int8:
        return ok("int8", f"{name} has int8 dot products")
    return warning(
        "int8",
        f"{name} has no int8 dot products (AVX-512 VNNI, AVX-VNNI, AMX, Arm dotprod): int8 runs right, but slower",
        "for full speed take a machine that has them; the self-test below says which session is used",
    )


def http_port(settings: HttpSettings) -> Finding:
    """Tells whether `run` could listen for probes."""
    if settings.port is None:
        return ok("HTTP port", "none by setting: no probes, no metrics")
    return listening("HTTP port", settings.host, settings.port, "SPANSTREAM_HTTP")


def listening(subject: str, host: str, port: int, group: str, command: str = "run") -> Finding:
    """Tells whether a command could listen on the port of a group of settings; one that is taken may be its own."""
    if port == 0:
        return ok(subject, "any free port")
    place = shown_address(host, port)
    try:
        with socket.socket(address_family(host)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = f"nothing, if `spanstream {command}` is running here; otherwise set {group}__PORT to a free port"
            return warning(subject, f"{place} is taken", advice)
        advice = f"correct {group}__HOST and {group}__PORT"
        return failed(subject, f"cannot listen on {place}: {error.strerror}", advice)
    return ok(subject, f"{place} is free")
