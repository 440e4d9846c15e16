"""The parts of R4 resources that are read, typed; nothing else of a resource is looked at (spec pzp-fhir 1.1).

Decoding is strict: another shape in a part that is read means that the resource is not understood, and it is then
listed as such. A modifier in an unexpected shape can so never be overlooked. Fields typed Any are only looked at for
their presence: most of them exist in STU3 alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from .datatypes import (
    Attachment,
    Coding,
    Concept,
    Extension,
    HumanName,
    Identifier,
    Note,
    Period,
    Reference,
    Requester,
    Shape,
    Subject,
    Telecom,
)


class Resourced(Shape):
    """What every resource may have. `implicitRules` changes meaning, so its presence matters."""

    implicit_rules: str | None = None
    contained: list[msgspec.Raw] | None = None
    extension: list[Extension] | None = None
    modifier_extension: list[Extension] | None = None


class Actor(Shape):
    role: Concept | None = None
    reference: Reference | None = None
    modifier_extension: list[Extension] | None = None


class Provision(Shape):
    type: str | None = None
    period: Period | None = None
    actor: list[Actor] | None = None
    code: list[Concept] | None = None
    provision: list[Any] | None = None
    extension: list[Extension] | None = None
    modifier_extension: list[Extension] | None = None


class Consent(Resourced):
    identifier: list[Identifier] | None = None
    status: str | None = None
    scope: Concept | None = None
    category: list[Concept] | None = None
    patient: Subject | None = None
    date_time: str | None = None
    provision: Provision | None = None
    source_attachment: Attachment | None = None
    source_reference: Reference | None = None
    consenting_party: Any = None
    exceptions: Any = msgspec.field(name="except", default=None)


class Goal(Resourced):
    identifier: list[Identifier] | None = None
    lifecycle_status: str | None = None
    category: list[Concept] | None = None
    description: Concept | None = None
    subject: Subject | None = None
    start_date: str | None = None
    status_date: str | None = None
    status_reason: str | None = None
    expressed_by: Reference | None = None
    note: list[Note] | None = None


class Observation(Resourced):
    identifier: list[Identifier] | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Subject | None = None
    encounter: Reference | None = None
    performer: list[Reference] | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: Any = None
    value_quantity: Any = None
    value_integer: Any = None
    value_range: Any = None
    value_ratio: Any = None
    value_sampled_data: Any = None
    value_time: Any = None
    value_date_time: Any = None
    value_period: Any = None
    value_coding: Any = None
    component: Any = None
    data_absent_reason: Concept | None = None
    note: list[Note] | None = None
    context: Any = None
    comment: Any = None


class DeviceUseStatement(Resourced):
    identifier: list[Identifier] | None = None
    status: str | None = None
    subject: Subject | None = None
    recorded_on: str | None = None
    timing_period: Period | None = None
    device: Reference | None = None
    source: Reference | None = None
    note: list[Note] | None = None


class Device(Resourced):
    status: str | None = None
    type: Concept | None = None
    note: list[Note] | None = None


class Communication(Resourced):
    """Communication (beta3) and CommunicationRequest (rc2)."""

    identifier: list[Identifier] | None = None
    status: str | None = None
    category: list[Concept] | None = None
    topic: Concept | None = None
    reason_code: list[Concept] | None = None
    subject: Subject | None = None
    encounter: Reference | None = None
    sent: str | None = None
    authored_on: str | None = None
    sender: Reference | None = None
    requester: Requester | None = None
    do_not_perform: bool | None = None
    note: list[Note] | None = None
    context: Any = None
    not_done: Any = None


class Participant(Shape):
    individual: Reference | None = None


class Encounter(Resourced):
    identifier: list[Identifier] | None = None
    status: str | None = None
    subject: Subject | None = None
    participant: list[Participant] | None = None
    period: Period | None = None
    reason_reference: list[Reference] | None = None


class Performer(Shape):
    actor: Reference | None = None


class Procedure(Resourced):
    identifier: list[Identifier] | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Subject | None = None
    encounter: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    performer: list[Performer] | None = None
    context: Any = None


class Contact(Shape):
    relationship: list[Concept] | None = None
    name: HumanName | None = None
    telecom: list[Telecom] | None = None
    period: Period | None = None
    extension: list[Extension] | None = None
    modifier_extension: list[Extension] | None = None


class Patient(Resourced):
    identifier: list[Identifier] | None = None
    name: list[HumanName] | None = None
    birth_date: str | None = None
    contact: list[Contact] | None = None
    animal: Any = None


class RelatedPerson(Resourced):
    identifier: list[Identifier] | None = None
    active: bool | None = None
    patient: Subject | None = None
    relationship: list[Concept] | None = None
    name: list[HumanName] | None = None
    telecom: list[Telecom] | None = None
    birth_date: str | None = None
    period: Period | None = None


class Practitioner(Resourced):
    name: list[HumanName] | None = None


class PractitionerRole(Resourced):
    practitioner: Reference | None = None
    specialty: list[Concept] | None = None


DEEPEST = 40
"""How deep the questions of a form may be nested and still be read."""


class Given(Shape):
    """One answer of a form; sub-questions hang under it (`answer.item`)."""

    value_coding: Coding | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_date_time: str | None = None
    value_date: str | None = None
    value_integer: Any = None
    value_decimal: Any = None
    value_time: Any = None
    value_uri: Any = None
    value_quantity: Any = None
    value_reference: Any = None
    value_attachment: Any = None
    value_codeable_concept: Any = None
    item: list[Question] | None = None


class Question(Shape):
    """One question of a form; sub-questions may also hang under it (`item.item`)."""

    link_id: str | None = None
    answer: list[Given] | None = None
    item: list[Question] | None = None


class QuestionnaireResponse(Resourced):
    identifier: Identifier | None = None
    questionnaire: str | None = None
    status: str | None = None
    subject: Subject | None = None
    encounter: Reference | None = None
    authored: str | None = None
    author: Reference | None = None
    item: list[Question] | None = None
    context: Any = None
    parent: Any = None


READ: dict[str, type[Resourced]] = {
    "Consent": Consent,
    "Goal": Goal,
    "Observation": Observation,
    "DeviceUseStatement": DeviceUseStatement,
    "Device": Device,
    "Communication": Communication,
    "CommunicationRequest": Communication,
    "Encounter": Encounter,
    "Procedure": Procedure,
    "Patient": Patient,
    "RelatedPerson": RelatedPerson,
    "Practitioner": Practitioner,
    "PractitionerRole": PractitionerRole,
    "QuestionnaireResponse": QuestionnaireResponse,
}
"""What is read, by resource type. Practitioner and PractitionerRole only give names."""

DECODE: dict[str, Callable[[bytes], Any]] = {name: msgspec.json.Decoder(shape).decode for name, shape in READ.items()}
