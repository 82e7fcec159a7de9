"""`spanstream mapping list`: lists the bundled mappings."""

from __future__ import annotations

import typer


def list_() -> None:
    """List the bundled mappings, with what they make and of what.

    Example: spanstream mapping list
    """
    from spanstream.consumer.formats.mapping.load import bundled_names, load_mapping  # noqa: PLC0415  for those who use it

    for name in bundled_names():
        mapping = load_mapping(name)
        typer.echo(f"{name}: {', '.join(mapping.kinds)}. {mapping.description}")
