"""STU3 (zib2017) resources, decoded by their own shapes and handed on as what R4 would hold (spec pzp-fhir 5).

Only the Consent keeps a shape of its own (`OldConsent`): its decision is written so differently that `read_stu3` reads
it. All others differ in names and in how often a part may occur. Shapes take what R4 would write as well, because a
source that migrates answers with both; decoding is as strict as that of R4 (ADR 0011).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from . import structures as r4
from .datatypes import Attachment, Concept, Extension, Identifier, Note, Period, Reference, Shape, Subject
from .form_zib2017 import as_zib2020
from .structures import Resourced
from .stu3 import is_stu3

_ROLE_LINK, _ROLE = "practitionerrole-reference", "nl-core-relatedperson-role"

R = TypeVar("R", bound=Resourced)


class RoleLink(Shape):
    """The extension by which a reference to a Practitioner also names the PractitionerRole."""

    url: str = ""
    value_reference: Reference | None = None


class PersonReference(Reference):
    """A reference to a person; `role` is the PractitionerRole that STU3 hangs under it."""

    extension: list[RoleLink] | None = None

    @property
    def role(self) -> Reference | None:
        """The role, as far as the source tells it."""
        found = (one.value_reference for one in self.extension or () if one.url.endswith(_ROLE_LINK))
        return next((one for one in found if one is not None and one.reference), None)


class OldExtension(Extension):
    """An extension whose reference may carry a role."""

    extension: list[OldExtension] | None = None  # type: ignore[assignment]
    value_reference: PersonReference | None = None
    value_date_time: str | None = None


class Except(Shape):
    """An exception. Its `type` is not read: a "ja, maar" travels with `deny` here (spec 5)."""

    extension: list[OldExtension] | None = None
    modifier_extension: list[Extension] | None = None


class OldConsent(Resourced):
    """A treatment directive or a wilsverklaring; what it says is in extensions."""

    extension: list[OldExtension] | None = None  # type: ignore[assignment]
    modifier_extension: list[OldExtension] | None = None  # type: ignore[assignment]
    identifier: Identifier | list[Identifier] | None = None
    status: str | None = None
    category: list[Concept] | None = None
    patient: Subject | None = None
    period: Period | None = None
    date_time: str | None = None
    consenting_party: list[PersonReference] | None = None
    source_attachment: Attachment | None = None
    source_reference: Reference | None = None
    exceptions: list[Except] | None = msgspec.field(name="except", default=None)


class _Goal(r4.Goal):
    status: str | None = None


class _Observation(r4.Observation):
    context: Reference | None = None
    comment: str | None = None
    performer: list[PersonReference] | None = None  # type: ignore[assignment]


class OldDeviceUseStatement(r4.DeviceUseStatement):
    extension: list[OldExtension] | None = None  # type: ignore[assignment]


class _Requester(PersonReference):
    agent: PersonReference | None = None


class _Communication(r4.Communication):
    context: Reference | None = None
    not_done: bool | None = None
    sender: PersonReference | None = None
    requester: _Requester | None = None  # type: ignore[assignment]


class _Participant(r4.Participant):
    individual: PersonReference | None = None


class _Diagnosis(Shape):
    condition: Reference | None = None


class _Encounter(r4.Encounter):
    participant: list[_Participant] | None = None  # type: ignore[assignment]
    diagnosis: list[_Diagnosis] | None = None


class _Performer(r4.Performer):
    actor: PersonReference | None = None


class _Procedure(r4.Procedure):
    context: Reference | None = None
    not_done: bool | None = None
    performer: list[_Performer] | None = None  # type: ignore[assignment]


class _RelatedPerson(r4.RelatedPerson):
    relationship: Concept | list[Concept] | None = None  # type: ignore[assignment]


class _Form(r4.QuestionnaireResponse):
    questionnaire: str | Reference | None = None  # type: ignore[assignment]
    context: Reference | None = None


def _as(shape: type[R], old: Resourced, **changes: Any) -> R:
    """Return the same content in the shape of R4."""
    same = {name: getattr(old, name) for name in shape.__struct_fields__ if name not in changes}
    return shape(**same, **changes)


def _goal(old: _Goal) -> Resourced:
    return _as(r4.Goal, old, lifecycle_status=old.lifecycle_status or old.status)


def _observation(old: _Observation) -> Resourced:
    said = [Note(old.comment)] if old.comment else []
    return _as(
        r4.Observation, old, encounter=old.encounter or old.context, note=[*said, *(old.note or ())], context=None
    )


def _communication(old: _Communication) -> Resourced:
    asked = (old.requester.agent or old.requester) if old.requester else None
    status = "not-done" if old.not_done and old.status != "entered-in-error" else old.status
    return _as(r4.Communication, old, encounter=old.encounter or old.context, requester=asked, status=status)


def _encounter(old: _Encounter) -> Resourced:
    given = [one.condition for one in old.diagnosis or () if one.condition is not None]
    return _as(r4.Encounter, old, reason_reference=[*(old.reason_reference or ()), *given])


def _procedure(old: _Procedure) -> Resourced:
    status = "not-done" if old.not_done and old.status != "entered-in-error" else old.status
    return _as(r4.Procedure, old, encounter=old.encounter or old.context, status=status)


def _related(old: _RelatedPerson) -> Resourced:
    """One relation, and the roles in extensions."""
    given = old.relationship
    relations = given if isinstance(given, list) else [given] if given is not None else []
    roles = [one.value_codeable_concept for one in old.extension or () if one.url.endswith(_ROLE)]
    return _as(r4.RelatedPerson, old, relationship=[*(one for one in roles if one is not None), *relations])


def _form(old: _Form) -> Resourced:
    named = old.questionnaire
    canonical = named.reference if isinstance(named, Reference) else named
    return as_zib2020(
        _as(r4.QuestionnaireResponse, old, questionnaire=canonical, encounter=old.encounter or old.context)
    )


def _unchanged(old: Resourced) -> Resourced:
    return old


def _consent(raw: bytes) -> Resourced:
    decoded: Resourced = _OLD_CONSENT.decode(raw) if is_stu3("Consent", raw) else r4.DECODE["Consent"](raw)
    return decoded


def _reading(shape: type[Resourced], convert: Callable[[Any], Resourced]) -> Callable[[bytes], Resourced]:
    decode = msgspec.json.Decoder(shape).decode
    return lambda raw: convert(decode(raw))


_OLD_CONSENT = msgspec.json.Decoder(OldConsent)
_CONVERT: dict[str, tuple[type[Resourced], Callable[[Any], Resourced]]] = {
    "Goal": (_Goal, _goal),
    "Observation": (_Observation, _observation),
    "DeviceUseStatement": (OldDeviceUseStatement, _unchanged),
    "Communication": (_Communication, _communication),
    "CommunicationRequest": (_Communication, _communication),
    "Encounter": (_Encounter, _encounter),
    "Procedure": (_Procedure, _procedure),
    "RelatedPerson": (_RelatedPerson, _related),
    "QuestionnaireResponse": (_Form, _form),
}
DECODE_STU3: dict[str, Callable[[bytes], Any]] = {
    **r4.DECODE,
    **{name: _reading(shape, convert) for name, (shape, convert) in _CONVERT.items()},
    "Consent": _consent,
}
"""How each type is decoded in a source that speaks STU3; raises what msgspec raises."""
