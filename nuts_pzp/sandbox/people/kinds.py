"""Sandbox: one man whose directives come in every kind and status (spec pzp-fhir 3.2, 3.3, 3.5, 3.6)."""

from __future__ import annotations

from ..changes import (
    agreed,
    capable,
    comment,
    having,
    identified,
    modified,
    performed,
    specification,
    status,
)
from ..resources import SNOMED, Chart, concept
from .person import Person, chart, person

BSN, BORN, NAME = "999931635", "1955-01-08", "Sjoerd van Dalen"


def _practice() -> Chart:
    dossier = chart("wilgenhof", "4", NAME)
    dossier.person(BSN, BORN, "male", capable(True))
    doctor = dossier.clinician("Annelies Terpstra", "0100", "huisarts")
    day = "2023-04-04"
    dossier.talk(day, doctor)
    dossier.treatment("89666000", "deny", day, agreed(doctor))
    dossier.treatment("40617009", "permit", "2024-05-05", agreed(doctor))
    dossier.treatment("32485007", "deny", day, agreed(doctor))
    dossier.treatment("116762002", "deny", day, agreed(doctor))
    dossier.treatment("Sondevoeding", "deny", day, identified("dalen-sonde"))
    dossier.treatment("Dialyse", "permit", day, identified("dalen-dialyse"))
    dossier.goal("1351964001", day)
    # A goal of the practice's own that has nothing to do with this conversation, and no code.
    dossier.goal("UNK", "2025-03-03", having(description={"text": "Elke dag een half uur wandelen"}))
    dossier.observation("395091006", concept(SNOMED, "108344006"), day, performed(doctor))
    dossier.observation("247751003", "Muziek van Bach op de kamer.", "2024-05-05", performed(doctor))
    return dossier


def _hospital() -> Chart:
    dossier = chart("meerwijck", "4", NAME)
    dossier.person(BSN, BORN, "male", capable(True))
    doctor = dossier.clinician("Mirthe Slot", "0313", "internist")
    later = "2025-03-03"
    dossier.treatment("89666000", "permit", "2025-06-06", status("entered-in-error"))
    dossier.treatment("89666000", "permit", "2025-09-09", status("draft"))
    dossier.treatment("89666000", "permit", "2025-09-10", status("proposed"))
    short = specification("Alleen kortdurend, met het oog op herstel naar huis.")
    dossier.treatment("305351004", "permit", "2024-05-05", short, agreed(doctor))
    mask = specification("Wel met een masker, niet met een buis.")
    dossier.treatment("40617009", None, "2024-05-05", mask)
    dossier.treatment("32485007", None, later, specification("Nee, nog geen besluit genomen"))
    dossier.treatment("116762002", None, later, specification("Niet besproken"))
    dossier.treatment("281789004", "permit", later, modified("https://sandbox.example/fhir/ext-onder-voorwaarde", "ja"))
    neither = comment("Komt terug op de polikliniek.")
    dossier.treatment("uitzetten van cardioverter-defibrillator", None, later, neither)
    dossier.treatment("Sondevoeding", "deny", "2023-04-04", identified("dalen-sonde"))
    dossier.treatment("Dialyse", "deny", later, identified("dalen-dialyse"))
    dossier.treatment("Pacemaker", "permit", later, _codeless)
    dossier.goal("385987000", "2026-02-02", status("proposed"))
    dossier.observation("395091006", concept(SNOMED, "264362003"), "2026-01-05", status("preliminary"))
    dossier.observation("340171000146104", None, later, performed(doctor))
    dossier.observation("247751003", "Dat de hond bij hem mag blijven.", "2024-05-05", performed(doctor))
    dossier.icd("2019-02-11", later)
    return dossier


def _codeless(resource: dict[str, object]) -> None:
    provision = resource["provision"]
    assert isinstance(provision, dict)
    del provision["code"]


def make() -> Person:
    """Return meneer Van Dalen."""
    return person("dalen", BSN, BORN, {"wilgenhof": _practice(), "meerwijck": _hospital()})
