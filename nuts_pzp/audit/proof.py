"""Proof of one record: that it is in the log a signed checkpoint speaks of, without showing any other record.

A proof is one JSON document; whoever has the log's public key can check it without the ledger.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from .canonical import is_canonical
from .ledger.checkpoint import BadCheckpoint, VerifierKey
from .ledger.merkle import HASH_BYTES, included, inclusion_proof, leaf_hash
from .material import Material, body_of

SCHEMA = "nuts-pzp-audit-proof/1"


class BadProof(Exception):
    """The document proves nothing; says why."""


class NotGenuine(BadProof):
    """The checkpoint is not signed by this key, which may be that of another log."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof proves: this record stands at this index of this log, as of a tree of this size."""

    origin: str
    index: int
    size: int
    record: dict[str, Any]


def prove(material: Material, tenant: str, record_id: str) -> dict[str, Any]:
    """Return the proof of the record with this id against the log's signed head; BadProof when there is none."""
    head = next((log.head for log in material.logs() if log.tenant == tenant), None)
    if head is None:
        raise BadProof("no such log")
    needle, found, leaves = f'"id":"{record_id}"'.encode(), None, []
    for chunk in material.chunks(tenant, []):
        for row in chunk:
            index, body = row[0], body_of(row)
            if needle in body and (is_canonical(body) or {}).get("id") == record_id:
                found = (index, body)
            leaves.append(leaf_hash(body))
    if found is None:
        raise BadProof("no such record")
    index, body = found
    path = inclusion_proof(index, leaves[: head.size])
    return {
        "schema": SCHEMA,
        "checkpoint": head.note.decode(),
        "index": index,
        "path": [base64.b64encode(node).decode() for node in path],
        "record": body.decode(),
    }


def check(document: Any, key: VerifierKey) -> Proven:
    """Return what a proof proves under this key; BadProof for anything that proves nothing."""
    try:
        if document["schema"] != SCHEMA or type(document["index"]) is not int:
            raise BadProof("not a proof of this schema")
        path = [base64.b64decode(node, validate=True) for node in document["path"]]
        body, index = document["record"].encode(), document["index"]
        signed = key.open(document["checkpoint"].encode())
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        raise BadProof("not a proof of this schema") from None
    except BadCheckpoint as error:
        raise NotGenuine(f"the checkpoint is not genuine: {error}") from None
    if any(len(node) != HASH_BYTES for node in path):
        raise BadProof("a malformed path")
    if not included(index, signed.size, leaf_hash(body), path, signed.root):
        raise BadProof("the record is not in the log of this checkpoint")
    record = is_canonical(body)
    if record is None or record.get("idx") != index:
        raise BadProof("the record is not the one of this index")
    return Proven(signed.origin, index, signed.size, record)
