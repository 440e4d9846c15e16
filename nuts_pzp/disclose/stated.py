"""What an enforcement point states of its own question. It decides nothing: it must agree with what is found, else no.

Room: disclose. Trusts nothing here (spec decision-api 3.2). Every check is a refusal; none of them makes a yes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..authorization.knooppunt import FHIR_REST
from ..exchange import Caller
from ..fhir.request import FhirRequest
from ..identity import Patient, Purpose, Tenant
from ..outcome import Deny
from ..reasons import Reason

_PURPOSES = {"treat": Purpose.TREATMENT, "treatment": Purpose.TREATMENT, "etreat": Purpose.EMERGENCY,
             "emergency": Purpose.EMERGENCY, "coc": Purpose.COORDINATION}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stated:
    """Empty means nothing was stated. `consent` False says that there is none, and can only agree with a no."""

    connection: str = FHIR_REST
    holder_ura: str = ""
    holder_type: str = ""
    purpose: str = ""
    patient_id: str = field(default="", repr=False)
    patient_bsn: str = field(default="", repr=False)
    consent: bool | None = None
    interaction: str = ""
    resource_type: str = ""
    resource_id: str = field(default="", repr=False)
    """`*` names no resource, as a search does."""
    user_id: str = field(default="", repr=False)

    def here(self, tenant: Tenant) -> Deny | None:
        """Hold against the holder that is asked."""
        if self.connection != FHIR_REST:
            return _otherwise("the connection is no FHIR REST")
        if self.holder_ura and self.holder_ura.zfill(8) != tenant.organization.ura.value:
            return _otherwise("another holder")
        if self.holder_type and self.holder_type != tenant.organization.type:
            return _otherwise("another type of holder")
        return None

    def by(self, caller: Caller) -> Deny | None:
        """Hold against who the token says it is for, and for what."""
        person = caller.professional.id if caller.professional else ""
        if self.user_id and self.user_id != person:
            return _otherwise("another user")
        if self.purpose and _PURPOSES.get(self.purpose.lower()) is not caller.purpose:
            return Deny(Reason.PURPOSE_NOT_ALLOWED, detail="another purpose than the scope means")
        return None

    def of(self, request: FhirRequest) -> Deny | None:
        """Hold against what the request means."""
        if self.interaction and self.interaction != request.interaction:
            return _otherwise("another interaction")
        if self.resource_type and self.resource_type != request.resource_type:
            return _otherwise("another resource type")
        if self.resource_id and self.resource_id != (request.id or "*"):
            return _otherwise("another resource")
        return None

    def about(self, patient: Patient) -> Deny | None:
        """Hold against the patient that the holder's own server knows; here too a stated no to consent is a no."""
        if self.patient_id and self.patient_id.removeprefix("Patient/") != patient.logical_id:
            return Deny(Reason.PATIENT_MISMATCH, detail="the patient id of the context")
        if self.patient_bsn and self.patient_bsn != patient.bsn.value:
            return Deny(Reason.PATIENT_MISMATCH, detail="the BSN of the context")
        if self.consent is False:
            return Deny(Reason.CONSENT_NONE, detail="the enforcement point states that there is none")
        return None


def _otherwise(what: str) -> Deny:
    return Deny(Reason.STATED_OTHERWISE, detail=what)


NOTHING = Stated()
