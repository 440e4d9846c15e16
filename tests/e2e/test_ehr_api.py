"""The examples of the EHR API, each asked of the simulated region: an integrator sees an answer, not refusals."""

from __future__ import annotations

import pytest
from staging import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_example_of_the_document_is_answered_whole_by_the_region(visitor: Visitor) -> None:
    region = visitor.stage.region
    url = region.gateway_of("kade").consultations("kade")
    described = (
        await visitor.client(region.ehr_clients["kade"]).get(f"{url.removesuffix('consultations')}openapi.json")
    ).json()
    [asked] = [path["post"] for name, path in described["paths"].items() if name.endswith("/consultations")]
    examples = asked["requestBody"]["content"]["application/json"]["examples"]
    assert examples
    for name, example in examples.items():
        question = example["value"] | {"deadline_ms": 30_000}
        answer = (await visitor.consultation("kade", json=question)).json()
        assert (name, answer["banner"], answer["complete"]) == (name, [], True)
