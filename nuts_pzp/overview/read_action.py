"""DeviceUseStatement (the ICD) and Communication(Request) (relatives informed) in R4 (spec pzp-fhir 1.1).

The implant date (`timingPeriod`) is never the date of the statement.
"""

from __future__ import annotations

from .codes import ACP, ICD_TYPES, INFORM, YES, YES_NO, normal, quoted
from .dossier import Held
from .records import ENTERED_IN_ERROR, Dates, Frame, modified, open_record
from .statements import Said, Statement
from .structures import Communication, Device, DeviceUseStatement
from .wording import beside, business_ids, codes_in, extension, joined, notes

_INFORMED = Said("decision", "1", "Ja", "yes")
_NOT_INFORMED = Said("decision", "0", "Nee", "no")
ICD_YES = Said("decision", YES, YES_NO[YES], "yes")


def read_device_use(frame: Frame, held: Held, content: DeviceUseStatement) -> list[Statement] | None:
    """Return "has an ICD"; None when the device is no ICD, or did not come along and is not named as one."""
    device = frame.dossier.find(content.device)
    display = content.device.display or "" if content.device else ""
    found = device.content if device is not None else None
    if isinstance(found, Device) and found.status == ENTERED_IN_ERROR:
        return None
    if isinstance(found, Device):
        codes = sorted(codes_in((found.type,)) & ICD_TYPES.keys())
        if not codes:
            return None
        kind = ICD_TYPES[codes[0]]
        detail = joined(kind, beside(found.type, kind), notes(found.note, found.extension))
    elif _named_icd(display):
        detail = quoted("", display)
    else:
        return None
    linked = extension(content.extension, "ext-EncounterReference")
    dates = Dates(((content.recorded_on, "DeviceUseStatement.recordedOn"),), linked.value_reference if linked else None)
    record = open_record(frame, held, content.status, dates, content.subject)
    if record is None:
        return []
    if device is not None and (device.hides or modified(device.content)) and not record.modified:
        record.modified = True
        record.warn("UNKNOWN_MODIFIER")
    record.comment = joined(detail, notes(content.note, content.extension))
    record.ids = business_ids(content.identifier)
    professional = extension(content.extension, "ext-MedicalDevice.HealthProfessional")
    professional = professional or extension(content.extension, "zib-MedicalDevice-Practitioner")
    record.authors = (professional.value_reference,) if professional and professional.value_reference else ()
    return [record.says("icd:present", ICD_YES)]


def read_communication(frame: Frame, held: Held, content: Communication) -> list[Statement] | None:
    """Return whether the patient was told of the own responsibility; None when the communication is another one."""
    subject_codes = codes_in((content.topic, *(content.category or ())))
    reasons = codes_in(content.reason_code or ())
    if INFORM not in subject_codes and not (ACP in reasons and content.topic is None):
        return None
    kind = held.resource.type
    dates = Dates(
        ((content.sent, f"{kind}.sent"),)
        if kind == "Communication"
        else ((content.authored_on, f"{kind}.authoredOn"),),
        content.encounter,
    )
    record = open_record(frame, held, content.status, dates, content.subject)
    if record is None:
        return []
    if content.do_not_perform and not record.modified:
        record.modified = True
        record.warn("UNKNOWN_MODIFIER")
    record.comment = notes(content.note, content.extension)
    record.ids = business_ids(content.identifier)
    told = (content.sender, content.requester) if kind == "Communication" else (content.requester, content.sender)
    record.authors = tuple(one for one in told if one is not None)
    said = _NOT_INFORMED if content.status == "not-done" else _INFORMED
    return [record.says("inform-relatives", said)]


def _named_icd(display: str) -> bool:
    words = normal(display)
    return "defibrillator" in words or "icd" in words.replace("(", " ").replace(")", " ").split()
