"""Data holder: finding the patient, by BSN in a POST and in no other way; and that it is that patient."""

from __future__ import annotations

import re

from .bench import NOBODYS_BSN, Bench, check
from .refusals import not_taken, refused_or, uniform, withheld
from .rules import Said, idle, met, partly, unmet, untried
from .wire import FORM, Got
from .wording import BSN

_OVERSIZE = 256 * 1024
_DATE = re.compile("[0-9]{4}(-[0-9]{2}){0,2}")


@check("HOLD-030")
async def found_by_post(bench: Bench) -> Said:
    """One Patient comes."""
    got = await bench.patient()
    if not got.searchset:
        return unmet(f"{got}, {got.kind or 'no FHIR JSON'}")
    count = len(await bench.patients())
    return met("one Patient") if count == 1 else unmet(f"{count} Patients instead of one")


@check("HOLD-031")
async def get_refused(bench: Bench) -> Said:
    """A BSN in a URL is refused; the one sent is nobody's."""
    got = await bench.wire.ask("/Patient", f"identifier={BSN}|{NOBODYS_BSN.value}")
    return not_taken(got, "a BSN in a URL was taken")


@check("HOLD-032")
async def unknown_like_refused(bench: Bench) -> Said:
    """An unknown person and one who is not released are answered alike."""
    if bench.extra.refused_bsn is None:
        return untried("no BSN of a patient who is not released was given")
    nobody, known = NOBODYS_BSN, bench.extra.refused_bsn
    first, refused, again, last = [await bench.found(bsn) for bsn in (nobody, known, known, nobody)]
    return uniform((first, last), (refused, again))


@check("HOLD-033")
async def same_number(bench: Bench) -> Said:
    """X8, first half: the Patient carries the BSN that was asked for, and no other."""
    patients = await bench.patients()
    if not patients:
        return untried("no Patient came")
    given = [
        str(identifier.get("value"))
        for patient in patients
        for identifier in patient.get("identifier", ())
        if isinstance(identifier, dict) and identifier.get("system") == BSN
    ]
    if given and all(value == bench.subject.bsn.value for value in given):
        return met("the BSN that was asked for")
    return unmet("another BSN than was asked for" if given else "a Patient without a BSN")


@check("HOLD-034")
async def same_birth(bench: Bench) -> Said:
    """X8, second half: the birth date agrees."""
    patients = await bench.patients()
    if not patients:
        return untried("no Patient came")
    births = [str(one.get("birthDate") or "") for one in patients]
    if not all(births):
        return partly("a Patient without a birth date")
    agree = all(_DATE.fullmatch(one) and bench.subject.birth_date.startswith(one) for one in births)
    return met("the birth date agrees") if agree else unmet("another birth date than the test patient's")


@check("HOLD-035")
async def two_numbers(bench: Bench) -> Said:
    """Two BSNs in one search are refused."""
    form = f"identifier={BSN}|{bench.subject.bsn.value},{BSN}|{NOBODYS_BSN.value}"
    return withheld(await bench.wire.search("Patient", form))


@check("HOLD-036")
async def no_number(bench: Bench) -> Said:
    """Nobody is found by anything else than a BSN."""
    return withheld(await bench.wire.search("Patient", f"birthdate={bench.subject.birth_date}"))


@check("HOLD-037")
async def wrong_media_type(bench: Bench) -> Said:
    """A search that is not posted as a form is refused, best as 415."""
    url = f"{bench.wire.base}/Patient/_search"
    got = await bench.wire.send("POST", url, headers={"content-type": "application/json"}, content=b"{}")
    if got.status == 415:
        return met("415")
    return _instead(got, 415)


@check("HOLD-038")
async def oversize(bench: Bench) -> Said:
    """A body of 256 KiB is refused, best as 413."""
    url = f"{bench.wire.base}/Patient/_search"
    content = b"identifier=" + b"x" * _OVERSIZE
    got = await bench.wire.send("POST", url, headers={"content-type": FORM}, content=content)
    if got.status == 413:
        return met("413")
    return _instead(got, 413)


def _instead(got: Got, status: int) -> Said:
    return partly(f"{got.status} instead of {status}") if got.refused else refused_or(got, lambda: unmet(str(got)))


@check("HOLD-039")
async def charset_does_not_matter(bench: Bench) -> Said:
    """Media types are parsed: a charset beside it changes nothing."""
    first = await bench.patient()
    if not first.searchset:
        return idle("the Patient search itself was not answered")
    form = f"identifier={BSN}|{bench.subject.bsn.value}"
    got = await bench.wire.search("Patient", form, headers={"content-type": f"{FORM}; charset=UTF-8"})
    return met("answered too") if got.searchset else unmet(str(got))
