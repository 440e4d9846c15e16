"""Where a DID document is, and what a did:x509 says of a certificate."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from nuts_pzp.sandbox.nuts_node.credentials import NotVerified, issue_x509, verify
from nuts_pzp.sandbox.nuts_node.did import NotResolved, Resolver, X509Did, document_url, fingerprint, web_did
from nuts_pzp.sandbox.nuts_node.jose import parse, sign


def test_a_port_is_escaped_in_a_did_and_comes_back_in_its_url() -> None:
    did = web_did("https://localhost:18443", "5f1c")
    assert did == "did:web:localhost%3A18443:iam:5f1c"
    assert document_url(did) == "https://localhost:18443/iam/5f1c/did.json"
    assert document_url("did:web:node.example") == "https://node.example/.well-known/did.json"


@pytest.mark.parametrize(
    "did", ["did:web:127.0.0.1:iam:x", "did:web:127.0.0.1%3A8443", "did:nuts:x", "did:web:", "web:x", "did:web:a:b%2Fc"]
)
def test_addresses_other_methods_and_hidden_slashes_are_not_resolved(did: str) -> None:
    with pytest.raises(NotResolved):
        document_url(did)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (httpx.Response(200, json={"id": "did:web:a.example"}), True),
        (httpx.Response(200, json={"id": "did:web:b.example"}), False),
        (httpx.Response(404, json={"id": "did:web:a.example"}), False),
        (httpx.Response(200, text='{"id": "did:web:a.example"}'), False),
        (httpx.Response(200, text="{", headers={"content-type": "application/json"}), False),
    ],
)
async def test_a_document_must_be_json_and_of_that_did(answer: httpx.Response, found: bool) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        resolver = Resolver(client, lambda _: None)
        if found:
            assert (await resolver.document("did:web:a.example"))["id"] == "did:web:a.example"
        else:
            with pytest.raises(NotResolved):
                await resolver.document("did:web:a.example")


def test_a_did_x509_is_read_and_written_with_its_values_escaped() -> None:
    text = "did:x509:0:sha256:abc::san:otherName:2.16-S-90000111::subject:O:Thuiszorg%20De%20Linde:L:Deventer"
    did = X509Did.parse(text)
    assert did.policies == (
        ("san", "otherName", "2.16-S-90000111"),
        ("subject", "O", "Thuiszorg De Linde"),
        ("subject", "L", "Deventer"),
    )
    assert str(did) == text


@pytest.mark.parametrize(
    "text",
    [
        "did:x509:1:sha256:abc::san:dns:x",
        "did:x509:0:md5:abc::san:dns:x",
        "did:x509:0:sha256:abc",
        "did:x509:0:sha256:abc::san:dns",
    ],
)
def test_another_version_hash_or_form_is_no_did_x509(text: str) -> None:
    with pytest.raises(NotResolved):
        X509Did.parse(text)


class _NoNetwork(Resolver):
    def __init__(self) -> None:
        pass


async def stands(credential: str, *, now: float | None = None) -> bool:
    try:
        await verify(credential, signer="did:web:x", resolver=_NoNetwork(), now=now or time.time())
    except (NotVerified, NotResolved, ValueError):
        return False
    return True


async def test_an_x509_credential_stands_on_its_certificate(papers: Any) -> None:
    credential = issue_x509(papers.leaf, papers.uzi.certificate, "did:web:x")
    header = parse(credential).header
    assert (header["alg"], len(header["x5c"])) == ("PS256", 2)
    assert parse(credential).claims["iss"].startswith(f"did:x509:0:sha256:{fingerprint(papers.uzi.certificate)}::san:")
    assert await stands(credential)
    assert not await stands(credential, now=time.time() + 40 * 86400)


async def test_an_x509_credential_under_another_root_falls(papers: Any) -> None:
    assert not await stands(issue_x509(papers.leaf, papers.other.certificate, "did:web:x"))


@pytest.mark.parametrize(
    "change",
    [
        {"jti": None},
        {"exp": 4_000_000_000},
        {"nbf": 1},
        {"exp": None},
        {
            "vc": {
                "type": ["VerifiableCredential", "X509Credential"],
                "credentialSubject": {"id": "x", "subject": {"O": "Elders"}},
            }
        },
        {
            "vc": {
                "type": ["VerifiableCredential", "X509Credential"],
                "credentialSubject": {"id": "x", "subject": {"OU": "x"}},
            }
        },
        {"iss_tail": "::subject:O:Elders"},
    ],
)
async def test_an_x509_credential_that_says_more_than_its_certificate_falls(
    papers: Any, change: dict[str, Any]
) -> None:
    good = parse(issue_x509(papers.leaf, papers.uzi.certificate, "did:web:x"))
    claims = {**good.claims, **change}
    header = {**good.header}
    tail = claims.pop("iss_tail", "")
    claims["iss"] += tail
    header["kid"] = f"{claims['iss']}#0"
    claims = {name: value for name, value in claims.items() if value is not None}
    del header["alg"]
    assert not await stands(sign(papers.leaf.key(), claims, algorithm="PS256", header=header))


async def test_a_chain_of_one_certificate_falls(papers: Any) -> None:
    good = parse(issue_x509(papers.leaf, papers.uzi.certificate, "did:web:x"))
    header = {"kid": good.key_id, "x5c": good.header["x5c"][:1]}
    assert not await stands(sign(papers.leaf.key(), good.claims, algorithm="PS256", header=header))
