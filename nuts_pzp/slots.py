"""The slots of a tenant's house, and the adapters that fill them, ours and a region's, found by entry point.

A slot `function: {kind: <adapter>, ...}` is filled by the entry point of that name in the group `nuts_pzp.<function>`;
none is named here. Adapters of other distributions must be listed in the deployment file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from .addressing.port import Directory, TypeTable
from .authentication.port import Admission, Credentials, Gatekeeper
from .authorization.port import Policy
from .consent.port import ConsentSource, Grounds
from .emergency.port import Alarm
from .forwarding.port import Connector, FhirServer
from .localization.port import Locator
from .outside import Surroundings
from .settings import SettingsError, SlotSettings
from .settings_words import in_words, key_of
from .unfit_files import unfit

P = TypeVar("P")

OWN = "nuts-pzp"


@dataclass(frozen=True, slots=True)
class Slot(Generic[P]):
    """A place in the house: which settings key, hence which group of entry points."""

    function: str

    def fill(self, chosen: SlotSettings, around: Surroundings, listed: frozenset[str], whole: object = None) -> P:
        """Return the adapter's port object; raise SettingsError that names the key and says what would be right.

        `whole`: the tenant's settings that the choice stands in, so that the key can be named in full.
        """
        key = key_of(chosen, whole) or self.function
        found = _adapters(f"nuts_pzp.{self.function}", listed)
        entry = found.get(chosen.kind)
        if entry is None:
            known = ", ".join(sorted(found)) or "none"
            raise SettingsError(f"{key}.kind: no such adapter is installed and listed (known: {known})")
        try:
            factory: Callable[[Mapping[str, Any], Surroundings], P] = entry.load()
            return factory(chosen.own, around)
        except ValidationError as error:
            raise SettingsError(in_words(error, f"{key}.")) from None
        except OSError as error:
            if said := unfit(chosen.own, around.folder):
                raise SettingsError(f"{key}.{said}") from None
            raise SettingsError(f"{key} ({chosen.kind}): {error}") from None
        except (ValueError, ImportError) as error:
            raise SettingsError(f"{key} ({chosen.kind}): {error}") from None


@lru_cache(maxsize=1)
def _installed() -> Any:
    """Everything that installed distributions offer, read once: each reading opens the metadata of all of them.

    Of a type that changed with Python 3.12; before and after, it has `select`.
    """
    return entry_points()


def _adapters(group: str, listed: frozenset[str]) -> dict[str, EntryPoint]:
    return {
        entry.name: entry
        for entry in _installed().select(group=group)
        if entry.dist is not None and (entry.dist.name == OWN or entry.dist.name in listed)
    }


AUTHENTICATION: Slot[Gatekeeper] = Slot("authentication")
CLIENT_CERTIFICATES: Slot[Admission] = Slot("client_certificates")
EHR: Slot[Gatekeeper] = Slot("ehr")
CREDENTIALS: Slot[Credentials] = Slot("credentials")
RECORDS: Slot[FhirServer] = Slot("records")
CONNECTOR: Slot[Connector] = Slot("connector")
CONSENT: Slot[ConsentSource] = Slot("consent")
POLICY: Slot[Policy] = Slot("policy")
LOCALIZATION: Slot[Locator] = Slot("localization")
ADDRESSING: Slot[Directory] = Slot("addressing")
ORGANIZATION_TYPES: Slot[TypeTable] = Slot("organization_types")
RELATION: Slot[Grounds] = Slot("relation")
ALERT: Slot[Alarm] = Slot("alert")
