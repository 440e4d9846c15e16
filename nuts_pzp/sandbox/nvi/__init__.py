"""Twin of the Nationale Verwijsindex (NVI): who registered data of which pseudonym (spec 1.3, service of July 2026)."""

from .twin import NviTwin, Quirks

__all__ = ["NviTwin", "Quirks"]
