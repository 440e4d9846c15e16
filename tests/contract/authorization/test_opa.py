"""What the OPA adapter keeps besides: it must hold the policy that was reviewed."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.authorization.bundle import NotABundle, shipped
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.opa import build

CONSENT = Permit("explicit-consent:mitz")
GOALS = FhirRequest("search-type", "Goal", params=(("patient", ("Patient/p1",)),))


@pytest.fixture
async def opa(fake_opa: Any) -> Any:
    return await fake_opa(shipped())


@pytest.fixture
async def policy(opa: Any, around: Surroundings) -> Any:
    made = build({"url": opa.url}, around)
    yield made
    await made.stop()


async def test_no_bsn_goes_to_the_server(policy: Any, opa: Any, asking: Any) -> None:
    await policy.evaluate(asking(GOALS), CONSENT)
    assert "999911120" not in repr(opa.asked)
    assert opa.asked[0]["context"]["patient_id"] == "#patient"


async def test_another_module_than_ours_is_refused(policy: Any, opa: Any, asking: Any) -> None:
    opa.raw = ["package pzp\n\nallow := true\n"]
    stop = await policy.evaluate(asking(GOALS), CONSENT)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.POLICY_ERROR
    assert opa.asked == []


async def test_a_further_module_of_our_package_is_refused(policy: Any, opa: Any, asking: Any) -> None:
    opa.raw = [*opa.raw, "package pzp\n\nallow if input.context.mitz_consent == false\n"]
    assert isinstance(await policy.evaluate(asking(GOALS), CONSENT), Deny)


async def test_a_module_of_another_package_does_not_matter(policy: Any, opa: Any, asking: Any) -> None:
    opa.raw = [*opa.raw, "package bgz\n\nallow := true\n"]
    assert isinstance(await policy.evaluate(asking(GOALS), CONSENT), Permit)


async def test_another_role_table_is_refused(policy: Any, opa: Any, asking: Any) -> None:
    opa.data = {"pzp_roles": {**opa.data["pzp_roles"], "care": {"tuinman": "?"}}}
    stop = await policy.evaluate(asking(GOALS), CONSENT)
    assert isinstance(stop, Deny)
    assert stop.detail == "OPA holds other data than the settings name: pzp_roles"


async def test_health_says_whether_the_policy_is_still_there(policy: Any, opa: Any) -> None:
    assert str(await policy.health()).startswith("pzp 1.0.1 ")
    opa.raw = []
    assert isinstance(await policy.health(), Deny)


@pytest.mark.parametrize(("status", "kind"), [(500, Deny), (400, Deny), (503, Unavailable), (429, Unavailable)])
async def test_a_failing_server_permits_nothing(policy: Any, opa: Any, asking: Any, status: int, kind: type) -> None:
    opa.status = status
    stop = await policy.evaluate(asking(GOALS), CONSENT)
    assert isinstance(stop, kind)
    assert "999911120" not in repr(stop)


async def test_a_server_that_is_not_there_is_unavailable(around: Surroundings, asking: Any) -> None:
    policy = build({"url": "http://127.0.0.1:9"}, around)
    stop = await policy.evaluate(asking(GOALS), CONSENT)
    await policy.stop()
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.POLICY_UNAVAILABLE


async def test_the_token_of_the_server_comes_from_its_file(around: Surroundings, opa: Any, asking: Any) -> None:
    (around.folder / "opa-token").write_text("geheim\n")
    policy = build({"url": opa.url, "token_file": "opa-token"}, around)
    await policy.evaluate(asking(GOALS), CONSENT)
    await policy.stop()
    assert opa.tokens == ["Bearer geheim"]


async def test_the_comparison_holds_for_a_while(around: Surroundings, opa: Any, asking: Any) -> None:
    policy = build({"url": opa.url}, around)
    await policy.evaluate(asking(GOALS), CONSENT)
    await policy.evaluate(asking(GOALS), CONSENT)
    await policy.stop()
    assert len(opa.tokens) == 1


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"url": "http://10.0.0.1"}, ValueError),
        ({"url": "http://127.0.0.1:9", "package": "x"}, ValueError),
        ({"url": "http://127.0.0.1:9", "bundle_folder": "nowhere"}, NotABundle),
        ({"url": "http://127.0.0.1:9", "token_file": "nowhere"}, OSError),
    ],
)
def test_wrong_settings_are_refused(around: Surroundings, settings: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        build(settings, around)
