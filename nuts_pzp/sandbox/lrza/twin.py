"""Sandbox: the directory's read face (ITI-90-NL, ITI-91-NL): pages, history newest first, mutual TLS. No deletes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..switches import App, Faults, Register, control_app, fronted
from .resources import ListedOrganization, listed

TYPES = ("Organization", "Location", "HealthcareService", "Endpoint", "OrganizationAffiliation")
LIES = ("wrong-ura", "foreign-address", "foreign-next", "garbage")


class LrzaTwin:
    """Serves what the region lists at `/fhir`. `url` is its external FHIR base, for the links in its pages."""

    def __init__(
        self,
        url: str,
        organizations: Sequence[ListedOrganization] = (),
        *,
        page_size: int = 50,
        require_certificate: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """List these organisations. With an empty `url` the links follow the Host of the request."""
        self.url = url.rstrip("/")
        self.faults, self.register = Faults(), Register()
        self._page_size, self._require_certificate, self._clock = page_size, require_certificate, clock
        self._versions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for organization in organizations:
            self.add(organization)
        face = Starlette(
            routes=[
                Route("/fhir/{kind}", self._guarded(self._search), methods=["GET"]),
                Route("/fhir/{kind}/_history", self._guarded(self._history), methods=["GET"]),
                Route("/fhir/{kind}/{id}", self._guarded(self._read), methods=["GET"]),
            ]
        )
        self.app: App = fronted(face, self.faults, self.register)
        put = Route("/resources", self._put, methods=["POST"])
        self.control: App = control_app(self.faults, self.register, LIES, (put,))

    def add(self, organization: ListedOrganization) -> None:
        """List one more organisation, or a new version of one."""
        for resource in listed(organization):
            self.put(resource)

    def put(self, resource: dict[str, Any]) -> None:
        """Store a resource as a new version: create or update. Nothing is ever deleted."""
        versions = self._versions.setdefault((resource["resourceType"], resource["id"]), [])
        meta = {"versionId": str(len(versions) + 1), "lastUpdated": _instant(self._clock())}
        versions.append({**copy.deepcopy(resource), "meta": meta})

    def _guarded(self, operation: Callable[[Request], Response]) -> Any:
        async def endpoint(request: Request) -> Response:
            if self._require_certificate and request.scope.get("client_certificate") is None:
                return _problem(401, "login", "a client certificate is required")
            if request.path_params["kind"] not in TYPES:
                return _problem(404, "not-supported", "not a type of this directory")
            return operation(request)

        return endpoint

    def _read(self, request: Request) -> Response:
        versions = self._versions.get((request.path_params["kind"], request.path_params["id"]))
        if not versions:
            return _problem(404, "not-found", "not found")
        current = versions[-1]
        return _fhir(self._as_it_lies(current), etag=f'W/"{current["meta"]["versionId"]}"')

    def _search(self, request: Request) -> Response:
        """All current resources of a type, page by page, or those with one identifier."""
        wanted = request.query_params.get("identifier", "")
        current = [v[-1] for (kind, _), v in self._versions.items() if kind == request.path_params["kind"]]
        if wanted:
            system, _, value = wanted.rpartition("|")
            current = [resource for resource in current if _has_identifier(resource, system, value)]
        return self._paged(request, "searchset", [{"resource": self._as_it_lies(each)} for each in current])

    def _history(self, request: Request) -> Response:
        """All versions since a moment, that moment included, newest first."""
        kind, since = request.path_params["kind"], request.query_params.get("_since", "")
        try:
            start = datetime.fromisoformat(since).timestamp() if since else 0.0
        except ValueError:
            return _problem(400, "invalid", "_since is not an instant")
        versions = [v for (k, _), all_of_one in self._versions.items() if k == kind for v in all_of_one]
        recent = [v for v in versions if datetime.fromisoformat(v["meta"]["lastUpdated"]).timestamp() >= start]
        recent.sort(key=lambda v: (v["meta"]["lastUpdated"], int(v["meta"]["versionId"])), reverse=True)
        entries = [
            {
                "resource": self._as_it_lies(version),
                "request": {"method": "PUT", "url": f"{kind}/{version['id']}"},
                "response": {"status": "200", "lastModified": version["meta"]["lastUpdated"]},
            }
            for version in recent
        ]
        return self._paged(request, "history", entries)

    def _paged(self, request: Request, kind: str, entries: list[dict[str, Any]]) -> Response:
        offset = request.query_params.get("_offset", "0")
        start = int(offset) if offset.isascii() and offset.isdigit() else 0
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": kind,
            "meta": {"lastUpdated": _instant(self._clock())},
            "total": len(entries),
            "link": [{"relation": "self", "url": str(request.url)}],
            "entry": entries[start : start + self._page_size],
        }
        if start + self._page_size < len(entries):
            bundle["link"].append({"relation": "next", "url": self._next(request, start + self._page_size)})
        elif self.faults.lying == "foreign-next":
            bundle["link"].append({"relation": "next", "url": "https://elsewhere.example/fhir/Organization"})
        return _fhir(bundle)

    def _next(self, request: Request, start: int) -> str:
        here = request.url.include_query_params(_offset=start)
        path = here.path.removeprefix("/fhir")
        base = self.url or f"{here.scheme}://{here.netloc}/fhir"
        return f"{base}{path}?{here.query}"

    def _as_it_lies(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return the resource, bent as the fault says."""
        lie = self.faults.lying
        if lie not in LIES or lie == "foreign-next":
            return resource
        bent = copy.deepcopy(resource)
        if lie == "wrong-ura" and bent["resourceType"] == "Endpoint":
            bent["identifier"][0]["assigner"]["identifier"]["value"] = "99999999"
        elif lie == "foreign-address" and bent["resourceType"] == "Endpoint":
            bent["address"] = "https://10.99.99.99/fhir"
        elif lie == "garbage":
            bent.update(name=["\u202e", 1], identifier={"a": []}, type=7, endpoint="x", address={}, telecom=[[]])
        return bent

    async def _put(self, request: Request) -> Response:
        """For the control face: store any resource, hostile ones too."""
        resource = await request.json()
        if not isinstance(resource, dict) or resource.get("resourceType") not in TYPES or not resource.get("id"):
            return JSONResponse({"error": "a resource of the directory, with an id"}, 400)
        self.put(resource)
        return JSONResponse({"versions": len(self._versions[(resource["resourceType"], resource["id"])])})


def _has_identifier(resource: dict[str, Any], system: str, value: str) -> bool:
    identifiers = resource.get("identifier")
    return any(
        isinstance(each, dict) and each.get("value") == value and system in ("", each.get("system"))
        for each in (identifiers if isinstance(identifiers, list) else [])
    )


def _instant(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fhir(content: dict[str, Any], *, etag: str = "") -> Response:
    headers = {"etag": etag} if etag else None
    return JSONResponse(content, 200, headers, media_type="application/fhir+json")


def _problem(status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    content = {"resourceType": "OperationOutcome", "issue": [issue]}
    return JSONResponse(content, status, media_type="application/fhir+json")
