"""The embedded policy engine: Rego evaluated in this process by regorus (design D5, spec stack 3).

Serves authorization. Nothing leaves the process. Kind `regorus` of slot `policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ...authorization.bundle import OWN, Bundle, Shipped, load, shipped
from ...authorization.judgement import BundlePolicy
from ...outside import Surroundings
from .engine import EngineAbsent, RegorusJudge, TestsFailed, run_tests

__all__ = ["EngineAbsent", "RegorusJudge", "RegorusSettings", "TestsFailed", "build", "run_tests"]


class RegorusSettings(BaseModel):
    """`bundle`: which of our own policies; `bundle_folder`: a region's instead. `roles_file`: its role table.

    `memo`: answers kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    bundle: Shipped | None = None
    bundle_folder: Path | None = None
    roles_file: Path | None = None
    memo: Annotated[int, Field(ge=0, le=1_000_000)] = 4096


_passed: set[str] = set()
"""Digests of bundles whose own tests passed in this process: tenants that share a bundle need not run them again."""


def _test(bundle: Bundle) -> None:
    """Raise TestsFailed unless every test of the bundle passes. The digest covers modules, tests and data alike."""
    if bundle.digest in _passed:
        return
    if failed := [name for name, passed in run_tests(bundle) if not passed]:
        raise TestsFailed(f"policy {bundle.name} fails its own test {failed[0]} ({len(failed)} failed)")
    _passed.add(bundle.digest)


def build(settings: Mapping[str, Any], around: Surroundings) -> BundlePolicy:
    """Load the bundle, run its tests, return the policy of one holder.

    Raises EngineAbsent without the engine's wheel; ValueError, NotABundle or TestsFailed for a bundle that is not used.
    """
    chosen = RegorusSettings.model_validate(dict(settings))
    if chosen.bundle and chosen.bundle_folder:
        raise ValueError("bundle and bundle_folder: one of them")
    folder = around.path(chosen.bundle_folder) if chosen.bundle_folder else shipped(chosen.bundle or OWN)
    bundle = load(folder, around.path(chosen.roles_file) if chosen.roles_file else None)
    _test(bundle)
    return BundlePolicy(bundle, around.tenant.organization, RegorusJudge(bundle, chosen.memo))
