"""How settings name a certificate: the SHA-256 of its DER form."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _plain(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not _HEX.fullmatch(plain):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return plain


Fingerprint = Annotated[str, AfterValidator(_plain)]
"""64 hexadecimal digits; colons and capitals are taken, and dropped."""
