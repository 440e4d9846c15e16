"""All statements of one source, from individual resources of both R4 dialects and STU3, and from forms (spec 1, 5).

Selected on resource type and codes, never on `meta.profile`. What matched a query and is no statement is listed as
unmapped: it is never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dossier import Held, PutAside
from .read_action import read_communication, read_device_use
from .read_consent import read_consent
from .read_form import read_form
from .read_observation import read_goal, read_observation
from .read_people import read_capacity, read_contacts
from .read_stu3 import read_consent_stu3
from .records import ENTERED_IN_ERROR, Frame, put_aside_other
from .statements import Statement
from .structures import (
    Communication,
    Consent,
    DeviceUseStatement,
    Encounter,
    Goal,
    Observation,
    Procedure,
    QuestionnaireResponse,
    Resourced,
)
from .stu3_structures import OldConsent, OldDeviceUseStatement

Reader = Callable[[Frame, Held, Any], list[Statement] | None]
READERS: dict[type[Resourced], Reader] = {
    Consent: read_consent,
    OldConsent: read_consent_stu3,
    Goal: read_goal,
    Observation: read_observation,
    DeviceUseStatement: read_device_use,
    OldDeviceUseStatement: read_device_use,
    Communication: read_communication,
    QuestionnaireResponse: read_form,
}


def read_source(frame: Frame) -> list[Statement]:
    """Return the statements of one source; excluded and unmapped resources are noted in its dossier."""
    dossier = frame.dossier
    statements: list[Statement] = []
    for held, encounter in dossier.of(Encounter):
        put_aside_other(frame, held, encounter.subject)
    for held, procedure in dossier.of(Procedure):
        put_aside_other(frame, held, procedure.subject)
    for held in dossier.held:
        content = held.content
        reader = READERS.get(type(content))
        if reader is None:
            continue
        found = reader(frame, held, content)
        if found is not None:
            statements += found
        elif _in_error(content):
            dossier.excluded.append(PutAside(held.ref, held.resource.type, ENTERED_IN_ERROR))
        elif held.resource.mode == "match":
            dossier.unmapped.append(PutAside(held.ref, held.resource.type, "not-recognized"))
    for held, patient in dossier.patients:
        statements += read_capacity(frame, held, patient)
    statements += read_contacts(frame)
    return statements


def _in_error(content: object) -> bool:
    """Say whether a record that could not be read says of itself that it is a mistake: then that is all it says."""
    status = content.lifecycle_status if isinstance(content, Goal) else getattr(content, "status", None)
    return bool(status == ENTERED_IN_ERROR)
