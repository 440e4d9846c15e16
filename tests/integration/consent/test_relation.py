"""The profile routekaart in a deployment: what a clerk states, what a table says, who decided."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from nuts_pzp.assembly import Estate
from nuts_pzp.outcome import Deny, Permit, Unknown
from nuts_pzp.reasons import Reason

OPERATOR = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=90)).isoformat()
ROUTEKAART = {
    "profile": "routekaart",
    "legal_basis_owner": "FG Meerwijck",
    "decided_on": "2026-11-02",
    "mitz": "not-connected",
    "sources": [{"kind": "local"}],
    "implied": {"sources": [{"kind": "local_relation"}]},
}
TO_THE_POST = ("--kind", "referral", "--user-ura", "90000444", "--until", UNTIL, "--evidence", "brief/3")


def related(office: Any, *words: str, command: str = "relate") -> dict[str, Any]:
    done = office.run(command, *words, *OPERATOR, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_a_stated_relation_serves_until_it_is_ended_and_is_in_the_log(office: Any, ask: Any) -> None:
    office.settle_in(ROUTEKAART)
    async with office.gateway() as estate:
        assert await ask(estate) == Unknown(Reason.CONSENT_NONE)
        said = await asyncio.to_thread(related, office, *TO_THE_POST)
        assert (said["effect"], said["counts"]) == ("related", True)
        found = await ask(estate)
        assert isinstance(found, Permit)
        assert (found.basis, found.evidence[0].reference) == ("implied:referral", said["id"])
        assert await ask(estate, "90000111", "Z3") == Unknown(Reason.CONSENT_NONE), "another organization"
        await asyncio.to_thread(related, office, "--id", said["id"], "--evidence", "brief/4", command="unrelate")
        assert await ask(estate) == Unknown(Reason.CONSENT_NONE)
    codes = [one["event"]["code"] for one in office.records("treatment_relation")]
    assert codes == ["treatment_relation.stated", "treatment_relation.ended"]


async def test_an_objection_stops_what_a_relation_implies(office: Any, ask: Any) -> None:
    office.settle_in(ROUTEKAART)
    async with office.gateway() as estate:
        await asyncio.to_thread(related, office, *TO_THE_POST)
        assert isinstance(await ask(estate), Permit)
        await asyncio.to_thread(office.record, "--objection", "--user-type", "N6")
        found = await ask(estate)
        assert isinstance(found, Deny)
        assert found.reason is Reason.CONSENT_OBJECTION


async def test_a_cover_table_serves_the_post_that_stands_in(office: Any, ask: Any) -> None:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}]
    table = {
        "format": "nuts-pzp-cover/1",
        "owner": "HAP De Kade",
        "valid_from": (TODAY - timedelta(days=2)).isoformat(),
        "valid_until": UNTIL,
        "arrangements": [{"id": "kade", "post": "90000444", "practices": ["90000222"], "hours": hours}],
    }
    (office.folder / "cover.yaml").write_text(yaml.safe_dump(table))
    implied = {"sources": [{"kind": "cover_table", "table_file": "../cover.yaml"}]}
    office.settle_in({**ROUTEKAART, "implied": implied})
    async with office.gateway() as estate:
        found = await ask(estate)
        assert isinstance(found, Permit)
        assert found.basis == "cover:kade"
        assert await ask(estate, "90000444", "V6") == Unknown(Reason.CONSENT_NONE)


async def test_readiness_says_which_profile_stands_and_who_decided(office: Any) -> None:
    office.settle_in(ROUTEKAART)
    async with office.gateway() as estate:
        says = {check.what: check.says for check in await _checks(estate)}
    assert says["meerwijck: consent.profile"] == (
        "routekaart; implied by local_relation; decided by FG Meerwijck on 2026-11-02"
    )


async def _checks(estate: Estate) -> list[Any]:
    return await estate.checks()


def test_a_relation_that_nobody_would_read_is_not_stated(office: Any) -> None:
    done = office.run("relate", *TO_THE_POST, *OPERATOR)
    assert done.exit_code == 2
    assert "nobody would read" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "2040-01-01"), "within a year"),
        (("--until", "2020-01-01"), "within a year"),
        (("--until", "soon"), "YYYY-MM-DD"),
        (("--user-ura", "De Kade"), "--user-ura"),
        (("--evidence", "brief van 999912008"), "--evidence"),
        (("--evidence", "brief-999912008"), "--evidence"),
    ],
)
def test_what_cannot_be_stated_is_said_in_one_line(office: Any, words: tuple[str, ...], said: str) -> None:
    office.settle_in(ROUTEKAART)
    done = office.run("relate", *TO_THE_POST, *OPERATOR, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "999912008" not in done.output


HALF = {
    "no owner": {**ROUTEKAART, "legal_basis_owner": ""},
    "a blank owner": {**ROUTEKAART, "legal_basis_owner": "  "},
    "no date": {key: value for key, value in ROUTEKAART.items() if key != "decided_on"},
    "nothing furnished": {key: value for key, value in ROUTEKAART.items() if key != "implied"},
    "furnished under strict": {**ROUTEKAART, "profile": "nl-pzp-strict"},
    "an owner of the default": {
        "profile": "nl-pzp-strict", "legal_basis_owner": "FG", "decided_on": "2026-11-02", "mitz": "not-connected",
        "sources": [{"kind": "local"}],
    },
    "an emergency without anybody to tell": {**ROUTEKAART, "emergency": {"roles": ["arts"], "alerts": []}},
    "an emergency for nobody": {**ROUTEKAART, "emergency": {"roles": [], "alerts": [{"kind": "officer_spool"}]}},
    "passing a Mitz that is not there": {**ROUTEKAART, "implied": {**ROUTEKAART["implied"], "on_mitz_deny": "allow"}},  # type: ignore[dict-item]
    "a profile of one's own": {**ROUTEKAART, "profile": "everything"},
    "evidence of one's own making": {**ROUTEKAART, "implied": {"sources": [{"kind": "token_claim"}]}},
}  # fmt: skip


@pytest.mark.parametrize("consent", HALF.values(), ids=HALF.keys())
async def test_half_of_a_legal_decision_refuses_the_start(office: Any, consent: dict[str, Any]) -> None:
    office.settle_in(consent)
    with pytest.raises(Exception, match="meerwijck"):
        async with office.gateway():
            pass
