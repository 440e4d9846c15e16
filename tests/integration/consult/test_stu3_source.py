"""A source that speaks STU3, asked over sockets as STU3 asks, beside one that speaks R4: one overview of both."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stu3_source import KADE, NEW, NEWER, OLD, PATIENT, RECORDS, SCT, SHOWN, asking, overview_of, shown

from nuts_pzp.house import Consulting
from nuts_pzp.identity import Tenant
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.overview.fhir_answer import searchset
from nuts_pzp.overview.shape import Overview
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.systems.fhir_server import build_connector
from nuts_pzp.web.server import Server


@dataclass
class Scene:
    old: FhirServerTwin
    new: FhirServerTwin
    house: Consulting

    async def overview(self) -> tuple[Overview, list[Any]]:
        return await overview_of(self.house)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    twins = (FhirServerTwin("/fhir", RECORDS, "stu3"), FhirServerTwin("/fhir", [PATIENT, NEWER], "r4-rc2"))
    tenant = Tenant("kade", KADE)
    around = Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path)
    async with AsyncExitStack() as stack:
        bases = []
        for twin in twins:
            server = Server(twin.app, host="127.0.0.1", port=0)
            bases.append(f"http://127.0.0.1:{await server.start()}/fhir")
            stack.push_async_callback(server.stop, grace=0.1)
        connector: Any = build_connector({}, around)
        stack.push_async_callback(connector.stop)
        yield Scene(*twins, asking(connector, dict(zip((OLD, NEW), bases, strict=True))))


async def test_everything_of_an_stu3_source_is_found_and_read(scene: Scene) -> None:
    overview, _ = await scene.overview()
    assert [(one.ura, one.dialect, one.status) for one in overview.sources] == [
        ("90000222", "r4", "ok"),
        ("90000333", "stu3", "ok"),
    ]
    assert shown(overview, OLD) == SHOWN
    ic = overview.item("treatment:305351004")
    assert ic is not None
    assert ic.agreed_with == ("Wytske Veenstra",), "who consented was read one by one"
    [talk, *_] = [one for one in overview.conversations if one.source.id == OLD.value]
    assert talk.encounter is not None


async def test_a_condition_in_stu3_contradicts_a_denial_in_r4_of_that_day(scene: Scene) -> None:
    overview, answers = await scene.overview()
    cpr = overview.item("treatment:89666000")
    assert cpr is not None
    assert cpr.conflict is not None
    assert [(one.source.id, one.value.display) for one in cpr.conflict.candidates] == [
        ("90000222", "Niet uitvoeren"),
        ("90000333", "Anders, namelijk: Alleen als zij kan herstellen"),
    ]
    assert b"JA_MAAR" not in searchset(answers, overview), "an R4 Bundle holds no STU3"


async def test_each_source_is_asked_in_its_own_version_and_which_that_is_only_once(scene: Scene) -> None:
    await scene.overview()
    await scene.overview()
    for twin, mark in ((scene.old, "11291000146105"), (scene.new, "129125009")):
        paths = [one.path for one in twin.asked]
        assert paths.count("/fhir/metadata") == 1
        categories = {dict(one.parameters).get("category", "") for one in twin.asked if one.path == "/fhir/Consent"}
        assert f"{SCT}|{mark}" in categories
    assert not any("scope" in dict(one.parameters) for one in scene.old.asked)
