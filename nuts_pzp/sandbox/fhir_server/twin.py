"""Sandbox: a FHIR server (R4 or STU3), one per organisation, as a gateway meets it (FHIR http, search; pzp-fhir 2, 5).

`FhirServerTwin.app` speaks FHIR: read, vread, search by GET and POST, paging, metadata. It answers and words its errors
as HAPI does (a message with a HAPI number is HAPI's own). Read only on its FHIR face; JSON only.
"""

from __future__ import annotations

import asyncio
import copy
import hmac
import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from .bundles import Found, Json, Pages, outcome, page
from .capability import statement
from .faults import Faults
from .incoming import count, form, let_go
from .parameters import Speaks, known
from .search import Index, Pairs, Refused, walk

FHIR_JSON = "application/fhir+json;charset=UTF-8"
_BIG = 9 * 1024 * 1024
_BASE_ASKED = (
    "HAPI-0287: This is the base URL of FHIR server. Unable to handle this request, "
    "as it does not contain a resource type or operation name."
)
ELSEWHERE = "https://elsewhere.example/fhir?_getpages=1&_getpagesoffset=20"


@dataclass(frozen=True, slots=True)
class Behavior:
    """How this server differs from another of its kind."""

    lenient: bool = False
    """Ignore unknown search parameters instead of answering 400."""
    terminology: bool = False
    """Expand `:in`; most servers have no terminology and answer 404."""
    page_size: int = 20
    authorization: str | None = None
    """The Authorization header that every request must carry, when there is one."""


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A request as the server saw it, for tests: parameters from wherever they came."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]


class FhirServerTwin:
    """One organisation's FHIR server below `base_path` (`/fhir`). Resources are copied: a twin changes its own only."""

    def __init__(
        self,
        base_path: str,
        resources: Iterable[Mapping[str, Any]],
        dialect: Speaks,
        faults: Faults | None = None,
        *,
        belongs: Mapping[str, str] | None = None,
        behavior: Behavior | None = None,
    ) -> None:
        """`belongs` maps `Type/id` to the patient id of resources that do not name their patient themselves."""
        self.base_path = base_path.rstrip("/")
        self.faults = faults or Faults()
        self.behavior = behavior or Behavior()
        self.asked: deque[AskedOf] = deque(maxlen=1000)
        self._known = known(dialect)
        self._version = "3.0.2" if dialect == "stu3" else "4.0.1"
        self._belongs = dict(belongs or {})
        self._resources: dict[tuple[str, str], Json] = {}
        self._versions: dict[tuple[str, str, str], Json] = {}
        self._deleted: dict[tuple[str, str], str] = {}
        self._pages = Pages()
        self._started = _now()
        self._closing = asyncio.Event()
        for resource in resources:
            self.put(dict(resource))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self._serve(scope, receive, send)

        self.app = app
        """ASGI: the FHIR face. A function, because uvicorn takes a bound method for an ASGI 2 app."""

    def put(self, resource: Json) -> Json:
        """Store a resource as its next version and return it as stored; raises KeyError for an unknown type."""
        kind, id_ = resource["resourceType"], resource["id"]
        if kind not in self._known:
            raise KeyError(kind)
        stored = copy.deepcopy(resource)
        number = 1 + sum(1 for type_, one, _ in self._versions if (type_, one) == (kind, id_))
        stored["meta"] = {**stored.get("meta", {}), "versionId": str(number), "lastUpdated": _now()}
        self._resources[kind, id_] = self._versions[kind, id_, str(number)] = stored
        self._deleted.pop((kind, id_), None)
        return stored

    def delete(self, kind: str, id_: str) -> None:
        """Remove a resource: gone from searches, 410 on read. Raises KeyError when it is not there."""
        del self._resources[kind, id_]
        self._deleted[kind, id_] = _now()

    def close(self) -> None:
        """Let go of requests that hang: the server is about to stop."""
        self._closing.set()

    def count(self, kind: str) -> int:
        """How many resources of a type are stored."""
        return sum(1 for type_, _ in self._resources if type_ == kind)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        if "hang" in self.faults and not await let_go(receive, self._closing):
            return
        if "slow" in self.faults:
            await asyncio.sleep(self.faults.slow_seconds)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if "down" in self.faults or self._closing.is_set():
            return PlainTextResponse("no available server", 503)
        wanted = self.behavior.authorization
        if wanted is not None and not hmac.compare_digest(request.headers.get("authorization", ""), wanted):
            return self._reply(outcome("Authentication required", "login"), 401)
        if "outcome-200" in self.faults:
            return self._reply(outcome("The request could not be handled"), 200)
        try:
            return await self._route(request)
        except Refused as refused:
            code = "not-supported" if refused.diagnostics.startswith("Invalid request") else "processing"
            return self._reply(outcome(refused.diagnostics, code), refused.status)

    async def _route(self, request: Request) -> Response:
        path = request.url.path
        if path != self.base_path and not path.startswith(self.base_path + "/"):
            return PlainTextResponse("not found", 404)
        parts = [part for part in path[len(self.base_path) :].split("/") if part]
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        base = f"{request.url.scheme}://{request.headers.get('host', '')}{self.base_path}"
        if request.method == "POST" and len(parts) == 2 and parts[1] == "_search":
            pairs = pairs + await form(request)
            self._note(request, pairs)
            return self._search(parts[0], pairs, base, f"{base}/{parts[0]}/_search")
        self._note(request, pairs)
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, f"Invalid request: this server is read only, {request.method} is not supported")
        match parts:
            case []:
                return self._page(pairs, base)
            case ["metadata"]:
                return self._reply(statement(self._known, self._started, self._version))
            case [kind]:
                query = urlencode(sorted(pairs))
                return self._search(kind, pairs, base, f"{base}/{kind}" + (f"?{query}" if query else ""))
            case [kind, id_]:
                return self._read(kind, id_, pairs)
            case [kind, id_, "_history", version]:
                return self._vread(kind, id_, version)
        raise Refused(400, f"Invalid request: this server does not know how to handle {request.method} there")

    def _note(self, request: Request, pairs: Pairs) -> None:
        self.asked.append(AskedOf(request.method, request.url.path, tuple(pairs)))

    def _allowed(self, kind: str) -> None:
        if "consents-only" in self.faults and kind not in ("Patient", "Consent"):
            raise Refused(403, "Access denied")
        names = [name for name in self._known if "unsupported" not in self.faults or name in _FORM_ONLY]
        if kind not in names:
            listed = ", ".join(sorted(names))
            raise Refused(404, f"HAPI-0302: Unknown resource type '{kind}' - Server knows how to handle: [{listed}]")

    def _search(self, kind: str, pairs: Pairs, base: str, self_link: str) -> Response:
        self._allowed(kind)
        index = Index(self._known, self._resources, self._belongs)
        if "wrong-patient" in self.faults:
            pairs = [(name, self._another(kind, name, value)) for name, value in pairs]
        behavior = self.behavior
        matches = index.find(kind, pairs, base=base, lenient=behavior.lenient, terminology=behavior.terminology)
        includes = tuple(value for name, value in pairs if name == "_include")
        index.included([], includes)
        size = count(pairs, behavior.page_size)
        if size == 0 or ("_summary", "count") in pairs:
            return self._reply({"resourceType": "Bundle", "type": "searchset", "total": len(matches)})
        found = Found(tuple(matches), includes, self_link)
        return self._bundle(page(index, found, self._pages.keep(found), base, offset=0, count=size))

    def _page(self, pairs: Pairs, base: str) -> Response:
        asked = dict(pairs)
        if "_getpages" not in asked:
            raise Refused(400, _BASE_ASKED)
        found = self._pages.find(asked["_getpages"])
        offset = asked.get("_getpagesoffset", "0")
        if not offset.isdecimal():
            raise Refused(400, f"Invalid _getpagesoffset value: {offset}")
        size = count(pairs, self.behavior.page_size)
        index = Index(self._known, self._resources, self._belongs)
        return self._bundle(page(index, found, asked["_getpages"], base, offset=int(offset), count=size))

    def _bundle(self, bundle: Json) -> Response:
        if "lying-next" in self.faults:
            bundle["link"] = [link for link in bundle["link"] if link["relation"] != "next"]
            bundle["link"].append({"relation": "next", "url": ELSEWHERE})
        if "big" in self.faults and bundle.get("entry"):
            entry = copy.deepcopy(bundle["entry"][0])
            entry["resource"]["text"] = {"status": "generated", "div": f"<div>{'x' * _BIG}</div>"}
            bundle["entry"] = [entry, *bundle["entry"][1:]]
        return self._reply(bundle)

    def _read(self, kind: str, id_: str, pairs: Pairs) -> Response:
        self._allowed(kind)
        resource = self._resources.get((kind, id_))
        if resource is None and (kind, id_) in self._deleted:
            raise Refused(410, f"Resource was deleted at {self._deleted[kind, id_]}")
        if resource is None:
            raise Refused(404, f"HAPI-2001: Resource {kind}/{id_} is not known")
        if elements := dict(pairs).get("_elements"):
            resource = _subset(resource, elements.split(","))
        return self._reply(resource, etag=resource["meta"])

    def _vread(self, kind: str, id_: str, version: str) -> Response:
        self._allowed(kind)
        resource = self._versions.get((kind, id_, version))
        if resource is None:
            raise Refused(404, f'HAPI-0979: Version "{version}" is not valid for resource {kind}/{id_}')
        return self._reply(resource, etag=resource["meta"])

    def _reply(self, content: Json, status: int = 200, *, etag: Json | None = None) -> Response:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        if "malformed" in self.faults and status == 200:
            body = body[: len(body) // 2]
        response = Response(body, status)
        response.headers["content-type"] = FHIR_JSON
        if etag:
            response.headers["etag"] = f'W/"{etag["versionId"]}"'
            moment = datetime.fromisoformat(etag["lastUpdated"])
            response.headers["last-modified"] = format_datetime(moment.astimezone(UTC), usegmt=True)
        return response

    def _another(self, kind: str, name: str, value: str) -> str:
        """The next patient who has such resources, as a server that mixes up its patients would take it."""
        if name not in ("patient", "subject"):
            return value
        asked = value.removeprefix("Patient/")
        ids = [id_ for type_, id_ in self._resources if type_ == "Patient"]
        after = ids[ids.index(asked) + 1 :] + ids if asked in ids else ids
        of_kind = [one for (type_, _), one in self._resources.items() if type_ == kind]
        for other in after:
            if other != asked and any(_of(one, other) for one in of_kind):
                return f"Patient/{other}"
        return value


_FORM_ONLY = ("Patient", "QuestionnaireResponse")


def _of(resource: Json, patient_id: str) -> bool:
    return any(found == f"Patient/{patient_id}" for found in walk(resource, ("patient.reference", "subject.reference")))


def _subset(resource: Json, elements: list[str]) -> Json:
    kept = {name: value for name, value in resource.items() if name in ("resourceType", "id", *elements)}
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    return kept | {"meta": {**resource["meta"], "tag": [tag]}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
