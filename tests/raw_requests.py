"""Raw requests for attacks on the network listener."""

from __future__ import annotations

from typing import Any

PATH = b"/meerwijck/fhir/Consent"


ASK = b"?patient=Patient/p1"


TOKEN = b"Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaa\r\n"


END = b"Host: gateway.example\r\nConnection: close\r\n"


def get(path: bytes = PATH + ASK, more: bytes = TOKEN, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return method + b" " + path + b" HTTP/" + version + b"\r\n" + END + more + b"\r\n"


def asked(wire: Any) -> int:
    return sum(step == "records Consent" for step in wire.holder.journal)


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


POST = b"POST " + PATH + b"/_search HTTP/1.1\r\nHost: a\r\n" + TOKEN + FORM


def bare(answer: bytes, wire: Any) -> bytes:
    """An answer without what differs by nature: the meldcode and the date."""
    head, _, body = answer.partition(b"\r\n\r\n")
    code = next(line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(b"x-meldcode"))
    kept = [line for line in head.split(b"\r\n") if not line.startswith(b"date")]
    return (b"\r\n".join(kept) + body).replace(code, b"CODE")
