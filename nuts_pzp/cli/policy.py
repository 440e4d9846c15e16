"""`nuts-pzp policy`: decide one call offline, and run a policy's own tests (design section 5).

Exit codes: 0 a decision was made (allow or not), or every test passed; 1 a test failed, or there is none; 2 the input
is not JSON, cannot be read, or the policy cannot be loaded. No BSN is printed: answers hold no values of the call.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..authorization.bundle import SHIPPED, Bundle, NotABundle, load, shipped
from ..authorization.knooppunt import LARGEST, Unparsable
from ..authorization.offline import Loaded, decide
from ..authorization.policies import DEFAULT_SCOPES
from ..fhir.version import NAMES, Speech
from ..systems.regorus import EngineAbsent, RegorusJudge, TestsFailed, run_tests

_MODELS: Mapping[Speech, str] = {"r4": "R4B", "stu3": "STU3"}
"""Where the FHIR models of a version are."""

app = typer.Typer(no_args_is_help=True, help="Access policies: decide offline, run their tests.")

InputFile = Annotated[Path, typer.Option("--input", help="INPUT.json; `-` reads standard input.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer of the decision API.")]
Policies = Annotated[list[Path] | None, typer.Option("--policy", help="Another policy folder; may be repeated.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="SCOPE=POLICY, before pzp-gf=pzp; may be repeated.")]
Roles = Annotated[Path | None, typer.Option("--roles", help="A role table instead of the default one.")]
Folder = Annotated[Path | None, typer.Argument(help="A policy folder, or one of our own: pzp (default), pzp_stu3.")]


@app.command("decide")
def run_decide(
    given: InputFile,
    as_json: AsJson = False,
    policy: Policies = None,
    scope: Scopes = None,
    roles: Roles = None,
) -> None:
    """Decide one call of the decision API. The patient and the consent in its context are taken as facts."""
    try:
        loaded = _loaded(policy or [], roles)
        document = asyncio.run(decide(_content(given), loaded, _scopes(scope or [])))
    except Unparsable as error:
        _stop(f'{error}; expected {{"input": {{"subject": ..., "request": ..., "context": ...}}}}')
    except (NotABundle, TestsFailed, EngineAbsent) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename}: cannot be read ({error.strerror})")
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return
    print("allow" if document["allow"] is True else "deny")
    for line in _lines(document):
        print(line)


@app.command("test")
def run_test(folder: Folder = None, roles: Roles = None) -> None:
    """Run the tests of a policy and print a line for each; one that is not true fails."""
    try:
        place = _place(folder)
        bundle = load(place, roles)
        tests = list(run_tests(bundle))
        results = [*_statement(place, bundle), *tests]
    except (NotABundle, TestsFailed, EngineAbsent) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename}: cannot be read ({error.strerror})")
    for name, passed in results:
        print(f"{'PASS' if passed else 'FAIL'}  {name}")
    failed = sum(not passed for _, passed in results)
    print(f"{bundle.name} {bundle.version} {bundle.digest}: {len(results) - failed} passed, {failed} failed")
    if failed or not tests:
        raise typer.Exit(1)


def _place(folder: Path | None) -> Path:
    """Return the folder that is named; a name of our own that is no folder here means that which we ship."""
    if folder is None:
        return shipped()
    return shipped(str(folder)) if str(folder) in SHIPPED and not folder.is_dir() else folder


def _statement(folder: Path, bundle: Bundle) -> list[tuple[str, bool]]:
    """Say whether the bundle's CapabilityStatement is one by the FHIR models; nothing when it has none.

    One that is only reported to the policy may be of another FHIR version, and fails nothing.
    """
    spoken = bundle.stated.version if bundle.enforce and bundle.stated else "r4"
    model = importlib.import_module(f"fhir.resources.{_MODELS[spoken]}.capabilitystatement").CapabilityStatement
    found = []
    for file in sorted(folder.glob("*capability*.json")):
        try:
            model.model_validate_json(file.read_bytes())
        except ValueError:
            if bundle.enforce:
                found.append((f"{file.name} is a FHIR {NAMES[spoken]} CapabilityStatement", False))
            else:
                print(f"NOTE  {file.name} is no valid FHIR R4 CapabilityStatement; it is read as far as it lists")
        else:
            found.append((f"{file.name} is a FHIR {NAMES[spoken]} CapabilityStatement", True))
    return found


def _loaded(folders: list[Path], roles: Path | None) -> dict[str, Loaded]:
    """Load our own policies and the folders given; a later one replaces an earlier one of the same name."""
    bundles = [*(load(shipped(name), roles) for name in SHIPPED), *(load(folder) for folder in folders)]
    return {bundle.name: Loaded(bundle, RegorusJudge(bundle, memo=0)) for bundle in bundles}


def _scopes(pairs: list[str]) -> Mapping[str, str]:
    mapping = dict(DEFAULT_SCOPES)
    for pair in pairs:
        scope, equals, name = pair.partition("=")
        if not (scope and equals and name):
            _stop("--scope is written SCOPE=POLICY")
        mapping[scope] = name
    return mapping


def _content(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    with path.open("rb") as opened:
        return opened.read(LARGEST + 1)


def _lines(document: Mapping[str, object]) -> list[str]:
    lines = [str(document["error"])] if "error" in document else []
    policies = document["policies"]
    assert isinstance(policies, dict)
    for name, ruling in policies.items():
        lines.append(f"{name}: {'allow' if ruling['allow'] else 'deny'}")
        lines += [f"  {_tagged(reason)}" for reason in ruling["reasons"]]
    return lines


def _tagged(reason: Mapping[str, str]) -> str:
    code = f"{reason['code']} {reason['reason']}" if "reason" in reason else reason["code"]
    return f"{code}: {reason['description']}"


def _stop(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise typer.Exit(2)
