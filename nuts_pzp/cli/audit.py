"""`nuts-pzp audit`: verify, prove and export a log, and look at where it lives. Offline; opens ledgers read-only.

Exit codes of verify and check-proof: 0 unchanged, 1 changed, 2 incomplete (no anchor), 3 unreadable, 4 usage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from typer.core import TyperCommand

from ..audit import anchors, bundle, doctor, proof, reading
from ..audit.cores import every
from ..audit.files import whole
from ..audit.ledger.checkpoint import VerifierKey
from ..audit.material import Material, Unreadable, opened
from ..audit.verify import Report, Verdict, verify

app = typer.Typer(help="The audit log: verify, prove, export.", no_args_is_help=True)

_LARGEST_KEYS = 1_048_576
_LARGEST_PROOF = 1_048_576
_PROVEN = "nuts-pzp-audit-proven/1"
_PARSER_USAGE = 2
"""With what the command line parser ends on wrong use."""

_Path = Annotated[Path, typer.Argument(help="The ledger file, or an exported folder.")]
_Keys = Annotated[list[str], typer.Option("--key", help="Public key of a log, a file or a folder of them; repeatable.")]
_Json = Annotated[bool, typer.Option("--json", help="Machine-readable answer.")]


class _WrongUse(Exception):
    """What was given cannot be used; nothing is said about the log."""


class _Verifying(TyperCommand):
    """A command in which wrong use ends with 4: 2 would read as `incomplete`."""

    def make_context(self, *given: Any, **named: Any) -> Any:
        """Parse the command line."""
        try:
            return super().make_context(*given, **named)
        except Exception as error:
            if getattr(error, "exit_code", None) == _PARSER_USAGE:
                error.exit_code = int(Verdict.USAGE)  # type: ignore[attr-defined]
            raise


@app.command("verify", cls=_Verifying)
def verify_command(
    path: _Path,
    key: _Keys,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's log.")] = None,
    anchor: Annotated[Path | None, typer.Option(help="The anchor file, kept apart from the ledger.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Hash the stored bytes only; skip the spelling check.")] = False,
    as_json: _Json = False,
) -> None:
    """Tell whether anything was changed, cut off, put back or forged."""
    try:
        keys = _verifier_keys(key)
        lines = _anchored(anchor)
    except _WrongUse as error:
        if as_json:
            typer.echo(json.dumps(_nothing_verified("usage", str(error))))
        _refuse(str(error))
    try:
        with _material(path) as material:
            report = verify(material, keys, lines, tenant=tenant, fast=fast, among=every)
    except Unreadable as error:
        document = json.dumps(_nothing_verified("unreadable", str(error)))
        typer.echo(document if as_json else f"Logboek niet leesbaar: {error}")
        raise typer.Exit(Verdict.UNREADABLE) from None
    typer.echo(json.dumps(_report(report)) if as_json else _report_text(report))
    raise typer.Exit(int(report.verdict))


@app.command("doctor")
def doctor_command(
    path: _Path,
    keys: Annotated[Path | None, typer.Option(help="The key folder.")] = None,
    anchor: Annotated[Path | None, typer.Option(help="The anchor file.")] = None,
    as_json: _Json = False,
) -> None:
    """Look at the disk, the lock, the key files and the anchor of a ledger. Exit 1 when something must be mended."""
    findings = doctor.examine(path, keys, anchor)
    if as_json:
        document = {"schema": "nuts-pzp-audit-doctor/1", "findings": [asdict(one) for one in findings]}
        typer.echo(json.dumps(document))
    else:
        for one in findings:
            typer.echo(f"{one.state:5} {one.check:11} {one.text}")
    raise typer.Exit(int(any(one.state == "fail" for one in findings)))


@app.command("prove")
def prove_command(
    path: _Path,
    record: Annotated[str, typer.Option(help="The id of the record.")],
    tenant: Annotated[str, typer.Option(help="Whose log.")],
) -> None:
    """Print the proof that one record is in the log, without any other record."""
    try:
        with _material(path) as material:
            typer.echo(json.dumps(proof.prove(material, tenant, record)))
    except (Unreadable, proof.BadProof) as error:
        _refuse(f"LEDGER: {error}", Verdict.UNREADABLE)


@app.command("check-proof", cls=_Verifying)
def check_proof_command(
    path: Annotated[Path, typer.Argument(help="The proof.")], key: _Keys, as_json: _Json = False
) -> None:
    """Check the proof of one record with the log's public key alone."""
    try:
        document = orjson.loads(whole(path, _LARGEST_PROOF))
    except (OSError, ValueError):
        if as_json:
            typer.echo(json.dumps(_not_proven("the proof is not readable")))
        _refuse("the proof is not readable", Verdict.UNREADABLE)
    reasons = list[proof.BadProof]()
    try:
        keys = _verifier_keys(key)
        if not keys:
            raise _WrongUse("the --key folder holds no public key (*.pub)")
    except _WrongUse as error:
        if as_json:
            typer.echo(json.dumps(_not_proven(str(error))))
        _refuse(str(error))
    for one in keys:
        try:
            proven = proof.check(document, one)
        except proof.BadProof as error:
            reasons.append(error)
            continue
        found = {"schema": _PROVEN, "proven": True, "origin": proven.origin, "index": proven.index}
        found |= {"size": proven.size, "record": proven.record}
        typer.echo(json.dumps(found) if as_json else f"Bewezen: regel {proven.index} van {proven.origin}")
        return
    reason = str(
        min(reasons, key=lambda one: isinstance(one, proof.NotGenuine))
    )  # of the log's own key, if it is there
    typer.echo(json.dumps(_not_proven(reason)) if as_json else f"Niet bewezen: {reason}")
    raise typer.Exit(Verdict.TAMPERED)


def _not_proven(reason: str) -> dict[str, Any]:
    return {"schema": _PROVEN, "proven": False, "reason": reason}


@app.command("export")
def export_command(
    path: _Path,
    folder: Annotated[Path, typer.Option("--to", help="A folder that does not exist yet.")],
    tenant: Annotated[str, typer.Option(help="Whose log.")],
    kind: Annotated[str, typer.Option("--format", help="native")] = "native",
) -> None:
    """Write one log as a folder that stands alone, with a verifier that needs only Python."""
    if kind != "native":
        _refuse("the only format is native")
    try:
        with opened(path) as material:
            count = bundle.export(material, tenant, folder, time.time_ns() // 1_000)
    except Unreadable as error:
        _refuse(f"LEDGER: {error}", Verdict.UNREADABLE)
    except OSError as error:
        _refuse(f"--to: {error.strerror or 'cannot be written'}")
    typer.echo(f"{count} regels geschreven")


def _anchored(file: Path | None) -> anchors.AnchorLines | None:
    try:
        return anchors.read(file) if file else None
    except OSError:
        raise _WrongUse("--anchor: there is no such file, or it cannot be read") from None


@contextmanager
def _material(path: Path) -> Iterator[Material]:
    try:
        folder = path.is_dir()
    except OSError as error:
        raise Unreadable(error.strerror or "no such file") from None
    if folder:
        yield bundle.Bundle(path)
        return
    with opened(path) as ledger:
        yield ledger


def _verifier_keys(given: list[str]) -> list[VerifierKey]:
    """Read public keys: written out, from a file with one a line, or from every `*.pub` below a folder."""
    keys: set[VerifierKey] = set()
    for one in given:
        try:
            keys |= {VerifierKey.parse(line) for line in _key_lines(one) if line.strip()}
        except (OSError, ValueError):
            raise _WrongUse(_no_key(one)) from None
    names = [key.name for key in keys]
    if len(set(names)) != len(names):
        raise _WrongUse("two different keys are given for one log; which of them to trust is for you to say")
    return sorted(keys, key=lambda key: key.name)


def _no_key(given: str) -> str:
    """A file is named; what is none is not repeated, for it may be a key that should not have been given."""
    with suppress(OSError):  # no file has so long a name
        if Path(given).exists():
            return f"--key {reading.shown(given)}: cannot be read, or does not hold public keys of logs alone"
    return "a --key is neither a public key of a log nor a file or folder that is there"


def _key_lines(given: str) -> list[str]:
    path = Path(given)
    if path.is_dir():
        return [line for file in sorted(path.rglob("*.pub")) for line in _key_lines(str(file))]
    if path.exists():
        return whole(path, _LARGEST_KEYS).decode().splitlines()
    return [given]


def _report(report: Report) -> dict[str, Any]:
    logs = [
        asdict(log) | {"verdict": log.verdict.name.lower(), "words": reading.verdict_words(log)} for log in report.logs
    ]
    return {
        "schema": "nuts-pzp-audit-verification/1",
        "verdict": report.verdict.name.lower(),
        "logs": logs,
        "torn_anchor_lines": list(report.torn),
        "records": report.records,
        "seconds": round(report.seconds, 6),
    }


def _report_text(report: Report) -> str:
    lines = []
    for log in report.logs:
        detail = f" ({log.reason})" if log.reason else ""
        lines.append(f"{reading.shown(log.tenant or log.origin)}: {reading.verdict_words(log)}{detail}")
        if log.size:
            lines.append(f"  {log.proven} van {log.size} regels bewezen, {log.checkpoints} handtekeningen,")
            lines.append(f"  {log.anchored} ijkpunten, wortel {log.root or '-'}")
    rate = report.records / report.seconds if report.seconds else 0
    lines.append(f"{report.records} regels in {report.seconds:.2f} s ({rate:.0f} per seconde)")
    if report.torn:
        lines.append(f"ijkpuntregels die niets bewijzen: {', '.join(map(str, report.torn))}")
    return "\n".join(lines)


def _nothing_verified(verdict: str, reason: str) -> dict[str, Any]:
    return {"schema": "nuts-pzp-audit-verification/1", "verdict": verdict, "logs": [], "reason": reason}


def _refuse(text: str, code: Verdict = Verdict.USAGE) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(int(code))
