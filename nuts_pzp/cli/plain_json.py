"""JSON files that people and programs give to a command: read in one way only, or not at all."""

from __future__ import annotations

import json


class TwoMeanings(ValueError):
    """An object names a key twice; which of the two counts is not for a parser to say."""


def check_one_meaning(content: bytes) -> None:
    """Raise TwoMeanings when an object names a key twice, ValueError or RecursionError when this is no JSON."""
    json.loads(content, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise TwoMeanings("an object names a key twice")
