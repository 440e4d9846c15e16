"""Sandbox: a Nuts node by its behaviour (spec nuts-node 8), with real keys and real presentations."""

from __future__ import annotations

from .faults import Fault
from .node import NutsNodeTwin
from .state import Resident

__all__ = ["Fault", "NutsNodeTwin", "Resident"]
