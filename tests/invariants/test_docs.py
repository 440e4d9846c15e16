"""The docs cannot rot: links lead somewhere, commands and settings exist, decisions have their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

from nuts_pzp import settings
from nuts_pzp.cli import COMMANDS, application

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_OPTION = re.compile(r"(?<![a-z0-9-])--[a-z][a-z-]+")


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


def _commands(command: Any, path: str) -> Iterator[tuple[str, set[str]]]:
    """Each command that can be run, and its options."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{path} {name}")
    if not getattr(command, "commands", {}):
        written = {word for one in command.params for word in (*one.opts, *one.secondary_opts)}
        yield path, {word for word in written if word.startswith("--")} - {"--help"}


def test_the_options_of_every_command_are_those_of_its_page() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    parts = {part.partition("\n")[0].strip(): part for part in page.split("\n## ")}
    offered: dict[str, set[str]] = {}
    for command, options in _commands(get_command(application()), "nuts-pzp"):
        assert command in page, "a command that the page does not name"
        offered.setdefault(" ".join(command.split()[:2]), set()).update(options)
    for command, options in offered.items():
        assert (command, set(_OPTION.findall(parts[command])) - {"--help"}) == (command, options)
