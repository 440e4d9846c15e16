"""LRZa, the national directory of care providers: a local replica behind the addressing port.

Trusts its entries for nothing but what they say of themselves; every value is parsed and bounded when it is copied.
Spec generic-functions section 3 (mCSD, V topology).
"""

from .directory import Lrza, build

__all__ = ["Lrza", "build"]
