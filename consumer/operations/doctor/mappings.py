"""Checks the mappings: whether the program would start with them."""

from __future__ import annotations

from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.operations.doctor.finding import Finding, ok
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.registry import RegistrySettings

ADVICE = "`spanstream mapping check` shows all that is wrong with one"


def mappings(settings: Settings) -> Finding:
    """Tells which mappings are used. Raises `Stop` where one of them cannot be."""
    open_formats(settings.model_copy(update={"registry": RegistrySettings()}))  # that has a finding of its own
    named = {kind: name for kind, name in settings.mappings.model_dump().items() if name is not None}
    if not named:
        return ok("mappings", "none: records are our events, or CloudEvents with them")
    return ok("mappings", ", ".join(f"{kind} by {name}" for kind, name in named.items()))
