"""What the EHR asked, held against who it proved to be."""

from __future__ import annotations

from ..exchange import Asked, Caller, Inquiry
from ..identity import Assurance, Purpose
from ..outcome import Deny, Outcome
from ..reasons import Reason


def inquire(caller: Caller, asked: Asked) -> Outcome[Inquiry]:
    """Return the question in the name of the professional that the caller may speak for.

    A caller whose token names a professional may ask for that one only; a caller that proved itself by certificate
    names the professional itself, recorded as self-attested. Emergency needs a reason and a caller that may ask so.
    """
    professional = asked.professional
    if caller.professional is not None:
        if caller.professional.id != professional.id:
            return Deny(Reason.PROFESSIONAL_MISMATCH)
        professional = caller.professional
    elif professional.assurance is not Assurance.SELF_ATTESTED:
        return Deny(Reason.PROFESSIONAL_MISMATCH)
    if asked.purpose is not Purpose.TREATMENT:
        return Deny(Reason.PURPOSE_NOT_ALLOWED, detail="only treatment is offered")
    return Inquiry(
        caller=caller,
        professional=professional,
        bsn=asked.bsn,
        birth_date=asked.birth_date,
        purpose=asked.purpose,
        emergency_reason=None,
        relation=asked.relation,
        targets=asked.targets,
        deadline=asked.deadline,
        context=asked.context,
        localize=asked.localize,
    )
