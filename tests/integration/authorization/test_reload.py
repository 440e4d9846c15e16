"""Reloading policies: what fails its tests is refused loudly, the former goes on, each change is accounted for."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nuts_pzp.assembly import Estate
from nuts_pzp.audit import reading
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.settings import read_deployment

DEPLOYMENT = {
    "name": "meerwijck.example",
    "listeners": {"operations": {"port": 0}, "network": {"port": 0, "url": "https://meerwijck.example"}},
    "audit": {"path": "ledger.sqlite", "keys": "keys", "accept_any_filesystem": True},
    "state": "state",
    "tenants": "tenants",
    "outbound": {"allowed_networks": ["127.0.0.0/8"]},
}
TENANT: dict[str, Any] = {
    "id": "meerwijck",
    "organization": {"ura": "90000222", "type": "V6", "name": "Ziekenhuis Meerwijck"},
    "addressing": {"kind": "regional_file", "file": "../region.yaml"},
    "disclose": {
        "authentication": {"kind": "nuts_node", "node": "http://127.0.0.1:9", "issuer": "http://127.0.0.1:9/o"},
        "records": {"kind": "fhir_server", "base": "http://127.0.0.1:9/fhir"},
        "consent": {"mitz": "not-connected", "sources": [{"kind": "local"}]},
        "policy": {"kind": "regorus", "bundle_folder": "../policy"},
    },
}
FAILING = "package pzp_test\n\nimport rego.v1\n\ntest_the_sky_is_green if false\n"


class Site:
    """A tenant's files and its policy folder, and the estate that runs on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.policy = folder, folder / "policy"
        shutil.copytree(shipped(), self.policy)
        (folder / "tenants").mkdir()
        (folder / "region.yaml").write_text(
            yaml.safe_dump({"owner": "RSO", "review_before": "2027-01-01", "organizations": []})
        )
        (folder / "deployment.yaml").write_text(yaml.safe_dump(DEPLOYMENT))
        self.write(TENANT)
        self.ledger = Ledger.open(
            Place(folder / "ledger.sqlite", folder / "keys", "meerwijck.example", accept_any_filesystem=True)
        )
        self.estate = Estate(read_deployment(folder / "deployment.yaml"), folder, self.ledger)

    def write(self, tenant: dict[str, Any]) -> None:
        (self.folder / "tenants" / "meerwijck.yaml").write_text(yaml.safe_dump(tenant))

    def add(self, rule: str) -> str:
        """Change the policy; the digest of what is on disk then."""
        with (self.policy / "pzp.rego").open("a") as out:
            out.write(f"\n{rule}\n")
        return load(self.policy).digest

    @property
    def digests(self) -> dict[str, str]:
        """The bundle that decides, by policy."""
        house = self.estate.house("meerwijck")
        assert house is not None
        assert house.holding is not None
        return {name: policy.digest for name, policy, _ in house.holding.policies}

    @property
    def activated(self) -> list[dict[str, str]]:
        found = reading.records(self.folder / "ledger.sqlite", "meerwijck")
        return [one.record["detail"] for one in found if one.code == "policy.activated"]

    async def says(self, what: str) -> tuple[bool, str]:
        return next((check.ok, check.says) for check in await self.estate.checks() if check.what == what)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.estate.start()
    yield made
    await made.estate.stop()
    await made.ledger.aclose()


async def test_the_first_policy_is_accounted_for_with_its_hash_and_scopes(place: Site) -> None:
    digest = load(place.policy).digest
    assert place.digests == {"pzp": digest}
    assert place.activated == [{"policy": "pzp", "bundle_sha256": digest, "scopes": "pzp-gf"}]
    assert await place.says("meerwijck: policy.pzp") == (True, f"pzp 1.0.1 {digest[:12]}")


async def test_a_changed_bundle_takes_over_and_is_accounted_for_before_it_decides(place: Site) -> None:
    changed = place.add("unused := 1")
    await place.estate.reload()
    assert place.digests == {"pzp": changed}
    assert [one["bundle_sha256"] for one in place.activated][-1] == changed


async def test_a_reload_without_a_change_is_no_activation(place: Site) -> None:
    await place.estate.reload()
    assert len(place.activated) == 1


async def test_a_bundle_that_fails_its_tests_is_refused_and_the_former_goes_on(
    place: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    former = place.digests
    (place.policy / "pzp_test.rego").write_text(FAILING)
    await place.estate.reload()
    assert place.digests == former
    assert len(place.activated) == 1
    ok, said = await place.says("meerwijck")
    assert not ok
    assert "fails its own test pzp_test.test_the_sky_is_green" in said
    assert "tenant.refused" in "".join(capsys.readouterr())
    shutil.copy(shipped() / "pzp_test.rego", place.policy / "pzp_test.rego")
    await place.estate.reload()
    assert not place.estate.broken


@pytest.mark.parametrize("broken", ["allow if {", "package other"])
async def test_a_bundle_that_does_not_compile_is_refused_and_the_former_goes_on(place: Site, broken: str) -> None:
    former = place.digests
    with (place.policy / "pzp.rego").open("a") as out:
        out.write(f"\n{broken}\n")
    await place.estate.reload()
    assert place.digests == former
    assert "meerwijck" in place.estate.broken


async def test_a_role_table_past_its_review_is_said_and_still_decides(place: Site) -> None:
    table = yaml.safe_load((place.policy / "roles.yaml").read_text())
    table["pzp_roles"]["review"] = "2020-02-29"
    (place.policy / "roles.yaml").write_text(yaml.safe_dump(table))
    await place.estate.reload()
    assert place.digests == {"pzp": load(place.policy).digest}
    ok, said = await place.says("meerwijck: policy.pzp")
    assert (ok, said) == (False, "PZP-POLICY-005 since 2020-02-29; it is used all the same")


async def test_a_second_policy_is_added_without_touching_the_first(place: Site) -> None:
    second = place.folder / "bgz"
    second.mkdir()
    (second / "policy.rego").write_text("package bgz\n\nimport rego.v1\n\ndefault allow := false\n")
    disclose = TENANT["disclose"] | {
        "policies": {"bgz": {"kind": "regorus", "bundle_folder": "../bgz"}},
        "scopes": {"pzp-gf": "pzp", "bgz-gf": "bgz"},
    }
    place.write(TENANT | {"disclose": disclose})
    await place.estate.reload()
    assert sorted(place.digests) == ["bgz", "pzp"]
    assert [(one["policy"], one["scopes"]) for one in place.activated] == [("pzp", "pzp-gf"), ("bgz", "bgz-gf")]


async def test_a_tenant_becomes_a_stu3_holder_by_two_lines_that_agree(place: Site) -> None:
    own = TENANT["disclose"]
    stu3 = own["records"] | {"fhir_version": "STU3"}
    place.write(TENANT | {"disclose": own | {"records": stu3, "policy": {"kind": "regorus", "bundle": "pzp_stu3"}}})
    await place.estate.reload()
    assert place.digests == {"pzp": load(shipped("pzp_stu3")).digest}
    assert place.activated[-1]["bundle_sha256"] == load(shipped("pzp_stu3")).digest


@pytest.mark.parametrize(
    "changed",
    [
        {"records": {"kind": "fhir_server", "base": "http://127.0.0.1:9/fhir", "fhir_version": "STU3"}},
        {"policy": {"kind": "regorus", "bundle": "pzp_stu3"}},
        {
            "records": {"kind": "fhir_server", "base": "http://127.0.0.1:9/fhir", "fhir_version": "STU3"},
            "policies": {"other": {"kind": "regorus", "bundle": "pzp_stu3"}},
        },
    ],
    ids=["records alone", "policy alone", "one policy of two"],
)
async def test_one_of_the_two_alone_is_refused_and_the_former_goes_on(place: Site, changed: dict[str, Any]) -> None:
    former = place.digests
    place.write(TENANT | {"disclose": TENANT["disclose"] | changed})
    await place.estate.reload()
    assert place.digests == former
    ok, said = await place.says("meerwijck")
    assert not ok
    assert "fhir_version: STU3 of records and bundle: pzp_stu3" in said or "two FHIR versions" in said


async def test_a_bundle_that_changes_its_version_is_refused_where_the_records_do_not(place: Site) -> None:
    former = place.digests
    shutil.rmtree(place.policy)
    shutil.copytree(shipped("pzp_stu3"), place.policy)
    await place.estate.reload()
    assert place.digests == former
    assert "policy STU3" in (await place.says("meerwijck"))[1]


async def test_two_ways_to_name_a_bundle_are_one_too_many(place: Site) -> None:
    own = TENANT["disclose"]
    place.write(TENANT | {"disclose": own | {"policy": own["policy"] | {"bundle": "pzp"}}})
    await place.estate.reload()
    assert "bundle and bundle_folder: one of them" in (await place.says("meerwijck"))[1]
