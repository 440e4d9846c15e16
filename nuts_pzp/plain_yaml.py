"""YAML that can be read in one way only: a key that stands twice in one mapping is refused (YAML 1.2, 3.2.1.3).

PyYAML takes the last of two; another reader may take the first, or neither. Trusts nothing.
"""

from __future__ import annotations

from typing import Any

import yaml


class KeyTwice(yaml.MarkedYAMLError):
    """A key stands twice in one mapping; `problem_mark` says where the second stands."""


class _Loader(yaml.SafeLoader):
    """The safe loader, but for repeated keys. What a merge (`<<`) brings may still be overruled."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (named := (key.tag, key.value)) not in seen:
                seen.add(named)
            elif isinstance(key, yaml.ScalarNode):
                raise KeyTwice(problem="a key stands twice", problem_mark=key.start_mark)
        return node


def load(content: str | bytes) -> Any:
    """Return what one YAML document says; yaml.YAMLError, of which KeyTwice is one, or RecursionError."""
    return yaml.load(content, _Loader)  # noqa: S506 - a SafeLoader
