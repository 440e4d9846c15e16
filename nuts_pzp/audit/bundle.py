"""Export of one log as a folder that stands alone: records, checkpoints, and a verifier that needs only Python.

Layout: `manifest.json`, `records-000000.ndjson` (stored bytes, one record a line), `checkpoints.ndjson` (the last is
the head), `verify.py`, `LEESMIJ.txt`. No key is put in: a verifier is handed its key by another way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from .canonical import LARGEST, timestamp
from .files import lines, whole
from .material import Chunk, Material, StoredLog, StoredNote, Unreadable, body_of

SCHEMA = "nuts-pzp-audit-bundle/1"
_PER_FILE = 100_000
_CHUNK = 256
_LARGEST_MANIFEST = 1_048_576
_LARGEST_NOTE = 16_384

_README = """\
Dit is een uitvoer van een auditlogboek (NEN 7513) van de nuts-pzp-gateway.

Controleren, met alleen Python en de publieke sleutel van het logboek:

    python3 verify.py --key <publieke sleutel>

De sleutel hoort van de zorgaanbieder te komen, niet uit deze map. Uitkomst 0: ongewijzigd. 1: gewijzigd.
2: onvolledig, want er is geen extern ijkpunt opgegeven (--anchor). 3: niet leesbaar.
BSN en namen van medewerkers zijn versleuteld; deze map bevat geen medische inhoud.
"""


def export(material: Material, tenant: str, folder: Path, microseconds: int) -> int:
    """Write one log into a new folder and return how many records; FileExistsError when the folder is there already."""
    log = next((log for log in material.logs() if log.tenant == tenant), None)
    if log is None or log.head is None:
        raise Unreadable("no such log")
    folder.mkdir(mode=0o700, parents=True)
    sums: dict[str, str] = {}
    written = 0
    for number, part in enumerate(_parts(material, log)):
        name = f"records-{number:06d}.ndjson"
        sums[name] = _write(folder / name, part)
        written += part.count(b"\n")
    notes = [*material.checkpoints(tenant), log.head]
    kept = b"".join(orjson.dumps({"note": one.note.decode(), "size": one.size}) + b"\n" for one in notes)
    sums["checkpoints.ndjson"] = _write(folder / "checkpoints.ndjson", kept)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "tenant": tenant,
        "origin": log.origin,
        "size": log.head.size,
        "exported": timestamp(microseconds),
        "sha256": sums,
    }
    _write(folder / "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    _write(folder / "verify.py", files("nuts_pzp.audit").joinpath("standalone.py").read_bytes())
    _write(folder / "LEESMIJ.txt", _README.encode())
    return written


def _parts(material: Material, log: StoredLog) -> Iterator[bytes]:
    """Yield the content of one records file after the other."""
    sizes = list(range(_PER_FILE, log.head.size if log.head else 0, _PER_FILE))
    part: list[bytes] = []
    at = 0
    for chunk in material.chunks(log.tenant, sizes):
        part += [body_of(row) + b"\n" for row in chunk]
        at += len(chunk)
        if at in sizes:
            yield b"".join(part)
            part = []
    yield b"".join(part)


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    path.chmod(0o600)
    return hashlib.sha256(content).hexdigest()


class Bundle:
    """An exported folder as material to verify."""

    def __init__(self, folder: Path) -> None:
        """Read the manifest; Unreadable when it is not a bundle."""
        self._folder = folder
        try:
            self._manifest = orjson.loads(whole(folder / "manifest.json", _LARGEST_MANIFEST))
            self._notes = [orjson.loads(line or b"") for line in lines(folder / "checkpoints.ndjson", _LARGEST_NOTE)]
            self._tenant, self._origin = str(self._manifest["tenant"]), str(self._manifest["origin"])
            self._stored = [StoredNote(int(one["size"]), one["note"].encode(), None) for one in self._notes]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Unreadable("not an exported log") from None
        if not self._stored or self._manifest.get("schema") != SCHEMA:
            raise Unreadable("not an exported log")

    def logs(self) -> list[StoredLog]:
        """Return the one log."""
        return [StoredLog(self._tenant, self._origin, self._stored[-1])]

    def checkpoints(self, tenant: str) -> list[StoredNote]:
        """Return its checkpoints but the head."""
        return self._stored[:-1] if tenant == self._tenant else []

    def chunks(self, tenant: str, sizes: list[int]) -> Iterator[Chunk]:
        """Yield its records; the index is the place in the file, for the record itself says which it must be."""
        at, ends = 0, set(sizes)
        chunk: list[tuple[int, None, None, bytes]] = []
        for path in sorted(self._folder.glob("records-*.ndjson")):
            for line in self._lines(path) if tenant == self._tenant else ():
                chunk.append((at, None, None, line))
                at += 1
                if at in ends or len(chunk) == _CHUNK:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    def _lines(self, path: Path) -> Iterator[bytes]:
        try:
            for line in lines(path, LARGEST):
                yield line or b""  # what is longer than any record is none
        except OSError as error:
            raise Unreadable(f"{path.name}: {error.strerror or 'not readable'}") from None
