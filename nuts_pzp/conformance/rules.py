"""The rules as data, and what a check can say about one. Source of each rule: its own line in `rules.toml`.

A rule has the level that its guide gives it. A SHALL that is not met is `failed`, and only that fails a run; a SHOULD
or MAY that is not met is a `warning`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Literal

Role = Literal["holder", "user"]
Language = Literal["nl", "en"]
PREFIXES: dict[str, Role] = {"HOLD": "holder", "USER": "user"}


class Level(Enum):
    """How strongly the guide says it."""

    SHALL = "SHALL"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Verdict(Enum):
    """What came of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    NOT_APPLICABLE = "not-applicable"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a stable id, its level, the guide and section it comes from, what it says and how to mend a breach."""

    id: str
    level: Level
    source: str
    title: dict[str, str] = field(repr=False)
    mend: dict[str, str] = field(repr=False)

    @property
    def role(self) -> Role:
        """Whose side the rule is about."""
        return PREFIXES[self.id.partition("-")[0]]


@dataclass(frozen=True, slots=True)
class Said:
    """What a check saw, in words without anything that a resource holds. `met` None: it could not be judged."""

    met: bool | None
    seen: str
    verdict: Verdict | None = None
    """Set where the level does not decide it."""

    def judged(self, level: Level) -> Verdict:
        """Return the verdict on a rule of this level."""
        if self.verdict is not None:
            return self.verdict
        if self.met is None:
            return Verdict.NOT_RUN
        if self.met:
            return Verdict.PASSED
        return Verdict.FAILED if level is Level.SHALL else Verdict.WARNING


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, the verdict on it and what was seen."""

    rule: Rule
    verdict: Verdict
    seen: str


_NAME = re.compile(r"[A-Za-z][A-Za-z-]{0,40}", re.ASCII)


def named(given: object) -> str:
    """Return a type, status or method that the other side wrote, when it can be one; else a dash. For what is shown."""
    return given if isinstance(given, str) and _NAME.fullmatch(given) else "-"


def met(seen: str) -> Said:
    """The rule is kept."""
    return Said(True, seen)


def unmet(seen: str) -> Said:
    """The rule is broken."""
    return Said(False, seen)


def partly(seen: str) -> Said:
    """What matters is kept, but not as the rule words it: a warning whatever the level."""
    return Said(False, seen, Verdict.WARNING)


def idle(seen: str) -> Said:
    """The rule says nothing about this target."""
    return Said(None, seen, Verdict.NOT_APPLICABLE)


def untried(seen: str) -> Said:
    """It could not be tried: something that it needs was not given or did not come."""
    return Said(None, seen, Verdict.NOT_RUN)


@cache
def catalogue() -> dict[str, Rule]:
    """Return every rule by id, in the order in which they are tried and told."""
    read = tomllib.loads(files(__name__.rpartition(".")[0]).joinpath("rules.toml").read_text("utf-8"))
    return {
        name: Rule(
            name,
            Level(given["level"]),
            given["source"],
            {"nl": given["nl"], "en": given["en"]},
            {"nl": given["mend_nl"], "en": given["mend_en"]},
        )
        for name, given in read.items()
    }
