"""The docs cannot rot: links lead somewhere, commands and settings exist, decisions have their parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from nuts_pzp import settings
from nuts_pzp.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    dead = [
        target
        for target in _LINK.findall(page.read_text("utf-8"))
        if not target.startswith(("http:", "https:", "#", "mailto:"))
        and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert dead == []


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"nuts-pzp {name}" not in page] == []


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {"demo", "test"} <= named
    assert [target for target in named if f"\n{target}:" not in makefile] == []


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = _models(field.annotation)
        found += [key for one in inner for key in _keys(one, f"{prefix}{name}.")] or [prefix + name]
    return found


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [] if issubclass(annotation, settings.SlotSettings) else [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]


@pytest.mark.parametrize("model", [settings.Deployment, settings.TenantSettings])
def test_every_settings_key_is_documented(model: type[BaseModel]) -> None:
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    assert [key for key in _keys(model) if f"`{key}`" not in page] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/adr/0*.md")), ids=lambda page: page.stem)
def test_every_decision_has_its_parts_and_is_listed(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [part for part in ("Context", "Options", "Decision", "Consequences") if f"## {part}" not in text] == []
    assert page.name in (ROOT / "docs/adr/README.md").read_text("utf-8")
