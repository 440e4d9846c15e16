"""An adapter of Mitz before a client that says what it is told, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import (
    Bsn,
    Organization,
    Patient,
    Professional,
    Purpose,
    Standing,
    Ura,
)
from nuts_pzp.outcome import Evidence, Unavailable
from nuts_pzp.outside import Outbound
from nuts_pzp.systems.mitz.answer import Decision
from nuts_pzp.systems.mitz.client import Answered
from nuts_pzp.systems.mitz.consent import MitzConsent, MitzSettings
from nuts_pzp.systems.mitz.question import Question
from nuts_pzp.values import replace

HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")


PROOF = Evidence("mitz", "urn:uuid:1", "ab" * 32)


ROOT = "2.16.840.1.113883.2.4.3.11.999.7"


class FakeClient:
    """Remembers what it was asked; says what it was told to."""

    def __init__(self, found: Answered | Unavailable) -> None:
        self.found = found
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answered | Unavailable:
        self.asked.append(question)
        return self.found

    def resting(self) -> Unavailable | None:
        return self.found if isinstance(self.found, Unavailable) else None


def decided(*words: str) -> Answered:
    return Answered(tuple((f"GGC{number}", Decision(word)) for number, word in enumerate(words)), PROOF)


def mitz(found: Answered | Unavailable | None = None, **own: Any) -> tuple[MitzConsent, FakeClient]:
    settings = MitzSettings(
        url="http://127.0.0.1:1",
        **{"roles": {"Huisarts": "01.015"}, "professional_id_root": ROOT, **own},
    )
    fake = FakeClient(found or decided("Permit"))
    return MitzConsent(HOLDER, settings, fake, None, Outbound()), fake


CALLER = Caller(
    Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"),
    Professional("medewerker-17", "huisarts"),
    frozenset({"pzp-gf"}),
    Purpose.TREATMENT,
    None,
    {},
    "nuts-bearer",
    token_digest=b"t" * 32,
)


def access(change: Callable[[Caller], Caller] = lambda caller: caller) -> Access:
    return Access(
        change(CALLER),
        FhirRequest("search-type", "Consent", params=(("patient", ("Patient/1",)),)),
        Patient(Bsn("999912008"), "1", Standing.KNOWN),
    )


def of_type(kind: str) -> Callable[[Caller], Caller]:
    return lambda caller: replace(caller, organization=replace(caller.organization, type=kind))


def by(professional: Professional | None) -> Callable[[Caller], Caller]:
    return lambda caller: replace(caller, professional=professional)
