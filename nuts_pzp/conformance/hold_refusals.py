"""Data holder: what must be refused. Nothing here changes anything at the target; the ids in it are nobody's."""

from __future__ import annotations

from .bench import NOBODY, NOBODYS_BSN, Bench, check
from .refusals import kept_back, not_taken, uniform, withheld
from .rules import Said, partly, untried
from .wire import FHIR_JSON, Got

_BATCH = b'{"resourceType":"Bundle","type":"batch"}'
_ELSEWHERE = (301, 302, 307, 308)
"""Many servers send who asks at the base without its last slash to the base with it."""


async def _varied(bench: Bench, more: str, *, patient: str | None = None) -> Got:
    """The best known PZP request with one thing changed."""
    wording, _ = await bench.some_answer()
    query = wording.about(patient or await bench.patient_id())
    return await bench.wire.ask(f"/{wording.kind}", query + more)


@check("HOLD-201")
async def unknown_patient(bench: Bench) -> Said:
    """Nobody's BSN brings nothing, and nobody's id neither."""
    found = kept_back(await bench.found(NOBODYS_BSN))
    return kept_back(await _varied(bench, "", patient=NOBODY)) if found.met else found


@check("HOLD-202")
async def other_patient(bench: Bench) -> Said:
    """A patient who is not released to us brings nothing, by BSN nor by id."""
    bsn, patient = bench.extra.refused_bsn, bench.extra.refused_patient
    if bsn is None and patient is None:
        return untried("no id and no BSN of a patient who is not released was given")
    found = kept_back(await bench.found(bsn)) if bsn else None
    if patient is None or (found and not found.met):
        return found or untried("no id was given")
    return kept_back(await _varied(bench, "", patient=patient))


@check("HOLD-203")
async def refused_alike(bench: Bench) -> Said:
    """And the two are answered alike."""
    if bench.extra.refused_patient is None:
        return untried("no id of a patient who is not released was given")
    nobody, known = NOBODY, bench.extra.refused_patient
    first, refused, again, last = [await _varied(bench, "", patient=one) for one in (nobody, known, known, nobody)]
    return uniform((first, last), (refused, again))


@check("HOLD-204")
async def two_patients(bench: Bench) -> Said:
    """Two patients in one parameter are refused."""
    both = f"{await bench.patient_id()},Patient/{NOBODY}"
    return withheld(await _varied(bench, "", patient=both))


@check("HOLD-205")
async def no_patient(bench: Bench) -> Said:
    """A search without a patient is refused."""
    wording, _ = await bench.some_answer()
    query = wording.query.partition("&")[2]
    return withheld(await bench.wire.ask(f"/{wording.kind}", query))


async def _excluded(bench: Bench, kind: str) -> Said:
    """A type that the pilot leaves out: neither searched nor read."""
    searched = await bench.wire.ask(f"/{kind}", f"patient=Patient/{await bench.patient_id()}")
    read = await bench.wire.ask(f"/{kind}/{NOBODY}")
    return not_taken(read if read.status == 200 else searched)


@check("HOLD-206")
async def no_list(bench: Bench) -> Said:
    """List."""
    return await _excluded(bench, "List")


@check("HOLD-207")
async def no_composition(bench: Bench) -> Said:
    """Composition."""
    return await _excluded(bench, "Composition")


@check("HOLD-208")
async def no_bundle(bench: Bench) -> Said:
    """Bundle."""
    return await _excluded(bench, "Bundle")


@check("HOLD-209")
async def no_batch(bench: Bench) -> Said:
    """An empty batch at the base."""
    got = await _batch(bench, bench.wire.base)
    if got.status in _ELSEWHERE:
        got = await _batch(bench, f"{bench.wire.base}/")
    return not_taken(got)


async def _batch(bench: Bench, url: str) -> Got:
    return await bench.wire.send("POST", url, headers={"content-type": FHIR_JSON}, content=_BATCH)


@check("HOLD-210")
async def no_revinclude(bench: Bench) -> Said:
    """`_revinclude` is refused."""
    return not_taken(await _varied(bench, "&_revinclude=Provenance:target"))


@check("HOLD-211")
async def no_chain(bench: Bench) -> Said:
    """A chain that no PZP request has is refused."""
    return not_taken(await _varied(bench, "&patient.name=a"))


@check("HOLD-212")
async def no_reverse_chain(bench: Bench) -> Said:
    """`_has` is refused."""
    return not_taken(await _varied(bench, "&_has:Provenance:target:agent=a"))


@check("HOLD-213")
async def nothing_unlisted(bench: Bench) -> Said:
    """A parameter that the guide's CapabilityStatement does not list is refused."""
    return not_taken(await _varied(bench, "&_lastUpdated=gt1900-01-01"))


@check("HOLD-214")
async def get_with_body(bench: Bench) -> Said:
    """Parameters in the body of a GET are refused."""
    wording, _ = await bench.some_answer()
    url = f"{bench.wire.base}/{wording.kind}"
    query = wording.about(await bench.patient_id()).replace("|", "%7C").encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return withheld(await bench.wire.send("GET", url, headers=headers, content=query))


@check("HOLD-215")
async def both_places(bench: Bench) -> Said:
    """Parameters in the URL and in the body together are refused."""
    wording, _ = await bench.some_answer()
    patient, _, rest = wording.about(await bench.patient_id()).partition("&")
    url = f"{bench.wire.base}/{wording.kind}/_search?{rest.replace('|', '%7C')}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    got = await bench.wire.send("POST", url, headers=headers, content=patient.encode())
    return not_taken(got)


@check("HOLD-216")
async def no_other_method(bench: Bench) -> Said:
    """A method override is refused. What is asked for is HEAD: who obeys changes nothing."""
    wording, _ = await bench.some_answer()
    query = wording.about(await bench.patient_id())
    got = await bench.wire.ask(f"/{wording.kind}", query, headers={"x-http-method-override": "HEAD"})
    if got.searchset:
        return partly(f"{got}: the override was ignored rather than refused")
    return not_taken(got)


@check("HOLD-217")
async def no_history(bench: Bench) -> Said:
    """A whole type's history is no patient's question."""
    wording, _ = await bench.some_answer()
    return withheld(await bench.wire.ask(f"/{wording.kind}/_history"))
