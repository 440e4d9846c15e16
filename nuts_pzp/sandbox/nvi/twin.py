"""Sandbox: the NVI's FHIR face. Its semantics and its quirks, each quirk a switch (spec 1.3)."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...identity import Bsn, Ura
from ..oauth import Gateway, Identity, NotAdmitted
from ..prs import PrsTwin
from ..switches import App, Faults, Register, control_app, fronted
from .lists import SOURCE_SYSTEM_IN, SOURCE_SYSTEM_OUT, TOKEN_SYSTEM, Refused, Row, read_list, shown
from .patients import BadToken, PatientTokens

LIES = ("wrong-ura", "no-custodian", "not-a-bundle", "endless")
_TRACE = re.compile(r"[^A-Za-z0-9_-]")
_PARAMETERS = frozenset({"subject:identifier", "source:identifier"})


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where the service differs from its guide; on as it runs, off as it should be."""

    resource_type: bool = True
    """Errors spell `resource_type`, but for 422."""
    source_system: bool = True
    """The source's system in answers is a constant, not what was submitted."""
    refuse_other_parameters: bool = True
    """`code`, `_count` and the like in a search give 422."""
    deleted_201: bool = True
    single_use: bool = True


class NviTwin:
    """Keeps rows of (pseudonym, URA, source) and answers for whoever the gateway admits."""

    def __init__(
        self,
        gateway: Gateway,
        prs: PrsTwin,
        *,
        organization: str,
        scope: str = "nvi",
        quirks: Quirks | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the register's own keys and admit it to the PRS as recipient `organization` (`oin:<20>`) and `scope`."""
        self.quirks = quirks or Quirks()
        self.faults, self.register = Faults(), Register()
        self._gateway, self._prs = gateway, prs
        self._patients = PatientTokens(organization, scope, single_use=self.quirks.single_use, clock=clock)
        self._rows: dict[str, Row] = {}
        prs.admit(self._patients.recipient)
        self.app: App = fronted(self._face(), self.faults, self.register)
        rows = Route("/rows", self._show_rows, methods=["GET"])
        self.control: App = control_app(self.faults, self.register, LIES, (rows,))

    async def seed(self, bsn: Bsn, ura: Ura, source_id: str) -> str:
        """Register a patient for a holder, through PRS and unblinding; return the List's id. Twice is once."""
        token = self._prs.patient_token(bsn.value, self._patients.recipient)
        pseudonym = self._patients.open(token)
        held = self._held(pseudonym, ura.value, source_id)
        return held.id if held else self._keep(pseudonym, ura.value, source_id).id

    def _face(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/fhir/List", self._guarded(self._create), methods=["POST"]),
                Route("/fhir/List", self._guarded(self._search), methods=["GET"]),
                Route("/fhir/List", self._guarded(self._delete_many), methods=["DELETE"]),
                Route("/fhir/List/{id}", self._guarded(self._read), methods=["GET"]),
                Route("/fhir/List/{id}", self._guarded(self._delete), methods=["DELETE"]),
                Route("/health", self._health, methods=["GET"]),
            ]
        )

    def _guarded(self, operation: Callable[[Request, Identity, Any], Response]) -> Any:
        """Admit the caller and turn refusals into the service's kind of answer."""

        async def endpoint(request: Request) -> Response:
            try:
                caller = self._gateway.admit(request)
                response = operation(request, caller, await _body(request))
            except NotAdmitted as error:
                response = JSONResponse({"detail": "not admitted"}, error.status)
            except Refused as error:
                response = self._outcome(error.status, error.code, error.text)
            except BadToken as error:
                response = self._outcome(400, "invalid", f"Invalid pseudonym: {error}")
            response.headers["x-request-id"] = str(uuid.uuid4())
            if trace := _TRACE.sub("", request.headers.get("x-client-trace-id", ""))[:64]:
                response.headers["x-client-trace-id"] = trace
            return response

        return endpoint

    def _create(self, request: Request, caller: Identity, body: Any) -> Response:
        _demand(caller, "nvi:create", source=True)
        submitted = read_list(body)
        if submitted.ura != caller.sub:
            raise Refused(403, "security", "Organization does not match the token")
        pseudonym = self._patients.open(submitted.token)
        if self._held(pseudonym, submitted.ura, submitted.source_id):
            raise Refused(409, "conflict", "Record already exists")
        return _fhir(self._list(self._keep(pseudonym, submitted.ura, submitted.source_id)), 201)

    def _read(self, request: Request, caller: Identity, body: Any) -> Response:
        _demand(caller, "nvi:read")
        return _fhir(self._list(self._own(request, caller)))

    def _search(self, request: Request, caller: Identity, body: Any) -> Response:
        _demand(caller, "nvi:localize")
        lists: list[dict[str, Any]] = [self._list(row) for row in self._matching(request, caller)]
        return _fhir(self._as_it_lies(lists))

    def _delete(self, request: Request, caller: Identity, body: Any) -> Response:
        _demand(caller, "nvi:delete")
        del self._rows[self._own(request, caller).id]
        return self._deleted()

    def _delete_many(self, request: Request, caller: Identity, body: Any) -> Response:
        _demand(caller, "nvi:delete", source=True)
        for row in list(self._matching(request, caller)):
            if row.ura == caller.sub:
                del self._rows[row.id]
        return self._deleted()

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "components": {"database": "ok", "crypto_service_api": "ok"}})

    async def _show_rows(self, request: Request) -> Response:
        """For the control face: rows without their pseudonyms."""
        return JSONResponse([{"id": r.id, "ura": r.ura, "source_id": r.source_id} for r in self._rows.values()])

    def _matching(self, request: Request, caller: Identity) -> Iterable[Row]:
        """Rows of a search: by subject alone across all holders, anything else among the caller's own."""
        query = request.query_params
        if self.quirks.refuse_other_parameters and set(query) - _PARAMETERS:
            raise Refused(422, "invalid", "Extra inputs are not permitted")
        subject = _value(query.get("subject:identifier", ""), TOKEN_SYSTEM)
        source = _value(query.get("source:identifier", ""), SOURCE_SYSTEM_IN)
        pseudonym = self._patients.open(subject) if subject else None
        everyone = pseudonym is not None and not source
        return [
            row
            for row in self._rows.values()
            if (pseudonym is None or row.pseudonym == pseudonym)
            and (not source or row.source_id == source)
            and (everyone or row.ura == caller.sub)
        ]

    def _own(self, request: Request, caller: Identity) -> Row:
        row = self._rows.get(request.path_params["id"])
        if row is None or row.ura != caller.sub:
            raise Refused(404, "not-found", "Record not found")
        return row

    def _held(self, pseudonym: bytes, ura: str, source_id: str) -> Row | None:
        wanted = (pseudonym, ura, source_id)
        return next((r for r in self._rows.values() if (r.pseudonym, r.ura, r.source_id) == wanted), None)

    def _keep(self, pseudonym: bytes, ura: str, source_id: str) -> Row:
        row = Row(str(uuid.uuid4()), pseudonym, ura, source_id)
        self._rows[row.id] = row
        return row

    def _list(self, row: Row) -> dict[str, Any]:
        return shown(row, source_system=SOURCE_SYSTEM_OUT if self.quirks.source_system else SOURCE_SYSTEM_IN)

    def _as_it_lies(self, lists: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the searchset, bent as the fault says."""
        lie = self.faults.lying
        if lie == "not-a-bundle":
            return {"resourceType": "List"}
        for each in lists:
            if lie == "wrong-ura":
                each["extension"][0]["valueReference"]["identifier"]["value"] = "99999999"
            elif lie == "no-custodian":
                each["extension"] = []
        entries = [{"resource": each} for each in lists]
        total = len(entries) + 1_000 if lie == "endless" else len(entries)
        return {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries}

    def _deleted(self) -> Response:
        return self._outcome(201, "informational", "Deleted") if self.quirks.deleted_201 else Response(status_code=204)

    def _outcome(self, status: int, code: str, text: str) -> Response:
        spelled = "resource_type" if self.quirks.resource_type and status != 422 else "resourceType"
        severity = "error" if status >= 400 else "information"
        issue = {"severity": severity, "code": code, "details": {"text": text}}
        return _fhir({spelled: "OperationOutcome", "issue": [issue]}, status)


def _demand(caller: Identity, scope: str, *, source: bool = False) -> None:
    if scope not in caller.scopes:
        raise Refused(403, "security", "Missing scope")
    if source and not caller.source_id:
        raise Refused(403, "security", "Missing source id")


def _value(text: str, system: str) -> str:
    """Return the value of `system|value`; `|value` counts as absent, a bare value as itself."""
    named, bar, value = text.rpartition("|")
    if bar and not named:
        return ""
    if named and named != system:
        raise Refused(422, "invalid", "Unknown identifier system")
    return value


async def _body(request: Request) -> Any:
    if request.method != "POST":
        return None
    try:
        return await request.json()
    except ValueError:
        raise Refused(422, "invalid", "JSON") from None


def _fhir(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, media_type="application/fhir+json")
