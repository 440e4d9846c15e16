"""What one visit brought so far, so that a deadline loses nothing, and whether the source was there at all."""

from __future__ import annotations

import msgspec

from ..fhir.bundle import Resource
from ..outcome import Gap, Gathered, Stop, Unavailable
from ..reasons import Reason

_AWAY = frozenset({Reason.SOURCE_DOWN, Reason.SOURCE_TIMEOUT, Reason.SOURCE_TLS})


class Harvest:
    """Resources and gaps of one source. `stage` is where the visit is: token, turn, patient, references.

    `open` are the queries under way; `base` is the source's FHIR base, which our own server tells with its answers.
    """

    def __init__(self, base: str) -> None:
        self.base, self.stage = base, "token"
        self.open: set[str] = set()
        self.reached = self.away = False
        self._items: dict[tuple[str, str, bytes], Resource] = {}
        self._gaps: list[Gap] = []

    def bring(self, resources: tuple[Resource, ...]) -> None:
        """Keep each resource once, under an address of this source."""
        base, items = self.base, self._items
        own = (f"{base}/", "urn:")
        for one in resources:
            mine = one if not base or not one.id or one.url.startswith(own) else _at_home(one, base)
            items.setdefault((mine.url, mine.version, mine.raw), mine)

    def heard(self, stop: Stop | None) -> None:
        """Note whether the source answered at all; a refusal is an answer."""
        if stop is not None and stop.reason in _AWAY:
            self.away = True
        else:
            self.reached = True

    def gap(self, where: str, stop: Stop) -> None:
        """Note what is missing."""
        self._gaps.append(Gap(where, stop))

    def late(self) -> None:
        """The deadline came: everything under way is missing. Who had no turn was never asked."""
        reason = Reason.SOURCE_NO_TURN if self.stage == "turn" else Reason.SOURCE_TIMEOUT
        self.away = self.away or self.stage not in ("token", "turn")
        self.cut(Unavailable(reason))

    def cut(self, stop: Stop) -> None:
        """The visit ends here, for this reason."""
        for name in sorted(self.open) or [self.stage]:
            self._gaps.append(Gap(name, stop))

    def gathered(self) -> Gathered[Resource]:
        """Return everything so far."""
        return Gathered(tuple(self._items.values()), tuple(self._gaps))

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources so far."""
        return tuple(self._items.values())


def _at_home(resource: Resource, base: str) -> Resource:
    """A source speaks for itself: a resource under another's address is taken as its own, under its own address."""
    return msgspec.structs.replace(resource, url=f"{base}/{resource.type}/{resource.id}")
