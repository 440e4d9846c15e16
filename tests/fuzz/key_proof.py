"""Fuzz target: the judge of DPoP proofs. `make fuzz` runs it; `test_nobody_else.py` runs its seeds.

Whatever the text: words that say why not, never an exception. Signatures are real, and no input here has one of the key
that the token is bound to, so nothing is ever accepted.
"""

from __future__ import annotations

import base64
import json

from nuts_pzp.systems.nuts_node.proof import Call, judged

_KEY = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}  # fmt: skip
"""The public key of RFC 7515 A.3; its thumbprint is that of the token."""
CALL = Call("GET", "https://gateway.example/wilgenhof/fhir/Consent", "t" * 40, 1_790_000_000.0, 60.0,
            "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U")  # fmt: skip


def one_input(data: bytes) -> None:
    """Half of the inputs are the text itself; the others are header, claims and signature, a line each."""
    if data[:1] == b"=":
        header, claims, signature = [*data[1:].split(b"\n", 2), b"", b""][:3]
        filled = header.replace(b"KEY", json.dumps(_KEY).encode())
        text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (filled, claims, signature))
    else:
        text = data.decode("latin-1")
    assert isinstance(judged(text, CALL), str)
