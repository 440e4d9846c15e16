"""The reference pages name what the code has: fields, states, codes, rules, requests, events. Examples are true."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from typer.main import get_command

from nuts_pzp.audit import consulting, record
from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.offline import Loaded, decide
from nuts_pzp.authorization.question import Facts, Subject, compose
from nuts_pzp.cli import COMMANDS, application
from nuts_pzp.exchange import Asked
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.overview import attentions, deciding, shape, source_rows, statements
from nuts_pzp.overview.catalogue import LABELS, SECTIONS
from nuts_pzp.overview.crosschecks import cross_checks
from nuts_pzp.reasons import Reason
from nuts_pzp.schemas import SCHEMAS, schema
from nuts_pzp.systems.regorus import RegorusJudge
from nuts_pzp.web import asked, door, hints
from nuts_pzp.web.problem import problem

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text("utf-8")


def words(name: str) -> set[str]:
    """Every word that stands between backticks on a page, list marks and quotes taken off."""
    found = re.findall(r"`([^`\n]+)`", page(name))
    return {part.removesuffix("[]") for text in found for part in (text, *re.split(r"[\s,]+", text))}


def example(name: str, mark: str) -> Any:
    """The JSON block of that mark on a page."""
    [block] = re.findall(rf"^```json {mark}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    return json.loads(block)


def _structs(module: Any) -> Iterator[type[msgspec.Struct]]:
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, msgspec.Struct) and found.__module__ == module.__name__:
            yield found


def test_every_field_of_the_overview_is_named() -> None:
    structs = [*_structs(shape), statements.Attention, statements.Person, statements.Document]
    fields = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    assert fields - words("overview") == set()


@pytest.mark.parametrize(
    "values",
    [
        get_args(deciding.State),
        get_args(statements.Kind),
        get_args(statements.Severity),
        get_args(source_rows.Status),
        tuple(sorted(set(source_rows._REASONS.values()) | {"not-released"})),
        tuple(name for name, _, _ in SECTIONS),
        tuple(attentions._CATALOGUE),
        tuple(key for key in LABELS if not re.search(r":[0-9]+$", key)),
    ],
    ids=["states", "kinds", "severities", "statuses", "reasons", "sections", "attention", "keys"],
)
def test_every_word_of_the_overview_is_named(values: tuple[str, ...]) -> None:
    assert [value for value in values if value not in words("overview")] == []


def test_every_conflict_rule_has_its_line() -> None:
    source = Path(deciding.__file__).read_text("utf-8")
    rules = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source)) - set(attentions._CATALOGUE) | {
        "UNDATED_DIFFERENT_VALUE"
    }
    assert {"SAME_DATE_DIFFERENT_VALUE", "WITHIN_ENDED_PERIOD", "DIFFERENT_WITHOUT_DATE"} <= rules
    lines = page("overview").partition("## Conflict rules")[2].partition("\n## ")[0]
    assert [rule for rule in rules if f"| `{rule}` |" not in lines] == []


def test_every_cross_check_is_told() -> None:
    checks = set(re.findall(r'"(X[0-9])"', Path(cross_checks.__code__.co_filename).read_text("utf-8")))
    told = page("overview").partition("## Cross-checks")[2]
    assert len(checks) == 8
    assert [check for check in checks if not re.search(rf"\b{check}\b", told)] == []


def test_the_question_of_the_consultation_page_is_one() -> None:
    body = example("consultations", "consultation")
    assert isinstance(asked.parse(json.dumps(body).encode()), Asked)


def test_every_key_of_a_question_is_named() -> None:
    question = schema("consultation-1.json")["properties"]
    keys = []
    for key, part in question.items():
        keys += [f"{key}.{inner}" for inner in part.get("properties", ())] or [key]
    assert [key for key in keys if key not in words("consultations")] == []
    assert {*asked.CONTEXTS} - words("consultations") == set()
    assert [code for code in hints.CODES if code not in words("consultations")] == []


def test_every_schema_is_listed() -> None:
    assert [name for name in SCHEMAS if name not in words("schemas")] == []


def test_the_problem_of_the_consultation_page_is_what_the_door_writes() -> None:
    shown = example("consultations", "problem")
    told = json.loads(problem(Deny(Reason.LOCALIZATION_DOWN, detail=shown["detail"]), shown["meldcode"]).body)
    assert shown == told


def test_the_refusal_of_the_network_page_is_what_the_door_writes() -> None:
    [block] = re.findall(r"^```json\n(.*?)^```$", page("network"), re.MULTILINE | re.DOTALL)
    assert json.loads(block) == json.loads(door.refused(Reason.POLICY_DENY, "Y9A2JA3D727Q").body)


@pytest.mark.parametrize(("policy", "heading"), [("pzp", "## Requests"), ("pzp_stu3", "### A holder that speaks STU3")])
def test_every_request_of_our_policies_is_on_the_network_page(policy: str, heading: str) -> None:
    stated = load(shipped(policy)).stated
    assert stated is not None
    told = re.split(r"\n##+ ", page("network").partition(heading)[2])[0].replace("\\|", "|")
    missing = []
    for kind, listed in stated.resources.items():
        lines = [line for line in told.splitlines() if re.search(rf"\b{kind}\b", line)]
        wanted = [f"{name}=" for name in listed.params if name not in ("patient", "subject")]
        wanted += [f"_include={one}" for one in listed.includes]
        missing += [f"{kind} {text}" for text in wanted if not any(text in line for line in lines)]
        missing += [kind] if "read" in listed.interactions and f"`{kind}`" not in told else []
    assert missing == []


def test_the_question_and_the_answer_of_the_policy_page_are_true() -> None:
    bundle = load(shipped())
    asker = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
    subject = Subject(
        "https://nuts.example/oauth2/kade",
        ("pzp-gf",),
        asker,
        "k-17",
        "waarnemend huisarts",
        {"organization_city": "Deventer"},
    )
    params = (("patient", ("Patient/1",)), ("category", ("http://snomed.info/sct|713603004",)))
    request = FhirRequest("search-type", "Goal", params=params)
    facts = Facts("1", "999930412", True, "TREAT", "90000222", "V6")
    assert json.loads(compose(subject, request, facts, bundle.stated)) == example("policy", "policy-question")
    pytest.importorskip("regorus", reason="the embedded policy engine has no wheel here")
    given = json.dumps(example("policy", "policy-input")).encode()
    answer = asyncio.run(decide(given, {"pzp": Loaded(bundle, RegorusJudge(bundle, memo=0))}))
    assert answer == example("policy", "policy-answer")


def test_every_event_of_the_ledger_is_named() -> None:
    source = "".join(Path(str(one.__file__)).read_text("utf-8") for one in (record, consulting))
    written = set(re.findall(r'event_field\(\s*"([a-z.]+)"', source)) | set(record._KEPT_OUTCOMES)
    assert {"consult.intent", "disclosure.result"} <= written
    assert [code for code in written if code not in words("audit-log")] == []


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
    for name, one in (below or {}).items():
        yield from _leaves(one, f"{path} {name}")


def test_every_command_and_option_is_documented() -> None:
    told, missing = page("cli"), []
    for path, command in _leaves(get_command(application()), "nuts-pzp"):
        top = " ".join(path.split()[:2])
        section = told.partition(f"## {top}\n")[2].partition("\n## ")[0]
        options = [name for one in command.params for name in one.opts if name.startswith("--") and name != "--help"]
        missing += [name for name in [path, *options] if not re.search(rf"{name}\b", section)]
    assert missing == []


def test_no_limit_denies_a_command_that_exists() -> None:
    existing = {path.removeprefix("nuts-pzp ") for path, _ in _leaves(get_command(application()), "nuts-pzp")}
    denied = set()
    for line in page("limits").splitlines():
        if re.match(r"- (No|There (is|are) no)\b", line) or "does not exist" in line:
            denied |= set(re.findall(r"`([^`]+)`", line.partition(":")[0]))
    assert "consent read" in existing
    assert denied & existing == set()


def test_every_command_that_the_docs_show_exists() -> None:
    shown = re.compile(r"`[^`\n]*`|^\$ .*$", re.MULTILINE)
    named = set()
    for file in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for text in shown.findall(file.read_text("utf-8")):
            named |= set(re.findall(r"nuts-pzp (?!does not start)([a-z]+)", text))
    assert named - set(COMMANDS) == set()
