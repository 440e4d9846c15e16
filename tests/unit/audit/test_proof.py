from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nuts_pzp.audit import proof
from nuts_pzp.audit.ledger.checkpoint import NoteSigner, VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.material import opened
from nuts_pzp.identity import Tenant


@pytest.fixture
async def proven(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> tuple[dict[str, Any], VerifierKey, str]:
    audit = opening(place).of(tenant)
    receipts = [await audit.append(events.denied(f"c{number}")) for number in range(11)]
    with opened(place.path) as ledger:
        document = proof.prove(ledger, "meerwijck", receipts[4].record_id)
    return document, audit.log.signer.verifier, receipts[4].record_id


async def test_a_proof_shows_one_record_and_holds(proven: tuple[dict[str, Any], VerifierKey, str]) -> None:
    document, key, record_id = proven
    found = proof.check(document, key)
    assert (found.index, found.size, found.record["id"]) == (5, 12, record_id)
    assert found.record["correlation"] == "c4"
    assert len(document["path"]) == 4  # log2 of twelve, rounded up: no other record is shown


async def test_a_changed_proof_proves_nothing(proven: tuple[dict[str, Any], VerifierKey, str]) -> None:
    document, key, _ = proven
    for field, value in (
        ("record", document["record"].replace("c4", "c5")),
        ("index", 4),
        ("index", "5"),
        ("path", document["path"][:-1]),
        ("path", [*document["path"], document["path"][0]]),
        ("path", [base64.b64encode(bytes(31)).decode(), *document["path"][1:]]),
        ("path", ["*", *document["path"][1:]]),
        ("checkpoint", document["checkpoint"].replace("\n12\n", "\n13\n")),
        ("schema", "another/1"),
        ("record", None),
    ):
        changed = copy.deepcopy(document)
        changed[field] = value
        with pytest.raises(proof.BadProof):
            proof.check(changed, key)
    for other in (None, [], {}, "x"):
        with pytest.raises(proof.BadProof):
            proof.check(other, key)


async def test_another_key_does_not_confirm_it(proven: tuple[dict[str, Any], VerifierKey, str]) -> None:
    document, key, _ = proven
    other = NoteSigner(key.name, Ed25519PrivateKey.generate()).verifier
    with pytest.raises(proof.BadProof, match="not genuine"):
        proof.check(document, other)


async def test_what_is_not_there_cannot_be_proven(
    proven: tuple[dict[str, Any], VerifierKey, str], place: Place
) -> None:
    with opened(place.path) as ledger:
        with pytest.raises(proof.BadProof, match="no such record"):
            proof.prove(ledger, "meerwijck", "00000000-0000-7000-8000-000000000000")
        with pytest.raises(proof.BadProof, match="no such log"):
            proof.prove(ledger, "nobody", "00000000-0000-7000-8000-000000000000")
