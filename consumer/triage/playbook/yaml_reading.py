"""Reads the YAML that people write: version 1.2 (`no` is a word, a repeated key an error), without aliases."""

from __future__ import annotations

from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.events import AliasEvent


def yaml_reader(kind: Literal["rt", "safe"]) -> YAML:
    """Returns a reader that refuses aliases: `rt` keeps the places of what it reads, `safe` makes plain values.

    Written in Python, it raises a RecursionError where the text is nested a few hundred levels deep.
    """
    yaml = YAML(typ=kind, pure=True)
    yaml.Composer = AliasRefuser
    return yaml


class AliasRefuser(Composer):
    """Refuses aliases: each level of them can hold the one below many times, so a few lines stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401  the library's signature
        """Returns the next node.

        Raises:
            ComposerError: it is an alias.
        """
        if self.parser.check_event(AliasEvent):
            event = self.parser.peek_event()
            raise ComposerError(None, None, f"the alias *{event.anchor}: write what it stands for", event.start_mark)
        return super().compose_node(parent, index)
