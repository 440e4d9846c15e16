"""For systems only: everything outside is hostile or down (design D13). Checked addresses, TLS, bounded calls.

An adapter asks a `Peer` and gets a `Heard` or a `Trouble`; which Reason a Trouble becomes is the adapter's affair.
"""

from __future__ import annotations

from .adapters import Living, Surroundings
from .breaker import Breaker
from .dialling import Outbound, TlsFiles, Trouble
from .peer import Heard, Peer

__all__ = ["Breaker", "Heard", "Living", "Outbound", "Peer", "Surroundings", "TlsFiles", "Trouble"]
