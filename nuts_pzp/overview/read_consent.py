"""Consent in R4: treatment directives (behandelgrenzen) and advance directives (wilsverklaringen).

Spec pzp-fhir 1.1 and 3.2. A text in the modifier `SpecificationOther` overrules `provision.type`: reading the type
alone would be a danger to the patient. A permit is never inferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .codes import (
    DENY,
    ICD_OFF,
    ICD_OFF_LABEL,
    ICD_OFF_TEXTS,
    NO_DECISION,
    NO_INFORMATION_TEXTS,
    NOT_DISCUSSED,
    OTHERWISE,
    PERMIT,
    TREATMENT_CATEGORY,
    TREATMENTS,
    TREATMENTS_AS_TEXT,
    UNDECIDED,
    UNDECIDED_START,
    UNKNOWN,
    normal,
    quoted,
)
from .datatypes import Concept, Extension, Reference, has_code
from .directives import document_of, documents_said
from .dossier import Held
from .records import Dates, Frame, Record, modified, open_record
from .statements import Said, Statement
from .structures import Actor, Consent, Provision
from .wording import (
    beside,
    business_ids,
    codes_in,
    comments,
    extension,
    extension_texts,
    joined,
    same_text,
    text_of,
    unknown_modifiers,
)

SPECIFICATION_OTHER = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther"
_KNOWN = frozenset({SPECIFICATION_OTHER})
_SPECIFYING = (SPECIFICATION_OTHER, "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-Restrictions")
"""Where a decision is specified: the restrictions of zib2017 may have come along into R4."""
_ENCOUNTER = "ext-EncounterReference"
_WHY_ENDED = "ext-TreatmentDirective2.ReasonForEnding"
_NOTHING = Provision()
PERMITTED, DENIED = Said("permit", "permit", PERMIT, "permit"), Said("deny", "deny", DENY, "deny")
_UNSAID = Said("no-information", "", NO_DECISION, "no-information")
_ONE = {code: {f"treatment:{code}": label} for code, label in TREATMENTS.items()}
"""Item key -> label of a treatment that is named by its code alone."""
_ADVANCE, _ADVANCE_SCOPE = frozenset({"acd"}), frozenset({"adr"})
_TREATMENT, _TREATMENT_SCOPE = frozenset({TREATMENT_CATEGORY}), frozenset({"treatment"})
_NAMED = frozenset({*TREATMENTS, ICD_OFF})
_ICD_OFF_WORDS = re.compile(
    rf"{ICD_OFF}|uitzetten (van )?(de )?(cardioverter-defibrillator|icd)|in (de )?laatste levensfase"
    "|verrichting|snomed ct"
)
"""What the treatment of switching off an ICD is called, in the words of the guides."""
_PARTIES = ("CONSENTER", "RESPRSN")


def read_consent(frame: Frame, held: Held, content: Consent) -> list[Statement] | None:
    """Return the statements of one Consent; None when it is neither kind of directive."""
    provision = content.provision or _NOTHING
    scopes = [content.scope] if content.scope is not None else None
    if has_code(content.category, _ADVANCE) or has_code(scopes, _ADVANCE_SCOPE):
        both = has_code(content.category, _TREATMENT) or has_code(scopes, _TREATMENT_SCOPE)
        read = _treatment if both and has_code(provision.code, _NAMED) else _advance
        return read(frame, held, content, provision)
    if has_code(content.category, _TREATMENT):
        return _treatment(frame, held, content, provision)
    if has_code(scopes, _TREATMENT_SCOPE) and (
        has_code(provision.code, _NAMED) or not codes_in(content.category or ())
    ):
        return _treatment(frame, held, content, provision)
    return None


def treatment_said(kind: str | None, texts: str) -> Said:
    """Word a decision on a treatment from its type (`permit`, `deny`, None) and its specification (spec 3.2)."""
    if texts:
        folded = normal(texts)
        if folded in NO_INFORMATION_TEXTS:
            display = NOT_DISCUSSED if folded == "niet besproken" else UNKNOWN
            return Said("no-information", "", display, "no-information", texts)
        if folded.startswith(UNDECIDED_START):
            return Said("undecided", "", UNDECIDED, "undecided", texts)
        return Said("conditional", "conditional", OTHERWISE.format(texts), same_text("conditional", texts), texts)
    if kind == "permit":
        return PERMITTED
    return DENIED if kind == "deny" else _UNSAID


def treatment_keys(concepts: list[Concept], fallback: str) -> Mapping[str, str]:
    """Return item key -> label for each treatment named; a treatment in free text is its own item, never likened."""
    if len(concepts) == 1 and concepts[0].coding is not None and len(concepts[0].coding) == 1:
        known_alone = _ONE.get(concepts[0].coding[0].code or "")
        if known_alone is not None:
            return known_alone
    keys: dict[str, str] = {}
    for concept in concepts or [Concept()]:
        codes = codes_in((concept,))
        known = sorted(codes & TREATMENTS.keys())
        if known:
            keys.update({f"treatment:{code}": TREATMENTS[code] for code in known})
            continue
        folded = normal(text_of(concept))
        if ICD_OFF in codes or any(mark in folded for mark in ICD_OFF_TEXTS):
            keys[f"treatment:{ICD_OFF}"] = ICD_OFF_LABEL
        else:
            keys.update([_other(concept, codes, fallback)])
    return keys


def treatment_words(concepts: list[Concept], key: str, label: str) -> str:
    """Return what the record calls a treatment that has a code, where that says more than its name: "alleen thuis"."""
    found = []
    for concept in concepts:
        if concept.text and key in treatment_keys([concept], ""):
            again = key == f"treatment:{ICD_OFF}" and not _ICD_OFF_WORDS.sub("", normal(concept.text)).strip(" -.,;:()")
            found.append("" if again else beside(concept, label))
    return joined(*found) if found else ""


def _other(concept: Concept, codes: set[str], fallback: str) -> tuple[str, str]:
    """Name a treatment by its text, else by a display; that of the code for "other" names no treatment."""
    text = (concept.text or "").strip()
    words = text or text_of(Concept([one for one in concept.coding or () if one.code != "OTH"]))
    own = sorted(codes - {"OTH"})
    if own and own[0] in TREATMENTS_AS_TEXT:
        words = words or TREATMENTS_AS_TEXT[own[0]]
    elif own and not text:
        return f"treatment:other:{own[0]}", f"Overige behandeling: {quoted(own[0], words)}"
    if words:
        return f"treatment:other:{normal(words)}", f"Overige behandeling: {words}"
    return f"treatment:other:#{fallback}", "Overige behandeling (niet genoemd welke)"


def _treatment(frame: Frame, held: Held, content: Consent, provision: Provision) -> list[Statement]:
    record = _open(frame, held, content, provision)
    if record is None:
        return []
    specified = _specified(content, provision)
    texts = extension_texts(specified, _SPECIFYING) if specified else ""
    _judge_modifiers(record, content, provision, _KNOWN if texts or not specified else frozenset())
    if texts and provision.type is not None and not record.modified:
        record.warn("TYPE_AND_SPECIFICATION")
    said = _unknown_type(provision.type) if not texts else None
    if said is None:
        said = treatment_said(provision.type, texts)
    return list(treatments_said(record, provision.code or [], said))


def treatments_said(record: Record, concepts: list[Concept], said: Said) -> Iterator[Statement]:
    """Yield the decision for each treatment named; what specifies one that cannot be interpreted stays in sight."""
    comment = joined(record.comment, said.specification) if record.modified else record.comment
    fallback = f"{record.source}/{record.held.resource.id or record.held.ref}"
    for key, label in treatment_keys(concepts, fallback).items():
        words = treatment_words(concepts, key, label)
        record.comment = joined(comment, words) if words else comment
        yield record.says(key, said, label)


def _specified(content: Consent, provision: Provision) -> list[Extension]:
    """What specifies the decision: modifiers, and what a source wrote as plain extensions instead."""
    places = (content.modifier_extension, provision.modifier_extension, content.extension, provision.extension)
    return [one for given in places for one in given or () if one.url in _SPECIFYING]


def _unknown_type(kind: str | None) -> Said | None:
    """A type outside FHIR's two codes is shown in the source's words and never taken for a permit."""
    if kind is None or kind in ("permit", "deny"):
        return None
    return Said("text", kind, quoted(kind, ""), f"type|{kind}")


def _judge_modifiers(record: Record, content: Consent, provision: Provision, known: frozenset[str]) -> None:
    """An unknown modifier anywhere in the record, or an exception inside the provision: no interpretation."""
    unknown = bool(provision.provision)
    if content.implicit_rules or content.modifier_extension or provision.modifier_extension:
        unknown |= modified(content, known) or unknown_modifiers(provision.modifier_extension, known)
    for actor in provision.actor or ():
        if actor.modifier_extension:
            unknown = True
    if unknown and not record.modified:
        record.modified = True
        record.warn("UNKNOWN_MODIFIER")


def _open(
    frame: Frame, held: Held, content: Consent, provision: Provision, *, may_precede: bool = False
) -> Record | None:
    linked = extension(content.extension, _ENCOUNTER) if content.extension else None
    reason = extension(provision.extension, _WHY_ENDED) or extension(content.extension, _WHY_ENDED)
    dates = Dates(
        ((content.date_time, "Consent.dateTime"),),
        linked.value_reference if linked else None,
        provision.period.end if provision.period else None,
        "Consent.provision.period.end",
        (reason.value_string or text_of(reason.value_codeable_concept)) if reason else "",
        provision.period.start if provision.period else None,
        may_precede,
    )
    record = open_record(frame, held, content.status, dates, content.patient, _KNOWN)
    if record is None:
        return None
    if content.extension:
        record.comment = comments(content.extension)
    if provision.extension:
        record.comment = joined(record.comment, comments(provision.extension))
    if content.identifier:
        record.ids = business_ids(content.identifier)
    if provision.actor:
        record.parties = found = _parties(provision.actor)
        record.authors = tuple([one for one in found if "Practitioner" in (one.reference or "")])
    return record


def _parties(actors: list[Actor]) -> tuple[Reference, ...]:
    found = []
    for actor in actors:
        if actor.reference is not None and actor.role is not None:
            for coding in actor.role.coding or ():
                if coding.code in _PARTIES:
                    found.append(actor.reference)
                    break
    return tuple(found)


def _advance(frame: Frame, held: Held, content: Consent, provision: Provision) -> list[Statement]:
    record = _open(frame, held, content, provision, may_precede=True)
    if record is None:
        return []
    _judge_modifiers(record, content, provision, frozenset())
    document = document_of(content.source_attachment, content.source_reference)
    concepts, fallback = provision.code or [], f"{record.source}/{held.resource.id or held.ref}"
    return list(documents_said(record, concepts, document, fallback))
