"""Data holder: the connection, the token, and what the server says of itself."""

from __future__ import annotations

from typing import Any

from .bench import Bench, check
from .rules import Said, idle, met, partly, unmet, untried
from .wire import FHIR_JSON, FORM, LATE, Got
from .wording import BSN, INDIVIDUAL
from .wording import FORM as FORM_TYPE

GARBAGE = "pzp-conformance-not-a-token"


@check("HOLD-001")
async def encrypted(bench: Bench) -> Said:
    """TLS that verifies: the client refuses anything less before a byte is sent."""
    if not bench.wire.base.startswith("https:"):
        return unmet("the base is http: nothing is encrypted")
    got = await bench.metadata()
    return met("TLS with a certificate that verifies") if got.status else unmet(str(got))


@check("HOLD-002")
async def certificate_demanded(bench: Bench) -> Said:
    """The same request without a client certificate comes to nothing, before and after it was answered with it."""
    if bench.extra.bare is None:
        return untried("no client certificate was given to leave out")
    first, own, again = [await _found(bench, client=client) for client in (bench.extra.bare, None, bench.extra.bare)]
    if not own.searchset:
        return untried(f"with the client certificate the same request is not answered either: {own}")
    for got in (first, again):
        if got.why == LATE or (got.status and got.status != 401 and got.unheard):
            return untried(f"without a client certificate: {got.status or got.why}")
        if not (got.cut or got.status == 401 or got.refused):
            return unmet(f"without a client certificate: {got.status or got.why}")
    return met(f"without a client certificate: {again.status or 'no connection'}")


@check("HOLD-003")
async def token_granted(bench: Bench) -> Said:
    """A token was granted and is taken."""
    if bench.wire.tokens.kind == "none":
        return untried("no token was asked for or given")
    got = await bench.patient()
    if got.status == 401 or got.status == 0:
        return unmet(str(got))
    return met(f"a {bench.wire.tokens.kind} token, taken: {got.status}")


@check("HOLD-010")
async def no_token(bench: Bench) -> Said:
    """A request without a token gets nothing."""
    return _closed(await _found(bench, token=None), "without a token")


@check("HOLD-011")
async def garbage_token(bench: Bench) -> Said:
    """A token that nobody issued gets nothing."""
    return _closed(await _found(bench, token=f"Bearer {GARBAGE}"), "with a token that nobody issued")


@check("HOLD-012")
async def expired_token(bench: Bench) -> Said:
    """A token of yesterday gets nothing."""
    if bench.extra.expired_token is None:
        return untried("no expired token was given")
    return _closed(await _found(bench, token=f"Bearer {bench.extra.expired_token}"), "with an expired token")


@check("HOLD-013")
async def challenge(bench: Bench) -> Said:
    """A 401 says which schemes are taken."""
    got = await _found(bench, token=None)
    if got.status != 401:
        return untried(f"there was no 401 to look at: {got.status or got.why}")
    said = got.headers.get("www-authenticate", "").lower()
    if not any(scheme in said for scheme in ("bearer", "dpop")):
        return unmet("a 401 whose WWW-Authenticate names neither Bearer nor DPoP")
    return met("WWW-Authenticate names the scheme")


@check("HOLD-014")
async def bound_as_bearer(bench: Bench) -> Said:
    """A token that is bound to a key is not taken as Bearer, without its proof."""
    if bench.wire.tokens.kind != "DPoP":
        return idle("the token is not bound to a key")
    own = (await bench.wire.tokens.headers("POST", bench.wire.base)).get("authorization", "")
    return _closed(await _found(bench, token=f"Bearer {own.partition(' ')[2]}"), "a DPoP-bound token shown as Bearer")


@check("HOLD-020")
async def states_capability(bench: Bench) -> Said:
    """`metadata` is a CapabilityStatement."""
    got = await bench.metadata()
    fits = got.status == 200 and got.kind == "CapabilityStatement"
    return met("a CapabilityStatement") if fits else unmet(f"{got}, {got.kind or 'no FHIR JSON'}")


@check("HOLD-021")
async def states_version(bench: Bench) -> Said:
    """R4, or STU3."""
    version = await bench.version()
    if version.startswith("4.0"):
        return met("FHIR 4.0 (R4)")
    if version.startswith("3.0"):
        return partly("FHIR 3.0 (STU3): the pilot asks for R4")
    return unmet("fhirVersion is neither 4.0 nor 3.0")


@check("HOLD-022")
async def states_method(bench: Bench) -> Said:
    """The individual resources, or the form."""
    listed = await bench.listed()
    told = [kind for kind in (*INDIVIDUAL, FORM_TYPE) if kind in listed]
    return met(f"lists {len(told)} PZP types") if told else unmet("lists no PZP type")


@check("HOLD-023")
async def states_interactions(bench: Bench) -> Said:
    """Each PZP type that is listed is read and searched."""
    listed = await bench.listed()
    lacking = []
    for kind in (*INDIVIDUAL, FORM_TYPE):
        given = listed.get(kind, {}).get("interaction")
        codes = {one.get("code") for one in given if isinstance(one, dict)} if isinstance(given, list) else set()
        if kind in listed and not {"read", "search-type"} <= codes:
            lacking.append(kind)
    if not any(kind in listed for kind in (*INDIVIDUAL, FORM_TYPE)):
        return untried("no PZP type is listed")
    return unmet(f"not both read and search-type: {', '.join(lacking)}") if lacking else met("read and search-type")


@check("HOLD-024")
async def states_formats(bench: Bench) -> Said:
    """JSON and XML are both listed."""
    given = (await bench.metadata()).content.get("format")
    told = " ".join(one for one in given if isinstance(one, str)) if isinstance(given, list) else ""
    lacking = [name for name in ("json", "xml") if name not in told]
    return unmet(f"not listed: {' and '.join(lacking)}") if lacking else met("json and xml")


async def _found(bench: Bench, **how: Any) -> Got:
    """The test patient's own search, otherwise credentialed: of nobody else it could be told why nothing came."""
    headers = {"content-type": FORM, "accept": FHIR_JSON}
    content = f"identifier={BSN}%7C{bench.subject.bsn.value}".encode()
    return await bench.wire.send("POST", f"{bench.wire.base}/Patient/_search", headers=headers, content=content, **how)


def _closed(got: Got, how: str) -> Said:
    if got.status == 401:
        return met(f"{how}: 401")
    if got.status == 403:
        return partly(f"{how}: 403 instead of 401")
    if got.unheard:
        return untried(f"{how}: {got.status or got.why}")
    return unmet(f"{how}: {got.status}")
