"""Sandbox: two people where papers, relatives and capacity are the trouble (spec pzp-fhir 3.3, 3.6, 3.7)."""

from __future__ import annotations

from .. import form
from ..changes import agreed, based_on, capable, performed, represented, specification, status, written
from ..form import NO, YES, Cover, add_form
from ..resources import SNOMED, Chart, concept
from .person import Person, chart, person


def kuiper() -> Person:
    """Papers that disagree with agreements, and two sources that name another representative."""
    bsn, born, name = "900010411", "1944-02-21", "Aleida Kuiper"
    practice = chart("wilgenhof", "5", name)
    practice.person(bsn, born, "female", capable(True))
    doctor = practice.clinician("Annelies Terpstra", "0100", "huisarts")
    son = practice.relative("Jelle Kuiper", ("24",), "SONC", "0612000501")
    practice.relative("Trijntje Bos", ("01",), "SIS", "0612000502")
    practice.talk("2025-02-14", doctor, son)
    practice.treatment("89666000", "permit", "2025-02-14", agreed(doctor, son))
    practice.directive("NR", "2016-05-01", represented(son))
    practice.directive("EU", "2021-10-10")
    practice.directive("LW", "2010-01-01", status("inactive"))
    practice.observation("340171000146104", concept(SNOMED, "340201000146103"), "2025-02-14", performed(doctor))
    practice.observation("153851000146100", "Geen bezoek na acht uur.", "2025-02-14", performed(doctor))
    practice.informed("2025-02-14", doctor)
    hospital = chart("meerwijck", "5", name)
    hospital.person(bsn, born, "female", capable(False, "Verward sinds de opname."))
    specialist = hospital.clinician("Mirthe Slot", "0313", "internist")
    daughter = hospital.relative("Marloes Kuiper", ("24",), "DAUC", "0612000503")
    hospital.relative("Trijntje  BOS", ("01",), "SIS", "0612000502")
    volmacht = hospital.directive("VOL", "2023-03-03", represented(daughter))
    hospital.treatment("32485007", "permit", "2025-08-08", agreed(specialist), based_on(volmacht))
    hospital.observation("153851000146100", "Wil haar eigen deken.", "2025-02-14", performed(specialist))
    hospital.informed("2025-08-08", specialist)
    return person("kuiper", bsn, born, {"wilgenhof": practice, "meerwijck": hospital})


def zandstra() -> Person:
    """Not capable and nobody to speak for him; a defibrillator to switch off that he has not; goal against CPR."""
    bsn, born, name = "900010812", "1949-11-19", "Wim Zandstra"
    hospital = chart("meerwijck", "6", name)
    hospital.person(bsn, born, "male", capable(False, "Kan de gevolgen niet overzien."))
    _without_author(hospital)
    hospital.treatment("89666000", "permit", "2025-04-22")
    hospital.treatment("305351004", None, "2025-04-22", specification("Ten hoogste drie dagen."))
    off = "Uitzetten van cardioverter-defibrillator in laatste levensfase (SNOMED CT - 400231000146108)"
    hospital.treatment(off, "permit", "2025-04-22")
    hospital.goal("713148004", "2025-04-22")
    home = chart("lindezicht", "3", name)
    home.person(bsn, born, "male")
    add_form(
        home,
        Cover(filled="2025-03-05T14:00:00+01:00", authored="2025-03-05T14:30:00+01:00"),
        form.held_by("Elzinga", "30.000"),
        form.capable("0", "Sinds het herseninfarct."),
        *form.contact("Bea", "Zandstra", "0612000601", "SIS"),
        form.icd(NO),
        form.earlier(YES, "Ergens in 2019.", differs=NO),
        form.sharing("0", "UNK"),
    )
    return person("zandstra", bsn, born, {"meerwijck": hospital, "lindezicht": home})


def _without_author(dossier: Chart) -> None:
    """An observation whose author cannot be read and has no display: it is somebody's word, nobody knows whose."""
    wish = "Rustig, zonder slangen."
    gone = written({"reference": "PractitionerRole/vertrokken"})
    dossier.observation("153851000146100", wish, "2025-04-22", gone)
