"""Sandbox: mevrouw Postma, the patient of the main demo.

An older GP dossier, a newer hospital one, a home care form of the same day that agrees on all but one treatment, and a
hospice that knows the newest of all but does not answer.
"""

from __future__ import annotations

from .. import form
from ..changes import agreed, capable, comment, during, noted, performed, specification
from ..form import NO, YES, Cover, add_form
from ..resources import NULL, SNOMED, Chart, concept
from .person import Person, chart, person

BSN, BORN, NAME = "999930412", "1941-04-17", "Geertje Postma"
HOSPITAL = "Alleen als de klachten thuis niet te verlichten zijn, en dan zo kort als het kan."


def _practice() -> Chart:
    dossier = chart("wilgenhof", "1", NAME)
    dossier.person(BSN, BORN, "female", capable(True))
    doctor = dossier.clinician("Annelies Terpstra", "0100", "huisarts")
    son = dossier.relative("Rein Postma", ("24", "01"), "SONC", "0612000101")
    day = "2023-05-09"
    talk = dossier.talk(day, doctor, son)
    for code in ("89666000", "40617009", "305351004", "32485007", "281789004", "116762002"):
        dossier.treatment(code, "permit", day, agreed(doctor), during(talk))
    dossier.goal("1351964001", day, during(talk))
    seen = (performed(doctor), during(talk))
    dossier.observation(
        "153851000146100", "Wil graag zelf de tuin blijven doen, met hulp waar dat nodig is.", day, *seen
    )
    dossier.observation("395091006", concept(NULL, "UNK", "Nog onbekend"), day, *seen)
    dossier.observation("340171000146104", concept(SNOMED, "340191000146100"), day, *seen)
    dossier.observation("570801000146104", concept(SNOMED, YES), day, *seen)
    dossier.observation("247751003", "Haar zus in Zwolle elke week kunnen bellen.", day, *seen)
    dossier.informed(day, doctor, during(talk))
    return dossier


def _hospital() -> Chart:
    dossier = chart("meerwijck", "1", NAME)
    dossier.person(BSN, BORN, "female", capable(True))
    doctor = dossier.clinician("Hamid Ouali", "0335", "klinisch geriater")
    son = dossier.relative("Rein Postma", ("24", "01"), "SONC", "0612000101")
    day = "2026-10-21"
    talk = dossier.talk(day, doctor, son)
    dossier.treatment("89666000", "deny", day, agreed(doctor, son), comment("Besproken na de tweede longontsteking."))
    dossier.treatment("40617009", "deny", day, agreed(doctor, son))
    dossier.treatment("305351004", "deny", day, agreed(doctor, son))
    dossier.treatment("32485007", None, day, agreed(doctor, son), specification(HOSPITAL))
    dossier.treatment("281789004", "permit", day, agreed(doctor, son), comment("Tabletten, geen infuus."))
    dossier.goal("713148004", day, started=True)
    seen = (performed(doctor), during(talk))
    dossier.observation("153851000146100", "Niet meer heen en weer met de ambulance.", day, *seen)
    dossier.observation("395091006", concept(SNOMED, "264362003"), day, *seen, noted("In de serre, bij het raam."))
    dossier.informed(day, doctor, during(talk))
    return dossier


def _home_care() -> Chart:
    dossier = chart("lindezicht", "1", NAME)
    dossier.person(BSN, BORN, "female")
    add_form(
        dossier,
        Cover(filled="2026-10-21", authored="2026-10-21T16:05:00+02:00"),
        form.held_by("Elzinga", "30.000"),
        form.capable("1"),
        *form.representative("Rein", "Postma", "0612000101", "SONC", first_contact=True),
        form.present("SONC"),
        form.goal("225353007"),
        form.treatment("89666000", "2"),
        form.treatment("40617009", "2"),
        form.treatment("305351004", "2"),
        form.treatment("32485007", "1", HOSPITAL),
        form.treatment("281789004", "2", "Mevrouw zegt dat ze geen kuren meer wil."),
        form.icd(NO),
        form.wishes("Vaste gezichten aan bed, en de deur naar de tuin open."),
        form.place("264362003"),
        form.earlier(YES, "Bij de huisarts, voorjaar 2023.", differs=YES),
        form.sharing("1", "441898007"),
    )
    return dossier


def _hospice() -> Chart:
    dossier = chart("avondrood", "1", NAME)
    dossier.person(BSN, BORN, "female", capable(True))
    nurse = dossier.clinician("Joke Brandsma", "9100", "verpleegkundige")
    day = "2026-11-10"
    talk = dossier.talk(day, nurse)
    dossier.treatment("89666000", "deny", day, agreed(nurse))
    place = concept(SNOMED, "284546000")
    dossier.observation("395091006", place, day, performed(nurse), during(talk))
    return dossier


def make() -> Person:
    """Return the patient of the main demo."""
    charts = {"wilgenhof": _practice(), "meerwijck": _hospital(), "lindezicht": _home_care(), "avondrood": _hospice()}
    return person("postma", BSN, BORN, charts)
