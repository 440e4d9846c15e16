"""For systems only: everything outside is hostile or down (design D13). Checked addresses, TLS, bounded calls.

An adapter asks a `Peer` and gets a `Heard` or a `Trouble`; which Reason a Trouble becomes is the adapter's affair.
"""

from __future__ import annotations

import logging

from .adapters import Living, Surroundings
from .addressed import BaseUrl, BaseUrlOrNone, Host
from .answer import Heard
from .breaker import Breaker
from .dialling import Outbound, TlsFiles, Trouble
from .fingerprint import Fingerprint
from .line import Bounds, Line
from .peer import Peer

# Both log whole URLs (at info) and headers (at debug): pseudonyms and bearer tokens. No log level turns that on.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

__all__ = [
    "BaseUrl",
    "BaseUrlOrNone",
    "Bounds",
    "Breaker",
    "Fingerprint",
    "Heard",
    "Host",
    "Line",
    "Living",
    "Outbound",
    "Peer",
    "Surroundings",
    "TlsFiles",
    "Trouble",
]
