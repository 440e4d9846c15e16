"""What the checks of the data-holder side share: the target, the test patient, and answers that are asked for once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

from ..fhir.bundle import Bundle, Resource, read_bundle
from ..fhir.parameters import ID
from ..identity import Bsn
from .rules import Said
from .wire import Got, Wire
from .wording import BSN, WORDINGS, Wording

if TYPE_CHECKING:
    import httpx

NOBODY = "pzp-conformance-nobody"
"""A logical id that no server has."""
NOBODYS_BSN = Bsn("999999990")
"""Of a public test range and given to no test person: what may stand in a URL that must be refused."""
MOST_PAGES = 50
_PAGES = 10
"""In how many pages a long answer is asked for."""


T = TypeVar("T")


class NotThere(Exception):
    """Something that a check builds on did not come; the words are what the report says."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The test patient."""

    bsn: Bsn
    birth_date: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Extra:
    """What some rules need besides, when the region has it."""

    refused_patient: str | None = field(default=None, repr=False)
    """Logical id of a patient at the target who is not released to us."""
    refused_bsn: Bsn | None = None
    expired_token: str | None = field(default=None, repr=False)
    bare: httpx.AsyncClient | None = None
    """A client without our certificate, when we have one."""


@dataclass(frozen=True, slots=True)
class Followed:
    """An answer with its further pages."""

    pages: tuple[Got, ...]
    resources: tuple[Resource, ...]
    strange: int = 0
    """Next links to another origin or outside the base; none was followed."""
    ended: bool = True
    readable: bool = True
    """False for a Bundle that cannot be read."""

    @property
    def first(self) -> Got:
        """The first page."""
        return self.pages[0]

    @property
    def last(self) -> Got:
        """The last page that was asked for."""
        return self.pages[-1]

    @property
    def linked(self) -> bool:
        """Whether the first page had a link to a next one."""
        return len(self.pages) > 1 or self.strange > 0

    @property
    def matches(self) -> tuple[Resource, ...]:
        """What the search found."""
        return tuple(one for one in self.resources if one.mode == "match")


class Bench:
    """One run's facts. Each is asked for once, when a check first needs it."""

    def __init__(self, wire: Wire, subject: Subject, extra: Extra | None = None) -> None:
        self.wire, self.subject, self.extra = wire, subject, extra or Extra()
        self._kept: dict[str, Any] = {}

    async def metadata(self) -> Got:
        """The target's CapabilityStatement."""
        return await self._once("metadata", lambda: self.wire.ask("/metadata"))

    async def version(self) -> str:
        """`fhirVersion`; empty when the target does not say."""
        said = (await self.metadata()).content.get("fhirVersion")
        return said if isinstance(said, str) else ""

    async def stu3(self) -> bool:
        """Whether the target speaks STU3; what does not say so is taken for R4."""
        return (await self.version()).startswith("3.")

    async def listed(self) -> dict[str, dict[str, Any]]:
        """What the CapabilityStatement says by resource type."""
        found: dict[str, dict[str, Any]] = {}
        for rest in _list((await self.metadata()).content.get("rest")):
            for one in _list(rest.get("resource")):
                if isinstance(one.get("type"), str):
                    found[one["type"]] = one
        return found

    async def patient(self) -> Got:
        """The answer to the Patient search on the BSN."""
        return await self._once("patient", lambda: self.found(self.subject.bsn))

    async def found(self, bsn: Bsn) -> Got:
        """The answer to a Patient search on a BSN."""
        return await self.wire.search("Patient", f"identifier={BSN}|{bsn.value}")

    async def patients(self) -> list[dict[str, Any]]:
        """The Patient resources of that answer."""
        entries = _list((await self.patient()).content.get("entry"))
        found = [one["resource"] for one in entries if isinstance(one.get("resource"), dict)]
        return [one for one in found if one.get("resourceType") == "Patient"]

    async def patient_id(self) -> str:
        """The logical id of the test patient; raises NotThere."""
        ids: list[str] = [one["id"] for one in await self.patients() if isinstance(one.get("id"), str)]
        if len(ids) != 1:
            raise NotThere("the test patient was not found by BSN")
        if not ID.fullmatch(ids[0]):
            raise NotThere("the Patient's id is not one that FHIR allows")
        if self.subject.bsn.value in ids[0]:
            raise NotThere("the Patient's id holds the BSN, which may stand in no URL")
        return ids[0]

    async def answer(self, wording: Wording) -> Followed:
        """The answer to one PZP request, with its further pages."""

        async def asked() -> Followed:
            patient = await self.patient_id()
            return await self.follow(await self.wire.ask(f"/{wording.kind}", wording.about(patient)))

        return await self._once(wording.rule, asked)

    async def wordings(self) -> tuple[Wording, ...]:
        """The requests that this target's FHIR version has."""
        unfit = ("rc2", "beta3", "r4") if await self.stu3() else ("stu3",)
        return tuple(one for one in WORDINGS if one.dialect not in unfit)

    async def everything(self) -> tuple[Resource, ...]:
        """Every resource that any PZP request brought, each once; and the Patient."""
        found: dict[tuple[str, str, bytes], Resource] = {}
        patient = read_bundle((await self.patient()).body, self.wire.base)
        rows = [patient.resources] if isinstance(patient, Bundle) else []
        for wording in await self.wordings():
            rows.append((await self.answer(wording)).resources)
        for one in (resource for row in rows for resource in row):
            found.setdefault((one.type, one.id, one.raw), one)
        return tuple(one for one in found.values() if one.type != "OperationOutcome")

    async def some_answer(self) -> tuple[Wording, Followed]:
        """The request that found most, of those that were answered; raises NotThere when none was."""
        rows = [(wording, await self.answer(wording)) for wording in await self.wordings()]
        answered = [row for row in rows if row[1].first.searchset]
        if not answered:
            raise NotThere("no PZP request was answered")
        return max(answered, key=lambda row: len(row[1].matches))

    async def follow(self, first: Got) -> Followed:
        """Read a searchset and its further pages: same origin, below the base, bounded, no page twice."""
        pages, resources, seen = [first], list[Resource](), set[str]()
        got = first
        while got.searchset:
            bundle = read_bundle(got.body, self.wire.base)
            if not isinstance(bundle, Bundle):
                return Followed(tuple(pages), tuple(resources), ended=False, readable=False)
            resources += bundle.resources
            link = bundle.link("next")
            if link is None:
                return Followed(tuple(pages), tuple(resources))
            url = urljoin(f"{self.wire.base}/", link)
            if not self.within(url):
                return Followed(tuple(pages), tuple(resources), strange=1, ended=False)
            if url in seen or len(pages) >= MOST_PAGES:
                return Followed(tuple(pages), tuple(resources), ended=False)
            seen.add(url)
            got = await self.wire.send("GET", url)
            pages.append(got)
        return Followed(tuple(pages), tuple(resources), ended=len(pages) == 1)

    async def in_pages(self) -> tuple[Followed, Followed]:
        """The answer that found most, at once and in a few pages; raises NotThere when there is nothing to page."""
        wording, whole = await self.some_answer()
        if len(whole.matches) < 2:
            raise NotThere("no PZP request found two resources, so there is nothing to page")

        async def asked() -> Followed:
            size = -(-len(whole.matches) // _PAGES)
            query = f"{wording.about(await self.patient_id())}&_count={size}"
            return await self.follow(await self.wire.ask(f"/{wording.kind}", query))

        return whole, await self._once("in pages", asked)

    def within(self, url: str) -> bool:
        """True for an address of the target: its origin, however written, and its base or below."""
        base, given = urlsplit(self.wire.base), urlsplit(url)
        if _origin(given) != _origin(base) or "/../" in f"{given.path}/":
            return False
        return given.path.rstrip("/") == base.path or given.path.startswith(f"{base.path}/")

    async def _once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        if name not in self._kept:
            self._kept[name] = await make()
        kept: T = self._kept[name]
        return kept


Check = Callable[[Bench], Awaitable[Said]]
CHECKS: dict[str, Check] = {}
"""The data-holder rules by id; the `hold_*` modules fill it."""


def check(rule: str) -> Callable[[Check], Check]:
    """Register the check of one rule."""

    def register(function: Check) -> Check:
        assert rule not in CHECKS, rule
        CHECKS[rule] = function
        return function

    return register


def _origin(url: SplitResult) -> tuple[str, str | None, int | None] | None:
    try:
        return url.scheme, url.hostname, url.port or {"https": 443, "http": 80}.get(url.scheme)
    except ValueError:
        return None


def _list(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
