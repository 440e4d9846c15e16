"""The last step of an answer in XML: what may leave is written again in that form (ADR 0098).

Trusts minimization: what comes in may leave. What cannot be said in XML does not leave in part.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ..fhir.version import Speech
from ..fhir.xml import Unwritable, to_xml
from ..outcome import Outcome, Unavailable
from ..reasons import Reason
from ..values import replace
from .minimize import Minimized

_AT_ONCE = 64 * 1024
"""Bytes; a longer one is written in a thread, for others wait meanwhile."""

_long = ThreadPoolExecutor(1, "fhir-xml")
"""One long answer at a time: one of 8 MiB takes a second of the processor, and a few hundred MiB at worst."""


async def as_xml(content: Outcome[Minimized], spoken: Speech) -> Outcome[Minimized]:
    """Return the content in XML, a Stop as it is; Unavailable SOURCE_NOT_XML for what XML cannot say."""
    if not isinstance(content, Minimized):
        return content
    try:
        if len(content.body) <= _AT_ONCE:
            body = to_xml(content.body, spoken)
        else:
            body = await asyncio.get_running_loop().run_in_executor(_long, to_xml, content.body, spoken)
    except Unwritable as flaw:
        return Unavailable(Reason.SOURCE_NOT_XML, detail=str(flaw))
    return replace(content, body=body, form="xml")
