"""Write docs/reference/network-openapi*.json from our policies and the faces of reasons: `python tools/network_api.py`.

The network door as OpenAPI 3.1, for who builds against it: one for a holder in R4, one for a holder in STU3. A test
holds the files to this, and the door to the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nuts_pzp import __version__
from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.fhir.capability import ResourceCapability
from nuts_pzp.fhir.form import MEDIA
from nuts_pzp.fhir.parameters import MAX_COUNT
from nuts_pzp.fhir.version import NAMES
from nuts_pzp.reasons import Face

_REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
PAGES = {
    "pzp": _REFERENCE / "network-openapi.json",
    "pzp_stu3": _REFERENCE / "network-openapi-stu3.json",
}
"""Where the document of each policy that we ship is written."""

_ID = "[A-Za-z0-9-][A-Za-z0-9.-]{0,63}"
_TOLD = {
    Face.INVALID: "The request itself is wrong; `diagnostics` says how",
    Face.UNAUTHENTICATED: "No token, certificate or proof, or one that is not good",
    Face.FORBIDDEN: "Refused, for whatever reason: the same answer for an unknown patient and one without consent",
    Face.NOT_FOUND: "No such tenant or address",
    Face.METHOD: "Another method; `Allow` says which",
    Face.NOT_ACCEPTABLE: "Answers are FHIR in JSON or XML, of the version in `metadata`",
    Face.TOO_BIG: "More than 64 KiB of body or 16 KiB of query",
    Face.MEDIA_TYPE: "A search is posted as application/x-www-form-urlencoded",
    Face.THROTTLED: "A limit",
    Face.BROKEN: "Something that must be asked gave nonsense",
    Face.DOWN: "Something that must be asked could not be asked, or too many requests wait",
    Face.SLOW: "Something that must be asked did not answer in time",
}
"""Every face that this door has."""


def document(policy: str) -> dict[str, Any]:
    """Return the document; it follows the capability of the shipped policy of that name."""
    stated = load(shipped(policy)).stated
    assert stated is not None
    paths: dict[str, Any] = {"/metadata": _both(_operation("metadata", "CapabilityStatement", [], public=True))}
    for kind, listed in sorted(stated.resources.items()):
        paths |= _paths(kind, listed)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"nuts-pzp, the network door in FHIR {NAMES[stated.version]}",
            "version": __version__,
            "description": "What other organizations reach. Every answer is about one patient, and in JSON unless "
            "XML is more welcome (`_format`, Accept); see network.md.",
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        },
        "servers": [
            {
                "url": "https://{host}/{tenant}/fhir",
                "variables": {"host": {"default": "gateway.example"}, "tenant": {"default": "wilgenhof"}},
            }
        ],
        "security": [{"bearer": []}, {"dpop": [], "dpopProof": []}],
        "paths": paths,
        "components": _components(),
    }


def _paths(kind: str, listed: ResourceCapability) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    if "read" in listed.interactions:
        logical = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{_ID}$"}}
        paths[f"/{kind}/{{id}}"] = {
            "parameters": [logical],
            **_both(_operation(f"read{kind}", "Resource", [_format()])),
        }
    if "search-type" not in listed.interactions:
        return paths
    given = _parameters(kind, listed)
    if not (listed.post_only or kind == "Patient"):
        query = [{**one, "in": "query"} for one in given]
        paths[f"/{kind}"] = _both(_operation(f"search{kind}", "Bundle", query))
    form = {
        "type": "object",
        "properties": {one["name"]: one["schema"] for one in given},
        "required": [one["name"] for one in given if one.get("required")],
        "additionalProperties": False,
    }
    posted = _operation(f"post{kind}Search", "Bundle", [])
    posted["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}}
    paths[f"/{kind}/_search"] = {"post": posted}
    return paths


def _parameters(kind: str, listed: ResourceCapability) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    either = {"patient", "subject"} <= listed.params
    for name in sorted(listed.params):
        schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 1024}
        if name in ("patient", "subject"):
            schema = {"type": "string", "pattern": f"^{'(Patient/)?' if name == 'patient' else 'Patient/'}{_ID}$"}
        if kind == "Patient" and name == "identifier":
            schema = {"type": "string", "pattern": r"^http://fhir\.nl/fhir/NamingSystem/bsn\|[0-9]{9}$"}
        required = name in ("patient", "identifier") and not either
        found.append({"name": name, "required": required, "schema": schema})
    if listed.includes:
        found.append({"name": "_include", "required": False, "schema": {"enum": sorted(listed.includes)}})
    found.append(
        {"name": "_count", "required": False, "schema": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}}
    )
    return [*found, {key: value for key, value in _format().items() if key != "in"}]


def _format() -> dict[str, Any]:
    known = [name for form, media in MEDIA.items() for name in (form, media)]
    return {"name": "_format", "in": "query", "required": False, "schema": {"enum": known}}


def _operation(name: str, answer: str, parameters: list[dict[str, Any]], *, public: bool = False) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name, "parameters": parameters, "responses": _responses(answer)}
    if public:
        operation["security"] = []
    return operation


def _both(operation: dict[str, Any]) -> dict[str, Any]:
    """A GET, and the HEAD that is answered like it without a body."""
    bare = {status: {"$ref": f"{one['$ref']}Head"} for status, one in operation["responses"].items()}
    head = {**operation, "operationId": f"{operation['operationId']}Head", "responses": bare}
    return {"get": operation, "head": head}


def _responses(answer: str) -> dict[str, Any]:
    named = {"200": answer} | {str(face.status): f"Refused{face.status}" for face in _TOLD}
    return {status: {"$ref": f"#/components/responses/{name}"} for status, name in named.items()}


def _written() -> dict[str, Any]:
    """Every response by name, and the same without a body for HEAD."""
    said = "Allowed, decided about and recorded"
    written = {name: _response(said, name, []) for name in ("Resource", "Bundle", "CapabilityStatement")}
    for name in ("Resource", "Bundle"):
        written[name]["headers"]["X-Break-Glass"] = {"$ref": "#/components/headers/X-Break-Glass"}
    for face, words in _TOLD.items():
        more = ["Retry-After"] if face.retry_after else ["WWW-Authenticate"] if face is Face.UNAUTHENTICATED else []
        more = ["Allow"] if face is Face.METHOD else more
        written[f"Refused{face.status}"] = _response(words, "OperationOutcome", more)
    bare = {f"{name}Head": {k: v for k, v in one.items() if k != "content"} for name, one in written.items()}
    return written | bare


def _response(said: str, schema: str, headers: list[str]) -> dict[str, Any]:
    return {
        "description": said,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Meldcode", "Cache-Control", *headers)
        },
        "content": {
            MEDIA["json"]: {"schema": {"$ref": f"#/components/schemas/{schema}"}},
            MEDIA["xml"]: {"schema": {"type": "string", "description": "The same in FHIR XML, for who asks for it"}},
        },
    }


def _components() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "dpop": {"type": "http", "scheme": "DPoP"},
            "dpopProof": {"type": "apiKey", "in": "header", "name": "DPoP"},
        },
        "headers": {
            "X-Meldcode": {"required": True, "schema": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{12}$"}},
            "Cache-Control": {"required": True, "schema": {"const": "no-store"}},
            "X-Break-Glass": {
                "description": "The answer rests on an emergency alone, which the holder's officer was told of",
                "schema": {"const": "recorded"},
            },
            "Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}},
            "WWW-Authenticate": {"required": True, "schema": text},
            "Allow": {"required": True, "schema": text},
        },
        "responses": _written(),
        "schemas": {
            "Resource": _object({"resourceType": text, "id": text}, ["resourceType", "id"]),
            "CapabilityStatement": _object(
                {"resourceType": {"const": "CapabilityStatement"}, "fhirVersion": {"const": "4.0.1"}},
                ["resourceType", "fhirVersion", "rest"],
            ),
            "Bundle": _object(
                {
                    "resourceType": {"const": "Bundle"},
                    "type": {"const": "searchset"},
                    "total": {"type": "integer", "minimum": 0},
                    "link": {"type": "array", "items": _object({"relation": text, "url": text}, ["relation", "url"])},
                    "entry": {"type": "array", "items": _object({"resource": {"type": "object"}}, ["resource"])},
                },
                ["resourceType", "type"],
            ),
            "OperationOutcome": _outcome(),
        },
    }


def _outcome() -> dict[str, Any]:
    issue = {
        "type": "object",
        "properties": {
            "severity": {"const": "error"},
            "code": {"enum": sorted({face.issue for face in _TOLD})},
            "details": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            "diagnostics": {"type": "string", "pattern": "meldcode [0-9A-HJKMNP-TV-Z]{12}"},
        },
        "required": ["severity", "code", "details", "diagnostics"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "resourceType": {"const": "OperationOutcome"},
            "issue": {"type": "array", "items": issue, "minItems": 1, "maxItems": 1},
        },
        "required": ["resourceType", "issue"],
        "additionalProperties": False,
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def page(policy: str) -> str:
    """Return the document as it is written."""
    return json.dumps(document(policy), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, file in PAGES.items():
        file.write_text(page(name), "utf-8")
