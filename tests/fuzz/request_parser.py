"""Fuzz target: the request parser. `make fuzz` runs it; `test_nobody_else.py` runs its seeds.

Whatever the bytes: a request or a refusal that is documented. A request means the same when it is written anew, names
one patient at most, and shows no BSN where it is logged.
"""

from __future__ import annotations

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, encode, parse, template
from nuts_pzp.identity import BSN_SYSTEM, eleven_test
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

BASE = "https://gateway.example/wilgenhof/fhir"
_STATED = load(shipped()).stated
assert _STATED is not None
CAPABILITY = _STATED
HOST = ("host", "gateway.example")
DOCUMENTED = {one for one in Reason if one.code.startswith("PZP-REQUEST-")}
PATIENTS = ("patient", "subject", "identifier")


def raw_request(data: bytes) -> RawRequest:
    """Read a request from bytes, one part a line: method, path, query, headers, and the rest is the body."""
    method, path, query, headers, body = (data.split(b"\n", 4) + [b""] * 5)[:5]
    pairs = (one.partition(": ") for one in headers.decode("latin-1").split("\r") if one)
    named = tuple((name.lower(), value) for name, _, value in pairs)
    return RawRequest(method.decode("latin-1"), path.decode("latin-1"), query.decode("latin-1"), (HOST, *named), body)


def one_input(data: bytes) -> None:
    """Parse, and hold what comes of it against what is promised."""
    raw = raw_request(data)
    found = parse(raw, CAPABILITY, BASE)
    if isinstance(found, Deny):
        assert found.reason in DOCUMENTED
        return
    assert isinstance(found, FhirRequest)
    again = encode(found)
    same = parse(
        RawRequest(again.method, again.path, again.query, (HOST, *again.headers), again.body), CAPABILITY, BASE
    )
    assert same == found, "written anew it means something else"
    assert encode(same) == again
    _one_patient(found)
    _shows_no_bsn(found)


def _one_patient(found: FhirRequest) -> None:
    named = [values for name in PATIENTS for values in found.values(name)]
    if found.interaction == "search-type":
        assert [len(values) for values in named] == [1]
    else:
        assert named == [] == list(found.params)
    for name, values in found.params:
        if name not in PATIENTS:
            assert not any("Patient/" in value.title() and value.title().startswith("Patient/") for value in values)


def _shows_no_bsn(found: FhirRequest) -> None:
    shown = template(found)
    assert BSN_SYSTEM not in shown
    values = (value for part in shown.partition("?")[2].split("&") for value in part.partition("=")[2].split(","))
    assert not any(eleven_test(value) for value in values)
