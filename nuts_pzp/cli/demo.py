"""`nuts-pzp demo`: the main job in a sandbox region, shown: overview, sources, audit trail, a flipped bit.

Exit 0 when everything went as it should, 1 when not. `--json` gives the same as data, schema `nuts-pzp-demo/1`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .. import telemetry
from ..loops import run_on_uvloop
from .options import UNFIT_FOLDER, usable_folder


def run(
    patient: Annotated[str, typer.Option(help="Which test person (docs/reference/test-people.md)")] = "postma",
    folder: Annotated[Path | None, typer.Option(help="Keep the region's files here")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as data")] = False,
) -> None:
    """Run the main job in a simulated region and show it."""
    telemetry.configure("error")
    try:
        import joserfc  # noqa: F401 (the region needs it; said here in words)
    except ImportError:
        typer.echo("The demo needs the extra `sandbox`: pip install 'nuts-pzp[sandbox]'", err=True)
        raise typer.Exit(2) from None
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console.width = 120
    kept = folder is not None
    if patient not in (known := _people()):
        raise _wrong(f"--patient: there is no test person of that name; known: {', '.join(known)}", as_json=as_json)
    place = _usable(folder, as_json=as_json) if folder else Path(tempfile.mkdtemp(prefix="nuts-pzp-demo-"))
    try:
        told = run_on_uvloop(_perform(place, patient, console, show=not as_json))
    finally:
        if not kept:
            shutil.rmtree(place, ignore_errors=True)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    raise typer.Exit(0 if told["ok"] else 1)


def _usable(folder: Path, *, as_json: bool) -> Path:
    """Return the folder, made when it was not there; one line and exit 2 when nothing can be written in it."""
    found = usable_folder(folder)
    if found is None:
        raise _wrong(UNFIT_FOLDER, as_json=as_json)
    return found


def _wrong(words: str, *, as_json: bool) -> typer.Exit:
    typer.echo(words, err=True)
    if as_json:
        typer.echo(json.dumps({"schema": "nuts-pzp-demo/1", "ok": False, "error": words}))
    return typer.Exit(2)


def _people() -> list[str]:
    from ..sandbox.people import PEOPLE

    return [person.slug for person in PEOPLE]


async def _perform(place: Path, slug: str, console: Console, *, show: bool) -> dict[str, Any]:
    from . import demo_trail
    from .asking import NoAnswer
    from .stage import Stage, StageFailed

    began = time.monotonic()
    console.print("[bold]nuts-pzp demo[/]: an out-of-hours GP asks what a patient wants. Everything runs on loopback.")
    try:
        async with Stage(place, say=lambda words: console.print(f"[dim]  {words}[/]")) as stage:
            patient = stage.patient(slug)
            console.print(f"[dim]  Asking for {patient.name}; the slowest source gets 3 seconds ...[/]")
            asked = time.monotonic()
            overview = await stage.consult(patient, relation={"kind": "out-of-hours"})
            took = time.monotonic() - asked
            stage.region.fault("avondrood", "hang", False)
            await stage.stop_gateways()
            trail = demo_trail.trail(stage, overview["meldcode"])
            checked = demo_trail.verify_all(stage)
            flipped = demo_trail.flip_one_byte(stage, place / "flipped.sqlite")
            if show:
                from . import demo_words

                demo_words.show(console, overview, took, trail, checked, flipped)
    except (StageFailed, NoAnswer) as error:
        console.print(f"[red]{error}[/]")
        return {"schema": "nuts-pzp-demo/1", "ok": False, "error": str(error)}
    fine = all(log["verdict"] == "ok" for log in checked) and flipped["verdict"] == "tampered"
    console.print(f"[dim]All of it took {time.monotonic() - began:.1f} s.[/]")
    return {
        "schema": "nuts-pzp-demo/1",
        "ok": fine,
        "seconds": round(time.monotonic() - began, 2),
        "consultation_seconds": round(took, 3),
        "overview": overview,
        "trail": trail,
        "verification": checked,
        "flipped": flipped,
    }
