"""A type of organization that is written in no known way: perhaps the user's, so an objection applies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nuts_pzp.identity import ORGANIZATION_TYPE_SYSTEM, Bsn, Organization, Ura
from nuts_pzp.systems.fhir_consent.criteria import Applies, Asked, fit

URL = "https://nuts-pzp.example/StructureDefinition/org-type"
ROLE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}


def asked() -> Asked:
    user = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return Asked(Bsn("999912008"), "p1", Ura("90000222"), user, now, "https://x/fhir", type_extension=URL)


def of_type(code: str) -> dict[str, Any]:
    extension = {"url": URL, "valueCoding": {"system": ORGANIZATION_TYPE_SYSTEM, "code": code}}
    return {"actor": [{"role": ROLE, "reference": {"extension": [extension]}}]}


@pytest.mark.parametrize(
    ("code", "applies"),
    [
        ("N6", Applies.SURELY),
        ("Z3", Applies.NO),
        ("n6", Applies.PERHAPS),
        ("N6 ", Applies.PERHAPS),
        ("huisartsenpost", Applies.PERHAPS),
    ],
)
def test_only_a_code_as_the_list_has_them_is_surely_another(code: str, applies: Applies) -> None:
    assert fit(of_type(code), asked()).applies is applies
