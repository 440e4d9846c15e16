"""Bundles: read, hashed, refused when they are not what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nuts_pzp.authorization.bundle import Module, NotABundle, grammar, load, shipped
from nuts_pzp.authorization.capability import joined
from nuts_pzp.authorization.roles import NotARoleTable, checked, normalized
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, parse
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

STATEMENT = json.dumps(
    {
        "resourceType": "CapabilityStatement",
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": "Condition",
                        "interaction": [{"code": "search-type"}],
                        "searchParam": [{"name": "patient", "type": "reference"}],
                    }
                ],
            }
        ],
    }
)
REGO = "package region_x\n\nimport rego.v1\n\ndefault allow := false\n"
MANIFEST = """name: region_x
version: 2.1.0
package: region_x
capability: enforce
capability_statement: capability.json
modules: [a.rego]
tests: [a_test.rego]
data: [roles.yaml]
"""
ROLES = 'pzp_roles:\n  owner: FG regio\n  review: "2027-01-01"\n  care: {huisarts: "01.015"}\n'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def files(**contents: str) -> Path:
        for name, content in contents.items():
            (tmp_path / name.replace("__", ".")).write_text(content)
        return tmp_path

    return files


@pytest.fixture
def ours(write: Write) -> Write:
    def changed(**contents: str) -> Path:
        whole = {
            "manifest__yaml": MANIFEST,
            "a__rego": REGO,
            "a_test__rego": "package region_x_test\n\ntest_b if true\n",
            "roles__yaml": ROLES,
            "capability__json": STATEMENT,
        }
        return write(**{**whole, **contents})

    return changed


def test_our_own_bundle_is_found_and_enforced() -> None:
    bundle = load(shipped())
    assert (bundle.name, bundle.package, bundle.enforce, bundle.pure) == ("pzp", "pzp", True, True)
    assert set(bundle.stated.resources) == {  # type: ignore[union-attr]
        "Patient",
        "RelatedPerson",
        "Encounter",
        "Procedure",
        "Consent",
        "Goal",
        "Observation",
        "DeviceUseStatement",
        "Device",
        "CommunicationRequest",
        "Communication",
        "QuestionnaireResponse",
    }
    assert grammar(bundle) is bundle.stated


def test_a_manifest_says_what_is_read(ours: Write) -> None:
    bundle = load(ours())
    assert (bundle.name, bundle.version, bundle.enforce) == ("region_x", "2.1.0", True)
    assert bundle.data["pzp_roles"]["care"] == {"huisarts": "01.015"}
    assert bundle.tests[0].tests == ("test_b",)


@pytest.mark.parametrize(
    "changed",
    [
        {"a__rego": REGO + "# a remark\n"},
        {"a_test__rego": "package region_x_test\n\ntest_c if true\n"},
        {"roles__yaml": ROLES.replace("huisarts", "arts")},
        {"capability__json": STATEMENT + "\n"},
        {"manifest__yaml": MANIFEST.replace("2.1.0", "2.1.1")},
    ],
)
def test_every_file_is_in_the_digest(ours: Write, changed: dict[str, str]) -> None:
    before = load(ours()).digest
    assert load(ours(**changed)).digest != before


def test_the_digest_is_the_same_for_the_same_files(ours: Write) -> None:
    assert load(ours()).digest == load(ours()).digest
    assert len(load(ours()).digest) == 64


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"manifest__yaml": MANIFEST + "surprise: 1\n"}, "surprise"),
        ({"manifest__yaml": MANIFEST.replace("enforce", "ignore")}, "capability"),
        ({"manifest__yaml": MANIFEST.replace("[a.rego]", "[../a.rego]")}, "modules"),
        ({"manifest__yaml": MANIFEST.replace("[a.rego]", "[]")}, "modules"),
        ({"manifest__yaml": MANIFEST.replace("capability_statement: capability.json\n", "")}, "needs a capability"),
        ({"manifest__yaml": "name: [unclosed"}, "not YAML"),
        ({"manifest__yaml": "[" * 5_000}, "not YAML"),
        ({"manifest__yaml": "name: a\nname: b\n"}, "a key stands twice, line 2"),
        ({"manifest__yaml": MANIFEST.replace("package: region_x", "package: other")}, "no module declares"),
        ({"a__rego": "default allow := false\n"}, "no package line"),
        ({"a__rego": "# package region_x\n"}, "no package line"),
        ({"capability__json": "{}"}, "capability.json"),
        ({"roles__yaml": "- a\n"}, "a data file is a mapping"),
        ({"roles__yaml": "pzp_roles: {}\n"}, "owner"),
    ],
)
def test_a_bundle_that_is_none_is_refused_with_a_reason(ours: Write, changed: dict[str, str], why: str) -> None:
    with pytest.raises(NotABundle, match=why):
        load(ours(**changed))


def test_a_missing_file_is_an_error_of_the_file_system(ours: Write) -> None:
    folder = ours()
    (folder / "roles.yaml").unlink()
    with pytest.raises(FileNotFoundError):
        load(folder)


def test_a_published_policy_needs_no_manifest(write: Write) -> None:
    folder = write(
        policy__rego=REGO, policy_test__rego="package region_x_test\n", fhir_capabilitystatement__json=STATEMENT
    )
    bundle = load(folder)
    assert (bundle.name, bundle.package, bundle.enforce) == ("region_x", "region_x", False)
    assert [module.name for module in bundle.modules] == ["policy.rego"]
    assert [module.name for module in bundle.tests] == ["policy_test.rego"]


def test_a_policy_that_judges_capability_itself_hears_of_more_than_it_lists(write: Write) -> None:
    lists = grammar(load(write(policy__rego=REGO, fhir_capabilitystatement__json=STATEMENT)))
    assert "patient" in lists.resources["Condition"].params
    assert "category" in lists.resources["Goal"].params
    assert lists.resources["Patient"].post_only


def test_a_policy_whose_statement_is_of_the_other_fhir_has_its_codes_asked(write: Write) -> None:
    stu3 = json.dumps({**json.loads(STATEMENT), "fhirVersion": "3.0.2"})
    published = grammar(load(write(policy__rego=REGO, fhir_capabilitystatement__json=stu3)))
    raw = RawRequest("GET", "/Consent", "patient=Patient/p1&category=http://snomed.info/sct%7C11291000146105", (), b"")
    asked = parse(raw, published, "https://gateway.example/fhir")
    assert isinstance(asked, FhirRequest)
    ours = parse(raw, grammar(load(shipped())), "https://gateway.example/fhir")
    assert isinstance(ours, Deny)
    assert ours.reason is Reason.REQUEST_VERSION
    together = joined(grammar(load(shipped())), published)
    assert isinstance(parse(raw, together, "https://gateway.example/fhir"), FhirRequest)


def test_a_policy_without_statement_is_asked_in_our_language(write: Write) -> None:
    bundle = load(write(policy__rego=REGO))
    assert bundle.stated is None
    assert grammar(bundle) == load(shipped()).stated


@pytest.mark.parametrize("missing", ["nowhere", "."])
def test_a_folder_without_policy_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(NotABundle):
        load(tmp_path / missing)


def test_two_packages_need_a_manifest(write: Write) -> None:
    with pytest.raises(NotABundle, match="several packages"):
        load(write(a__rego=REGO, b__rego="package other\n"))


@pytest.mark.parametrize(
    ("body", "pure"),
    [
        ("allow if time.now_ns() > 0", False),
        ('allow if http.send({"url": "x"}).status_code == 200', False),
        ('allow if rand.intn("x", 2) == 1', False),
        ("allow if uuid.rfc4122(`x`)", False),
        ('allow if trace("x")', False),
        ('allow if opa.runtime()["env"]', False),
        ('allow if net.lookup_ip_addr("x")', False),
        ('allow if input.x == "http://time.example"', True),
        ("allow if input.x == `rand`", True),
        ("allow if true # at any time", True),
        ("allow if timeless", True),
    ],
)
def test_only_a_policy_that_reads_its_input_alone_is_pure(write: Write, body: str, pure: bool) -> None:
    assert load(write(policy__rego=f"{REGO}\n{body}\n")).pure is pure


def test_test_rules_are_found_at_the_start_of_a_line_only() -> None:
    text = "package a_test\n\ntest_b if true\n\n# test_c\nx := `\ntest_d`\ntest_b if false\n  test_e if true\n"
    assert Module("a_test.rego", text).tests == ("test_b",)


def test_a_role_file_replaces_the_table_and_changes_the_digest(ours: Write, tmp_path: Path) -> None:
    folder = ours()
    other = tmp_path / "other.yaml"
    other.write_text(ROLES.replace("huisarts", "wijkverpleegkundige"))
    replaced = load(folder, other)
    assert replaced.data["pzp_roles"]["care"] == {"wijkverpleegkundige": "01.015"}
    assert replaced.digest != load(folder).digest
    other.write_text(ROLES + "more: 1\n")
    with pytest.raises(NotABundle, match="nothing else"):
        load(folder, other)


TABLE = {"owner": "FG", "review": "2027-01-01", "care": {"arts": "x"}, "administrative": {"balie": "y"}}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"owner": ""}, "owner"),
        ({"owner": None}, "owner"),
        ({"review": "soon"}, "review"),
        ({"review": None}, "review"),
        ({"care": {}}, "nobody"),
        ({"care": ["arts"]}, "maps a role"),
        ({"care": {1.015: "huisarts"}}, "quotes"),
        ({"care": {"Huisarts": "x"}}, "lower case"),
        ({"care": {"arts  x": "x"}}, "lower case"),
        ({"care": {"": "x"}}, "lower case"),
        ({"care": {"arts": 1}}, "note"),
        ({"care": {"balie": "x"}}, "in care and in administrative"),
        ({"doctors": {}}, "unknown key"),
    ],
)
def test_a_role_table_that_could_be_misread_is_refused(changed: dict[str, object], why: str) -> None:
    with pytest.raises(NotARoleTable, match=why):
        checked({**TABLE, **changed})


def test_a_role_table_is_returned_as_the_policy_reads_it() -> None:
    assert checked(TABLE) == TABLE
    assert normalized("  SEH-Arts   i.o. ") == "seh-arts i.o."
