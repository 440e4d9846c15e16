"""Data holder: paging to the end, and the form of an answer: media types, headers, XML."""

from __future__ import annotations

from xml.parsers import expat

from .bench import Bench, check
from .rules import Said, idle, met, unmet, untried
from .wire import FHIR_JSON

_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_CODES = ("x-meldcode", "x-request-id", "x-correlation-id")


@check("HOLD-140")
async def pages_complete(bench: Bench) -> Said:
    """Page by page comes what comes at once."""
    wording, whole = await bench.some_answer()
    if len(whole.matches) < 2:
        return untried("no PZP request found two resources, so there is nothing to page")
    query = f"{wording.about(await bench.patient_id())}&_count=1"
    paged = await bench.follow(await bench.wire.ask(f"/{wording.kind}", query))
    if not paged.first.searchset:
        return unmet(f"{paged.first} with _count=1")
    one, other = ({(m.type, m.id) for m in row.matches} for row in (whole, paged))
    if one != other:
        return unmet(f"{len(other)} found page by page, {len(one)} at once")
    return met(f"{len(paged.pages)} pages, {len(other)} found")


@check("HOLD-141")
async def pages_at_home(bench: Bench) -> Said:
    """A next link stays at the target's own base."""
    rows = [await bench.answer(one) for one in await bench.wordings()]
    strange = [row.first.label for row in rows if row.strange]
    return unmet(f"a next link elsewhere, not followed: {strange[0]}") if strange else met("no link leads elsewhere")


@check("HOLD-142")
async def pages_end(bench: Bench) -> Said:
    """Following next comes to an end."""
    rows = [await bench.answer(one) for one in await bench.wordings()]
    endless = [row.first.label for row in rows if not row.ended and not row.strange]
    return unmet(f"does not come to an end: {endless[0]}") if endless else met("every answer ends")


@check("HOLD-150")
async def json_type(bench: Bench) -> Said:
    """FHIR JSON says that it is."""
    rows = [(await bench.answer(one)).first for one in await bench.wordings()]
    wrong = [row for row in rows if row.status == 200 and row.media != FHIR_JSON]
    if not any(row.status == 200 for row in rows):
        return untried("no PZP request was answered")
    return unmet(f"{wrong[0].label}: another media type than {FHIR_JSON}") if wrong else met(FHIR_JSON)


@check("HOLD-151")
async def xml_too(bench: Bench) -> Said:
    """The same in XML for who asks for it."""
    wording, _ = await bench.some_answer()
    query = wording.about(await bench.patient_id())
    got = await bench.wire.ask(f"/{wording.kind}", query, headers={"accept": "application/fhir+xml"})
    if got.status != 200 or got.media != "application/fhir+xml":
        return unmet(f"{got}, asked for in XML")
    fits = _root(got.body) == "http://hl7.org/fhir Bundle"
    return met("application/fhir+xml") if fits else unmet(f"{got}, labelled as XML but no Bundle in it")


@check("HOLD-152")
async def trace_taken(bench: Bench) -> Said:
    """A traceparent changes nothing."""
    wording, whole = await bench.some_answer()
    query = wording.about(await bench.patient_id())
    got = await bench.wire.ask(f"/{wording.kind}", query, headers={"traceparent": _TRACE})
    return met(str(got)) if got.status == whole.first.status else unmet(f"{got} with a traceparent")


@check("HOLD-153")
async def code_given(bench: Bench) -> Said:
    """An answer carries a code that both sides can name."""
    headers = (await bench.patient()).headers
    found = [name for name in _CODES if name in headers]
    return met(found[0]) if found else unmet(f"none of {', '.join(_CODES)}")


@check("HOLD-154")
async def not_stored(bench: Bench) -> Said:
    """Patient data says that it may not be stored on the way."""
    _, followed = await bench.some_answer()
    kept = "no-store" in followed.first.headers.get("cache-control", "").lower()
    return met("no-store") if kept else unmet("no Cache-Control: no-store")


@check("HOLD-155")
async def unspoken_type(bench: Bench) -> Said:
    """What is not spoken is refused as 406."""
    wording, _ = await bench.some_answer()
    query = wording.about(await bench.patient_id())
    got = await bench.wire.ask(f"/{wording.kind}", query, headers={"accept": "image/png"})
    return met("406") if got.status == 406 else unmet(f"{got}, asked for as image/png")


@check("HOLD-156")
async def not_compressed_unasked(bench: Bench) -> Said:
    """An answer is not encoded for who did not ask for that."""
    wording, _ = await bench.some_answer()
    query = wording.about(await bench.patient_id())
    got = await bench.wire.ask(f"/{wording.kind}", query, headers={"accept-encoding": "identity"})
    if got.status != 200:
        return idle(str(got))
    encoding = got.headers.get("content-encoding", "identity")
    return met("plain") if encoding == "identity" else unmet("encoded, though identity was asked for")


class _Strange(Exception):
    """XML that a FHIR answer never is."""


def _root(body: bytes) -> str:
    """The namespace and name of the outermost element; empty for what is no plain XML document."""
    names: list[str] = []

    def strange(*_: object) -> None:
        raise _Strange

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, _: names.append(name) if not names else None
    parser.StartDoctypeDeclHandler = strange
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Strange):
        return ""
    return names[0]
