"""Twin of the LRZa directory: mCSD resources to read, search without parameters, and follow by history (spec 3)."""

from .resources import ListedOrganization
from .twin import LrzaTwin

__all__ = ["ListedOrganization", "LrzaTwin"]
