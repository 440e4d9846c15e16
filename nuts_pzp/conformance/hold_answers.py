"""Data holder: paging to the end, and the form of an answer: media types, headers, XML."""

from __future__ import annotations

import contextlib
from xml.parsers import expat

from .bench import Bench, Followed, NotThere, check
from .rules import Said, idle, met, unmet, untried
from .wire import FHIR_JSON

_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_FHIR = "http://hl7.org/fhir "
_CODES = ("x-meldcode", "x-request-id", "x-correlation-id")


@check("HOLD-140")
async def pages_complete(bench: Bench) -> Said:
    """Page by page comes what comes at once. The guide lists no `_count`: who refuses it keeps to the guide."""
    whole, paged = await bench.in_pages()
    if paged.first.refused:
        return idle(f"{paged.first} with _count, which the guide does not list")
    if not paged.first.searchset:
        return unmet(f"{paged.first} with _count")
    if paged.last.unheard:
        return untried(f"a further page: {paged.last}")
    if paged.strange:
        return unmet("a next link elsewhere, not followed")
    one, other = ({(m.type, m.id) for m in row.matches} for row in (whole, paged))
    if one != other:
        return unmet(f"{len(other)} found page by page, {len(one)} at once")
    if not paged.linked:
        return untried("_count was not heeded: everything came at once")
    return met(f"{len(paged.pages)} pages, {len(other)} found")


async def _linked(bench: Bench) -> list[Followed]:
    """Every answer that had a further page; raises NotThere when none had, for then nothing was seen."""
    rows = [await bench.answer(one) for one in await bench.wordings()]
    with contextlib.suppress(NotThere):
        rows.append((await bench.in_pages())[1])
    if not any(row.linked for row in rows):
        raise NotThere("no answer had a further page")
    return [row for row in rows if row.linked]


@check("HOLD-141")
async def pages_at_home(bench: Bench) -> Said:
    """A next link stays at the target's own base."""
    strange = [row.first.label for row in await _linked(bench) if row.strange]
    return unmet(f"a next link elsewhere, not followed: {strange[0]}") if strange else met("no link leads elsewhere")


@check("HOLD-142")
async def pages_end(bench: Bench) -> Said:
    """Following next comes to an end."""
    endless = [row for row in await _linked(bench) if not row.ended and not row.strange]
    if lost := [row.last for row in endless if row.last.unheard]:
        return untried(f"a further page: {lost[0]}")
    if broken := [row.last for row in endless if not row.last.searchset]:
        return unmet(f"a further page did not come: {broken[0]}")
    return unmet(f"does not come to an end: {endless[0].first.label}") if endless else met("every answer ends")


@check("HOLD-150")
async def json_type(bench: Bench) -> Said:
    """FHIR JSON says that it is, in the one charset that it has."""
    rows = [(await bench.answer(one)).first for one in await bench.wordings()]
    rows = [row for row in rows if row.status == 200]
    if not rows:
        return untried("no PZP request was answered")
    if wrong := [row for row in rows if row.media != FHIR_JSON]:
        return unmet(f"{wrong[0].label}: another media type than {FHIR_JSON}")
    wrong = [row for row in rows if row.charset not in ("", "utf-8")]
    return unmet(f"{wrong[0].label}: another charset than UTF-8") if wrong else met(FHIR_JSON)


@check("HOLD-151")
async def xml_too(bench: Bench) -> Said:
    """The same in XML for who asks for it."""
    wording, whole = await bench.some_answer()
    query = wording.about(await bench.patient_id())
    got = await bench.wire.ask(f"/{wording.kind}", query, headers={"accept": "application/fhir+xml"})
    if got.status != 200 or got.media != "application/fhir+xml":
        return unmet(f"{got}, asked for in XML")
    elements = _elements(got.body)
    if elements[:1] != ["Bundle"]:
        return unmet(f"{got}, labelled as XML but no Bundle in it")
    came, expected = elements.count("Bundle entry"), len(whole.first.content.get("entry") or ())
    return unmet(f"{came} entries in XML, {expected} in JSON") if came < expected else met("application/fhir+xml")


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


def _elements(body: bytes) -> list[str]:
    """The outermost FHIR element and those right below it, as paths; nothing for what is no plain XML document."""
    paths, open_names = list[str](), list[str]()

    def begin(name: str, _: object) -> None:
        open_names.append(name.removeprefix(_FHIR) if name.startswith(_FHIR) else "-")
        if len(open_names) <= 2:
            paths.append(" ".join(open_names))

    def strange(*_: object) -> None:
        raise _Strange

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: open_names.pop()
    parser.StartDoctypeDeclHandler = strange
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Strange):
        return []
    return paths
