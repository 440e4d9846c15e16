"""The command line. Each command lives in a module of its own that is imported only when it is asked for.

Exit codes are documented in docs/reference/cli.md: 0 done, 1 a negative verdict, 2 wrong use or bad input, others by
command.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from .. import __version__
from ..memory import log_without_drawing
from . import ending

COMMANDS: dict[str, str] = {
    "serve": "Run the gateway",
    "check": "Say what is configured, what it can reach and what is missing; sends no BSN",
    "sandbox": "Run a simulated region: every outside system, on loopback",
    "demo": "Run the main job in a sandbox region and show it",
    "consult": "Ask for one patient from the command line",
    "conformance": "Try another party's PZP endpoint rule by rule, with a test patient",
    "report": "Figures about consultations, from the audit ledger",
    "trace": "Explain a request by its meldcode, without patient data",
    "overview": "Merge answers into one overview, offline",
    "policy": "Decide and test with the policy bundle, offline",
    "consent": "Sharing consent: record and revoke choices, explain, read answers",
    "emergency": "Emergency access: the review queue and its verdicts",
    "mitz": "Mitz: reach it, subscribe patients, see and undo what it told",
    "audit": "Verify and inspect the audit ledger, offline",
}


def application(names: tuple[str, ...] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line with these commands loaded."""
    app = typer.Typer(
        name="nuts-pzp",
        help="The gateway for proactieve zorgplanning (PZP). Start with: nuts-pzp demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit")
        ] = False,
    ) -> None:
        """Keep sub-commands named even when only one is loaded."""

    for name in names:
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=COMMANDS[name], no_args_is_help=True)
        else:
            app.command(name, help=COMMANDS[name])(module.run)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nuts-pzp {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; only the module of the named command is imported."""
    os.environ.setdefault("RUST_LIB_BACKTRACE", "0")  # before the policy engine: it would cost 20 ms per error
    chosen = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if chosen == "serve":
        log_without_drawing()
    ending.run(application((chosen,) if chosen in COMMANDS else tuple(COMMANDS)))
