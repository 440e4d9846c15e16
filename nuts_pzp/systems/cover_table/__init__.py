"""Cover arrangements (waarneming; kind `cover_table`): which out-of-hours post stands in for this practice, and when.

Serves consent, as the holder's own evidence. Trusts a table that somebody with a name owns, and that may be signed.
"""

from .source import CoverTable, build

__all__ = ["CoverTable", "build"]
