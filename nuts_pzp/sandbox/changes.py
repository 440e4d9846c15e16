"""Sandbox: what can be odd about a resource, one named change each (spec pzp-fhir 0 and 3). Used with `Chart`."""

from __future__ import annotations

from .resources import BUSINESS, CAPACITY, ENCOUNTER_EXTENSION, NICTIZ, ROLE, Change, Json, Ref, concept

_ENCOUNTER_ELEMENT = {"Observation", "Procedure", "Communication", "CommunicationRequest"}


def comment(text: str) -> Change:
    """Add ext-Comment."""
    return _extend("extension", {"url": f"{NICTIZ}ext-Comment", "valueString": text})


def specification(text: str) -> Change:
    """Add specificationOther: it overrules provision.type."""
    other = {"url": f"{NICTIZ}ext-TreatmentDirective2.SpecificationOther", "valueString": text}
    return _extend("modifierExtension", other)


def modified(url: str, text: str) -> Change:
    """Add a modifier extension that no reader knows: the resource may not be interpreted."""
    return _extend("modifierExtension", {"url": url, "valueString": text})


def ended(on: str, why: str = "") -> Change:
    """End an agreement: provision.period.end, with a reason when given."""

    def change(resource: Json) -> None:
        resource["provision"]["period"] = {"end": on}
        if why:
            reason = {"url": f"{NICTIZ}ext-TreatmentDirective2.ReasonForEnding", "valueString": why}
            resource["provision"].setdefault("extension", []).append(reason)

    return change


def status(value: str) -> Change:
    """Set the record status, whatever this type calls it."""

    def change(resource: Json) -> None:
        resource["lifecycleStatus" if resource["resourceType"] == "Goal" else "status"] = value

    return change


def agreed(*who: Ref) -> Change:
    """Name further parties to a directive."""

    def change(resource: Json) -> None:
        parties = [{"role": concept(ROLE, "CONSENTER"), "reference": one.json()} for one in who]
        resource["provision"].setdefault("actor", []).extend(parties)

    return change


def represented(who: Ref) -> Change:
    """Name the representative in a wilsverklaring."""

    def change(resource: Json) -> None:
        resource["provision"]["actor"] = [{"role": concept(ROLE, "RESPRSN"), "reference": who.json()}]

    return change


def performed(*who: Ref) -> Change:
    """Name who made an observation."""

    def change(resource: Json) -> None:
        resource["performer"] = [one.json() for one in who]

    return change


def written(by: Json) -> Change:
    """Put a performer reference as it stands, resolvable or not."""

    def change(resource: Json) -> None:
        resource["performer"] = [by]

    return change


def during(talk: Ref) -> Change:
    """Link to a conversation: `encounter`, or the beta3 extension where the type has no such element."""

    def change(resource: Json) -> None:
        link = {"reference": talk.reference, "display": talk.display}
        if resource["resourceType"] in _ENCOUNTER_ELEMENT:
            resource["encounter"] = link
        else:
            resource.setdefault("extension", []).append({"url": ENCOUNTER_EXTENSION, "valueReference": link})

    return change


def identified(value: str) -> Change:
    """Give it a business identifier (type RI): the same statement, wherever it was copied."""

    def change(resource: Json) -> None:
        kind = concept("http://terminology.hl7.org/CodeSystem/v2-0203", "RI")
        resource["identifier"] = [{"type": kind, "system": BUSINESS, "value": value}]

    return change


def based_on(directive: Ref) -> Change:
    """Say that a treatment directive follows from a wilsverklaring."""

    def change(resource: Json) -> None:
        resource["sourceReference"] = {"reference": directive.reference}

    return change


def noted(text: str) -> Change:
    """Add a note."""

    def change(resource: Json) -> None:
        resource.setdefault("note", []).append({"text": text})

    return change


def capable(yes: bool, why: str = "") -> Change:
    """Say on the Patient whether the patient can decide on medical treatment; the canonical follows the profile's."""

    def change(resource: Json) -> None:
        parts: list[Json] = [{"url": "legallyCapable", "valueBoolean": yes}]
        if why:
            parts.append({"url": "legallyCapableComment", "valueString": why})
        base = resource["meta"]["profile"][0].partition("StructureDefinition")[0]
        resource.setdefault("extension", []).append({"url": base + CAPACITY, "extension": parts})

    return change


def having(**elements: object) -> Change:
    """Set elements as they stand."""

    def change(resource: Json) -> None:
        resource.update(elements)

    return change


def _extend(element: str, extension: Json) -> Change:
    def change(resource: Json) -> None:
        resource.setdefault(element, []).append(extension)

    return change
