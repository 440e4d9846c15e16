"""Tokens for the tenant's own EHR: for whom it vouches, once per assertion, and for nobody else's door."""

from __future__ import annotations

import json
import re
import textwrap
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from jwt.algorithms import ECAlgorithm
from pydantic import ValidationError

from nuts_pzp.authentication.port import Gatekeeper, Issued, TokenIssuer
from nuts_pzp.exchange import Caller
from nuts_pzp.identity import Assurance, Professional
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.store.port import StoreFailed

NOW = int(time.time())
ISSUER = "https://ehr.gateway.example/kade"


async def test_a_token_names_the_person_the_login_and_the_client(desk: Any) -> None:
    issued = await desk.issue(desk.ehr.form())
    assert isinstance(issued, Issued)
    assert (issued.client, issued.seconds, issued.scope) == ("his-kade", 600, "consult")
    assert issued.token not in repr(issued)
    caller = await desk.verify(issued.token)
    assert isinstance(caller, Caller)
    assert caller.professional == Professional(
        "k-17", "waarnemend huisarts", "M. Okker", Assurance.EHR_TOKEN, login="uzi-pas"
    )
    assert (caller.organization.ura.value, caller.means, caller.claims["client_id"]) == (
        "90000444", "ehr-token", "his-kade",
    )  # fmt: skip
    keeper: Gatekeeper = desk.tokens
    assert isinstance(keeper, TokenIssuer)


async def test_a_token_is_as_rfc_9068_wants_it(desk: Any) -> None:
    token = await desk.token()
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    [key] = desk.tokens.keys()["keys"]
    assert (header["typ"], header["alg"], header["kid"]) == ("at+jwt", "ES256", key["kid"])
    assert {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope"} <= claims.keys()
    jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience=ISSUER, issuer=ISSUER)
    assert not set(key) & {"d", "k", "p", "q"}


EMPLOYEE: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "his-elders"},
    "another audience": {"aud": "https://ehr.gateway.example/meerwijck"},
    "an audience more": {"aud": [ISSUER, "https://elsewhere.example"]},
    "no audience": {"aud": None},
    "over": {"iat": NOW - 400, "exp": NOW - 100},
    "not yet": {"iat": NOW + 300, "exp": NOW + 600},
    "not before later": {"nbf": NOW + 300},
    "too long": {"exp": NOW + 700},
    "no end": {"exp": None},
    "no beginning": {"iat": None},
    "an end in words": {"exp": "tomorrow"},
    "no number": {"exp": True},
    "numbers that cannot be counted with": {"iat": 1.0, "exp": 10**400},
    "an end that never comes": {"iat": float("-inf"), "exp": float("inf"), "nbf": float("-inf")},
    "no jti": {"jti": None},
    "a short jti": {"jti": "1"},
    "a long jti": {"jti": "x" * 200},
    "no person": {"sub": None},
    "an empty person": {"sub": "  "},
    "no name": {"employee_name": None},
    "no role": {"employee_role": None},
    "a role on two lines": {"employee_role": "arts\nchef"},
    "another organization": {"organization_ura": "90000111"},
    "no organization": {"organization_ura": None},
    "an organization in words": {"organization_ura": "De Kade"},
    "no login": {"login_means": None},
    "a login in words": {"login_means": "met een pasje!"},
    "a relation in words": {"relation": "patient"},
    "a relation of another form": {"relation": {"kind": "Onze patiënt"}},
    "a relation with more": {"relation": {"kind": "gp", "bsn": "999930412"}},
    "a relation since a day that is none": {"relation": {"kind": "gp", "since": "2026-02-30"}},
    "a relation since a day written otherwise": {"relation": {"kind": "gp", "since": "2026-W47-7"}},
    "a relation since no day": {"relation": {"kind": "gp", "since": False}},
    "much too much": {"employee_name": "x" * 9_000},
}


@pytest.mark.parametrize("changed", EMPLOYEE.values(), ids=EMPLOYEE.keys())
async def test_an_assertion_that_does_not_hold_gives_no_token(desk: Any, changed: dict[str, Any]) -> None:
    form = desk.ehr.form(assertion=desk.ehr.sign(desk.ehr.employee(**changed)))
    refused = await desk.issue(form)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.ASSERTION_INVALID
    assert "999930412" not in refused.detail


@pytest.mark.parametrize(("claim", "value"), [("sub", 17), ("sub", ["k-17"]), ("jti", 12345678), ("iss", ["his-kade"])])
async def test_a_claim_of_another_kind_is_named_and_is_no_bad_signature(desk: Any, claim: str, value: Any) -> None:
    whole = desk.ehr.employee() | {claim: value}
    refused = await desk.issue(desk.ehr.form(assertion=jws(whole, desk.ehr.key)))
    assert (refused.reason, refused.detail.split(":")[:2]) == (Reason.ASSERTION_INVALID, ["assertion", f" {claim}"])


def jws(claims: dict[str, Any], key: Any) -> str:
    """Sign claims that a careful library would not."""
    parts = [json.dumps(part).encode() for part in ({"alg": "ES256", "kid": "k1"}, claims)]
    text = ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(text.encode(), key)
    return f"{text}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_signatures_of_others_and_of_nobody_do_not_hold(desk: Any) -> None:
    ehr = desk.ehr
    stranger = generate_private_key(SECP256R1())
    whole = ehr.sign(ehr.employee())
    forged = {
        "another key": ehr.sign(ehr.employee(), key=stranger),
        "another kid": ehr.sign(ehr.employee(), {"kid": "k2"}),
        "no signature": jwt.encode(ehr.employee(), "", algorithm="none", headers={"kid": "k1"}),
        "a shared secret": jwt.encode(ehr.employee(), "s" * 40, algorithm="HS256", headers={"kid": "k1"}),
        "cut": whole[:-4],
        "two parts": whole.rpartition(".")[0],
        "nothing": "",
        "a critical header": ehr.sign(ehr.employee(), {"crit": ["x"], "x": 1}),
    }
    for name, assertion in forged.items():
        refused = await desk.issue(ehr.form(assertion=assertion))
        assert isinstance(refused, Deny), name
        assert refused.reason is Reason.ASSERTION_INVALID, name


async def test_an_assertion_gives_one_token(desk: Any) -> None:
    ehr = desk.ehr
    assertion = ehr.sign(ehr.employee())
    assert isinstance(await desk.issue(ehr.form(assertion=assertion)), Issued)
    again = await desk.issue(ehr.form(assertion=assertion))
    assert (again.reason, again.detail) == (Reason.ASSERTION_INVALID, "jti: was used before")
    proof = ehr.sign(ehr.claims(sub=ehr.id))
    assert isinstance(await desk.issue(ehr.form(client_assertion=proof)), Issued)
    assert (await desk.issue(ehr.form(client_assertion=proof))).reason is Reason.ASSERTION_INVALID


async def test_an_assertion_is_used_up_for_every_process(desk: Any) -> None:
    assertion = desk.ehr.sign(desk.ehr.employee())
    assert isinstance(await desk.issue(desk.ehr.form(assertion=assertion)), Issued)
    desk.tokens = desk.build()
    assert (await desk.issue(desk.ehr.form(assertion=assertion))).reason is Reason.ASSERTION_INVALID


async def test_a_clock_that_goes_forward_and_comes_back_makes_no_assertion_serve_again(desk: Any) -> None:
    assertion, clock = desk.ehr.sign(desk.ehr.employee()), [time.time()]
    desk.tokens._clock = desk.tokens._once._clock = lambda: clock[0]
    assert isinstance(await desk.issue(desk.ehr.form(assertion=assertion)), Issued)
    clock[0] += 5_000
    later = int(clock[0])
    ahead = {"iat": later, "exp": later + 60}
    form = desk.ehr.form(
        assertion=desk.ehr.sign(desk.ehr.employee(**ahead)),
        client_assertion=desk.ehr.sign(desk.ehr.claims(sub=desk.ehr.id, **ahead)),
    )
    assert isinstance(await desk.issue(form), Issued)
    clock[0] -= 5_000
    assert (await desk.issue(desk.ehr.form(assertion=assertion))).detail == "jti: was used before"


async def test_one_assertion_does_not_serve_as_the_other(desk: Any) -> None:
    ehr = desk.ehr
    as_client = await desk.issue(ehr.form(client_assertion=ehr.sign(ehr.employee())))
    assert as_client.reason is Reason.CLIENT_UNKNOWN
    as_person = await desk.issue(ehr.form(assertion=ehr.sign(ehr.claims(sub=ehr.id))))
    assert as_person.reason is Reason.ASSERTION_INVALID


CLIENT: dict[str, tuple[dict[str, Any], Reason]] = {
    "no proof": ({"client_assertion": None, "client_id": "his-kade"}, Reason.CLIENT_UNKNOWN),
    "another kind of proof": ({"client_assertion_type": "urn:x"}, Reason.CLIENT_UNKNOWN),
    "no client": ({"client_assertion": None}, Reason.CLIENT_UNKNOWN),
    "a client that is not listed": ({"client_id": "his-elders"}, Reason.CLIENT_UNKNOWN),
    "a proof that is none": ({"client_assertion": "x.y.z"}, Reason.CLIENT_UNKNOWN),
    "client credentials": ({"grant_type": "client_credentials"}, Reason.GRANT_UNSUPPORTED),
    "no grant": ({"grant_type": None}, Reason.GRANT_UNSUPPORTED),
    "another scope": ({"scope": "admin"}, Reason.TOKEN_SCOPE),
}


@pytest.mark.parametrize(("changed", "reason"), CLIENT.values(), ids=CLIENT.keys())
async def test_a_client_that_does_not_prove_itself_gets_nothing(
    desk: Any, changed: dict[str, Any], reason: Reason
) -> None:
    refused = await desk.issue(desk.ehr.form(**changed))
    assert isinstance(refused, Deny)
    assert refused.reason is reason


async def test_a_client_with_a_certificate_gets_tokens_that_are_bound_to_it(desk: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki", "EHR CA")
    own, other = authority.client("his", common_name="his"), authority.client("other", common_name="other")
    mine, theirs = (one.certificate.public_bytes(Encoding.DER) for one in (own, other))
    desk.tokens = desk.build(sha256=own.sha256)
    form = {"client_assertion": None, "client_assertion_type": None, "client_id": "his-kade"}
    for wrong in (None, theirs, b"\x30\x80"):
        assert (await desk.issue(desk.ehr.form(**form), wrong)).reason is Reason.CLIENT_UNKNOWN
    issued = await desk.issue(desk.ehr.form(**form), mine)
    assert isinstance(issued, Issued)
    caller = await desk.verify(issued.token, mine)
    assert (caller.means, caller.certificate) == ("ehr-token-mtls", own.sha256)
    for wrong in (None, theirs):
        assert (await desk.verify(issued.token, wrong)).reason is Reason.TOKEN_INVALID
    assert desk.tokens.metadata()["token_endpoint_auth_methods_supported"] == ["tls_client_auth"]


async def test_a_token_of_one_tenant_opens_no_other(desk: Any) -> None:
    token = await desk.token()
    other = desk.build("meerwijck", "https://ehr.gateway.example/meerwijck")
    desk.tokens = other
    assert (await desk.verify(token)).reason is Reason.TOKEN_INVALID
    form = desk.ehr.form()
    assert (await desk.issue(form)).reason is Reason.CLIENT_UNKNOWN


async def test_a_client_that_is_taken_off_the_list_loses_its_tokens(desk: Any) -> None:
    token = await desk.token()
    desk.tokens = desk.build(id="his-next")
    assert (await desk.verify(token)).reason is Reason.TOKEN_INVALID


async def test_a_token_that_was_changed_or_is_none_opens_nothing(desk: Any) -> None:
    token = await desk.token()
    head, body, signature = token.split(".")
    stranger = generate_private_key(SECP256R1())
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    forged = {
        "another key": jwt.encode(claims, stranger, "ES256", {"kid": kid, "typ": "at+jwt"}),
        "no signature": f"{head}.{body}.",
        "another body": f"{head}.{body[:-2]}AA.{signature}",
        "none": jwt.encode(claims, "", algorithm="none", headers={"kid": kid, "typ": "at+jwt"}),
        "an assertion": desk.ehr.sign(desk.ehr.employee()),
        "long": "x" * 10_000,
    }
    for name, one in forged.items():
        assert (await desk.verify(one)).reason is Reason.TOKEN_INVALID, name


async def test_a_token_after_its_time_opens_nothing(desk: Any) -> None:
    token = await desk.token()
    clock = [time.time() + 601]
    desk.tokens._clock = lambda: clock[0]
    assert (await desk.verify(token)).reason is Reason.TOKEN_INVALID


async def test_without_state_no_assertion_is_used_and_no_token_issued(desk: Any) -> None:
    class Broken:
        async def first(self, *_: Any) -> None:
            raise StoreFailed("disk full")

    desk.tokens._once = Broken()
    refused = await desk.issue(desk.ehr.form())
    assert isinstance(refused, Unavailable)
    assert refused.reason is Reason.STATE_FAILED


@pytest.mark.parametrize("issuer", ["", "ehr.example", "https://ehr.example/kade/", "https://ehr.example/kade?x"])
def test_an_issuer_that_is_none_refuses_the_start(desk: Any, issuer: str) -> None:
    with pytest.raises(ValidationError):
        desk.build(issuer=issuer)


async def test_the_example_of_the_docs_gets_a_token(desk: Any) -> None:
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "ehr-tokens.md").read_text("utf-8")
    [block] = re.findall(r"^ *```python ehr-token\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(block), names)  # the page is ours
    issued = await desk.issue(names["token_request"](desk.ehr.key, desk.ehr.id, ISSUER))
    assert isinstance(issued, Issued)
