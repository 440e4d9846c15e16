"""A certificate speaks for the organizations of its token only."""

from __future__ import annotations

from typing import Any

import pytest
from admission_desk import KADE, LISTED, said

from nuts_pzp.authentication.certified import Certified
from nuts_pzp.exchange import Caller, Presented
from nuts_pzp.identity import Purpose, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

CALLER = Caller(KADE, None, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer")


class Tokens:
    def __init__(self, ura: str = "90000444") -> None:
        self.asked, self.ura = 0, ura

    async def verify(self, presented: Presented, /) -> Caller:
        self.asked += 1
        return replace(CALLER, organization=replace(KADE, ura=Ura(self.ura)))


def shown(der: bytes | None) -> Presented:
    return Presented("c", "Bearer x", None, der, "GET", "https://pep.example/fhir")


@pytest.mark.parametrize(
    ("settings", "ura", "token", "good"),
    [
        ({"bind": "ura"}, "90000444", "90000444", True),
        ({"bind": "ura"}, "90000444", "90000555", False),
        ({"clients": [LISTED]}, "", "90000444", True),
        ({"clients": [LISTED]}, "", "90000555", False),
        ({"clients": [LISTED], "bind": "ura"}, "90000555", "90000444", False),
        ({"clients": [LISTED], "bind": "ura"}, "90000555", "90000555", False),
        ({}, "90000555", "90000444", True),
    ],
)
async def test_a_certificate_speaks_for_its_organizations_only(
    settings: dict[str, Any], ura: str, token: str, good: bool, desk: Any, pki: Any
) -> None:
    der = pki.issuing.leaf(ura=ura)
    outcome = await Certified(await desk(**settings).open(), Tokens(token)).verify(shown(der))
    if good:
        assert isinstance(outcome, Caller)
        assert len(outcome.certificate) == 64
    else:
        assert isinstance(outcome, Deny)
        assert outcome.reason is Reason.CERTIFICATE_MISMATCH


async def test_binding_to_a_ura_wants_a_ura(desk: Any, pki: Any) -> None:
    assert await said(desk(bind="ura"), pki.issuing.leaf()) is Reason.CERTIFICATE_UNLISTED


async def test_nobody_is_asked_about_the_token_of_a_connection_that_is_not_admitted(desk: Any, pki: Any) -> None:
    tokens = Tokens()
    door = Certified(await desk().open(), tokens)
    assert (await door.verify(shown(None))).reason is Reason.CERTIFICATE_ABSENT
    assert (await door.verify(shown(pki.other.leaf()))).reason is Reason.CERTIFICATE_UNLISTED
    assert tokens.asked == 0
