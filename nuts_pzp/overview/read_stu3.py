"""Consent in STU3 (zib2017): treatment directives and wilsverklaringen (spec pzp-fhir 5).

A "ja, maar" is exchanged with `except.type` = deny and a text: reading that type would show "do not treat" where the
patient said "yes, if". Only the modifier TreatmentPermitted tells the decision; without it there is none.
"""

from __future__ import annotations

from .codes import OTHERWISE, UNCLEAR, normal, quoted
from .datatypes import Coding, Concept, Reference, has_code
from .directives import document_of, documents_said
from .dossier import Held
from .read_consent import treatment_said, treatments_said
from .read_observation import without_information
from .records import Dates, Frame, Record, open_record
from .statements import Said, Statement
from .stu3_structures import OldConsent, OldExtension
from .wording import business_ids, codes_in, comments, extension_texts, joined, same_text, text_of, unknown_modifiers

PERMITTED = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-TreatmentPermitted"
_TREATMENT = "zib-TreatmentDirective-Treatment"
_RESTRICTIONS = "zib-TreatmentDirective-Restrictions"
_VERIFICATION = "zib-TreatmentDirective-Verification"
_VERIFIED_BY_PATIENT = "116154003"
_TREATMENT_CATEGORY, _ADVANCE_CATEGORY = frozenset({"11291000146105"}), frozenset({"11341000146107"})
_KNOWN = frozenset({PERMITTED})
_PATIENT = Reference("Patient/")
_YES, _YES_BUT = "JA", "JA_MAAR"
_PLAIN = {_YES: "permit", "NEE": "deny"}


def read_consent_stu3(frame: Frame, held: Held, content: OldConsent) -> list[Statement] | None:
    """Return the statements of one STU3 Consent; None when it is neither kind of directive."""
    if has_code(content.category, _ADVANCE_CATEGORY):
        return _advance(frame, held, content)
    if has_code(content.category, _TREATMENT_CATEGORY):
        return _treatment(frame, held, content)
    return None


def permitted_said(coding: Coding | None, texts: str) -> Said:
    """Word TreatmentPermitted and its restrictions. A restriction that is written makes a "ja" a conditional one."""
    code = coding.code if coding is not None else None
    if code in (_YES, _YES_BUT) and texts:
        return Said("conditional", "conditional", OTHERWISE.format(texts), same_text("conditional", texts), texts)
    if code == _YES_BUT:
        return Said("conditional", "conditional", UNCLEAR, "conditional|")
    said = _decided(coding)
    return Said(said.kind, said.code, said.display, said.same, texts)


def _decided(coding: Coding | None) -> Said:
    """Word a decision without condition; a code that is not known is shown in the source's words."""
    code, display = (coding.code or "", coding.display or "") if coding is not None else ("", "")
    plain = _PLAIN.get(code)
    if coding is None or plain is not None:
        return treatment_said(plain, "")
    return without_information(coding) or Said("text", code, quoted(code, display), f"besluit|{code}|{normal(display)}")


def _treatment(frame: Frame, held: Held, content: OldConsent) -> list[Statement]:
    record = _open(frame, held, content, _KNOWN)
    if record is None:
        return []
    given = (*(content.modifier_extension or ()), *(content.extension or ()))
    decisions = [one.value_codeable_concept for one in given if one.url == PERMITTED]
    codings = [_chosen(one) for one in decisions]
    exceptions = content.exceptions or ()
    unclear = any(one is None for one in codings) or len({one.code for one in codings if one is not None}) > 1
    if unclear or any(unknown_modifiers(one.modifier_extension) for one in exceptions):
        _not_understood(record)
        record.comment = joined(record.comment, *(text_of(one) for one in decisions))
    restrictions = [extension_texts(one.extension, _RESTRICTIONS) for one in exceptions]  # type: ignore[arg-type]
    texts = "; ".join(text for text in restrictions if text)
    coding = codings[0] if codings else None
    if texts and coding is not None and coding.code == _YES and not record.modified:
        record.warn("TYPE_AND_SPECIFICATION")
    said = permitted_said(coding, texts)
    return list(treatments_said(record, _named(content.extension), said))


def _chosen(concept: Concept | None) -> Coding | None:
    """The coding of a decision; None when it has no code, or several that differ."""
    codings = [one for one in (concept.coding if concept else None) or () if one.code]
    return codings[0] if len({one.code for one in codings}) == 1 else None


def _not_understood(record: Record) -> None:
    if not record.modified:
        record.modified = True
        record.warn("UNKNOWN_MODIFIER")


def _named(extensions: list[OldExtension] | None) -> list[Concept]:
    found = (one.value_codeable_concept for one in extensions or () if one.url.endswith(_TREATMENT))
    return [one for one in found if one is not None]


def _open(frame: Frame, held: Held, content: OldConsent, known: frozenset[str]) -> Record | None:
    """The shared part. A Consent of STU3 points at no encounter: its date is its own."""
    verified = [one for one in content.extension or () if one.url.endswith(_VERIFICATION)]
    inside = [one for outer in verified for one in outer.extension or ()]
    checked = next((one.value_date_time for one in inside if one.url == "VerificationDate"), None)
    dates = Dates(
        ((content.date_time, "Consent.dateTime"), (checked, "Consent.extension.VerificationDate")),
        None,
        content.period.end if content.period else None,
        "Consent.period.end",
        begins=content.period.start if content.period else None,
    )
    record = open_record(frame, held, content.status, dates, content.patient, known=known)
    if record is None:
        return None
    given = content.identifier
    record.comment = comments(content.extension)  # type: ignore[arg-type]
    record.ids = business_ids(given if isinstance(given, list) else [given] if given is not None else None)
    consenting = tuple(content.consenting_party or ())
    record.parties = (*_verified_with(inside), *consenting)
    record.authors = tuple(one for one in consenting if "Practitioner" in (one.reference or ""))
    return record


def _verified_with(inside: list[OldExtension]) -> list[Reference]:
    """With whom it was verified: the patient, or somebody in the source's own words."""
    found: list[Reference] = []
    for one in inside:
        if one.url != "VerifiedWith":
            continue
        if _VERIFIED_BY_PATIENT in codes_in((one.value_codeable_concept,)):
            found.append(_PATIENT)
        elif words := text_of(one.value_codeable_concept):
            found.append(Reference(None, words))
    return found


def _advance(frame: Frame, held: Held, content: OldConsent) -> list[Statement]:
    record = _open(frame, held, content, frozenset())
    if record is None:
        return []
    document = document_of(content.source_attachment, content.source_reference)
    kinds = _named(content.extension) or [
        one for one in content.category or () if codes_in((one,)) and not has_code([one], _ADVANCE_CATEGORY)
    ]
    return list(documents_said(record, kinds, document, f"{record.source}/{held.resource.id or held.ref}"))
