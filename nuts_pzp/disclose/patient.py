"""Whose data is asked for: by the holder's own server, never by what a caller says (design D1, spec decision-api 3.2).

Trusts the holder's own FHIR server for who a patient is, but not that it answers what was asked. Nothing that is
fetched here is released.
"""

from __future__ import annotations

import msgspec

from ..fhir.issues import trouble
from ..fhir.request import FhirRequest
from ..forwarding.port import FhirAnswer, FhirServer
from ..identity import BSN_SYSTEM, Bsn, Patient, Standing
from ..outcome import Deny, Outcome, Stop, Unavailable
from ..reasons import Reason
from .belonging import Person, head, owner_of, person
from .one_reading import UNREADABLE, why
from .selection import is_sharing


class _Search(msgspec.Struct):
    mode: str | None = None


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    search: _Search | None = None


class _Found(msgspec.Struct):
    resourceType: str
    type: str
    entry: list[_Entry] | None = None


_FOUND = msgspec.json.Decoder(_Found)


async def patient_of(request: FhirRequest, records: FhirServer, base: str) -> Outcome[Patient]:
    """Return the one patient a request is about: by BSN searched for, patient parameter, or the resource to be read.

    `base` is the tenant's external FHIR base. A BSN that the server does not know gives a Patient of standing UNKNOWN;
    an id it does not know, a Patient without exactly one BSN or out of use, and a resource without a patient are Deny.
    Another patient than asked for is SOURCE_OTHER_PATIENT: an incident. Unavailable when the server cannot be asked.
    """
    try:
        if request.interaction == "search-type" and request.resource_type == "Patient":
            return await _by_bsn(request, records)
        if request.interaction == "search-type":
            return await _by_id(named_in(request), records)
        if request.resource_type == "Patient":
            return await _by_id(request.id, records)
        return await _by_resource(request, records, base)
    except UNREADABLE as error:
        return Unavailable(Reason.SOURCE_BROKEN, detail=f"the own server's answer: {why(error)}")


async def _by_bsn(request: FhirRequest, records: FhirServer) -> Outcome[Patient]:
    ((identifier,),) = request.values("identifier")
    bsn = Bsn(identifier.removeprefix(f"{BSN_SYSTEM}|"))
    asked = FhirRequest("search-type", "Patient", params=(("identifier", (identifier,)),), via="POST")
    answer = await records.send(asked)
    if isinstance(answer, Stop):
        return _uniform(answer)
    people, ill = _people(answer)
    if any(bsn not in one.bsns for one in people):
        return Deny(Reason.SOURCE_OTHER_PATIENT, detail="a search on BSN gave a patient without that BSN")
    if len({one.id for one in people}) < len(set(people)):
        return Deny(Reason.PATIENT_AMBIGUOUS, detail="one patient in two versions")
    current = {one.id: one for one in people if one.active}
    if not current and ill:
        return Unavailable(Reason.SOURCE_BROKEN, detail=f"a look-up was not answered: {ill.detail}")
    if not current:
        return Patient(bsn, None, Standing.UNKNOWN)
    if len(current) > 1 or answer.next is not None:
        return Deny(Reason.PATIENT_AMBIGUOUS, detail="more than one patient with that BSN")
    return _known(next(iter(current.values())))


def _people(answer: FhirAnswer) -> tuple[list[Person], Stop | None]:
    """Return who was found, and what the server says that its answer lacks."""
    answer.body.decode("utf-8")
    found = _FOUND.decode(answer.body)
    if (found.resourceType, found.type) != ("Bundle", "searchset"):
        raise msgspec.ValidationError("not a searchset")
    entries = [
        (bytes(one.resource), one.search is not None and one.search.mode == "outcome") for one in found.entry or ()
    ]
    people = [None if outcome else person(resource) for resource, outcome in entries]
    beside = [resource for (resource, _), one in zip(entries, people, strict=True) if one is None]
    return [one for one in people if one is not None], trouble(beside)


async def _by_id(logical_id: str | None, records: FhirServer) -> Outcome[Patient]:
    answer = await _read("Patient", logical_id, records)
    if isinstance(answer, Stop):
        return answer
    found = person(answer.body)
    if found is None or found.id != logical_id:
        return Deny(Reason.SOURCE_OTHER_PATIENT, detail="a read of one patient gave another resource")
    return _known(found)


def _known(found: Person) -> Outcome[Patient]:
    if len(found.bsns) > 1:
        return Deny(Reason.PATIENT_AMBIGUOUS, detail="a patient with more than one BSN")
    patient = found.patient()
    return patient or Deny(Reason.PATIENT_UNKNOWN, detail="a patient without a BSN, or out of use")


async def _by_resource(request: FhirRequest, records: FhirServer, base: str) -> Outcome[Patient]:
    answer = await _read(request.resource_type, request.id, records)
    if isinstance(answer, Stop):
        return answer
    answer.body.decode("utf-8")
    if is_sharing(head(answer.body)):
        return Deny(Reason.RESOURCE_REFUSED, detail="what a patient chose about sharing is no PZP")
    owner = owner_of(answer.body, tuple(f"{one}/" for one in (answer.base, base) if one))
    if owner is None:
        return Deny(Reason.RESOURCE_REFUSED, detail="a resource that names no patient of this holder")
    return await _by_id(owner, records)


async def _read(resource_type: str, logical_id: str | None, records: FhirServer) -> Outcome[FhirAnswer]:
    """A resource that is not there looks, from outside, like one that may not be seen."""
    answer = await records.send(FhirRequest("read", resource_type, logical_id))
    if isinstance(answer, Deny) and answer.reason is Reason.NOT_FOUND:
        return Deny(Reason.PATIENT_UNKNOWN, answer.evidence, detail=f"no such {resource_type}")
    return _uniform(answer) if isinstance(answer, Stop) else answer


def _uniform(stop: Stop) -> Stop:
    """A look-up is ours: that the server does not understand it is no fault of who asked, and none that it hears."""
    if stop.reason is Reason.SOURCE_QUERY:
        return Unavailable(Reason.SOURCE_BROKEN, stop.evidence, detail=f"a look-up was not understood: {stop.detail}")
    return stop


def named_in(request: FhirRequest) -> str | None:
    """Return the logical id of the one patient that a search names by id; None for every other request."""
    if request.interaction != "search-type":
        return None
    named = request.values("patient") + request.values("subject")
    if len(named) != 1 or len(named[0]) != 1:
        return None
    return named[0][0].removeprefix("Patient/")
