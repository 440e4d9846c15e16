"""Sandbox: Mitz as a data holder meets it: the closed question, answered from a store of choices (spec consent 1.9)."""

from __future__ import annotations

from .choices import Choice
from .faults import Fault
from .request import Asked
from .twin import MitzTwin, Switches

__all__ = ["Asked", "Choice", "Fault", "MitzTwin", "Switches"]
