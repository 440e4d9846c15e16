"""The merge alone, in this process, its memory kept as a gateway keeps it: 50 sources that gave 60 resources each."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

from dossiers import bundle, dossier
from stand import PATIENT, Stand
from table import Effort, Row, middle

from nuts_pzp.exchange import Answer, Source
from nuts_pzp.fhir.bundle import Bundle, read_bundle
from nuts_pzp.gateway import settle
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Gathered
from nuts_pzp.overview.merge import Prepared, merge, prepare

SOURCES = 50
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def told(number: int) -> Answer:
    """Return what one source gave, read from its bytes as a consultation reads it."""
    base = f"https://bron-{number}.example/fhir"
    read = read_bundle(bundle(dossier(number), "Consent").replace("{base}", base).encode(), base)
    assert isinstance(read, Bundle)
    holder = Organization(Ura(f"9{number:07d}"), "V6", f"Bron {number}", "0570-555000")
    return Answer(Source(holder, base, None), Gathered(read.resources))


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Merge again and again, what came and what was read already."""
    given = [told(number) for number in range(SOURCES)]
    resources = sum(len(one.got.items) for one in given)
    about = (PATIENT.bsn, PATIENT.birth_date)
    ready = [prepare(one, now=NOW, asked=about) for one in given]
    before = gc.get_threshold()
    settle()  # the region of this process is not in a gateway, and is not to be walked through by its collector
    try:
        each, rest = _middle(given, about, effort.merges), _middle(ready, about, effort.merges)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
    what = f"merge of {SOURCES} sources x {resources // SOURCES} resources"
    return [
        Row("merge", what, f"{each:.0f} ms", "<= 40 ms", {"ms": each}),
        Row("merge", f"{what}, after the last answer", f"{rest:.0f} ms", "", {"ms": rest}),
    ]


def _middle(given: Sequence[Answer | Prepared], about: tuple[Bsn, date], times: int) -> float:
    """Milliseconds of one merge; a consultation reads each answer when it arrives, and merges what was read."""
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        overview = merge(given, (), now=NOW, asked=about)
        took.append(time.perf_counter() - began)
        assert overview.complete
    return middle(took) * 1e3
