"""Sandbox: people who show what may not be seen, is not there, is somebody else's, or is very much."""

from __future__ import annotations

from ..changes import agreed, capable, having
from .person import Person, chart, person


def vermeer() -> Person:
    """The practice knows the newest, and she objected to sharing it."""
    bsn, born, name = "900011233", "1960-08-03", "Ineke Vermeer"
    practice = chart("wilgenhof", "6", name)
    practice.person(bsn, born, "female", capable(True))
    doctor = practice.clinician("Annelies Terpstra", "0100", "huisarts")
    practice.talk("2026-05-20", doctor)
    practice.treatment("89666000", "deny", "2026-05-20", agreed(doctor))
    hospital = chart("meerwijck", "7", name)
    hospital.person(bsn, born, "female", capable(True))
    hospital.treatment("89666000", "permit", "2024-09-17")
    charts = {"wilgenhof": practice, "meerwijck": hospital}
    return person("vermeer", bsn, born, charts, objects=("wilgenhof",))


def kok() -> Person:
    """The practice has another birth date for this BSN: nothing of it may be shown as his."""
    bsn, born, name = "900100412", "1958-03-14", "Bram Kok"
    practice = chart("wilgenhof", "7", name)
    practice.person(bsn, "1985-03-14", "male")
    practice.treatment("89666000", "deny", "2026-01-12")
    hospital = chart("meerwijck", "8", name)
    hospital.person(bsn, born, "male", capable(True))
    hospital.treatment("89666000", "permit", "2025-01-12")
    return person("kok", bsn, born, {"wilgenhof": practice, "meerwijck": hospital})


def visser() -> Person:
    """Known everywhere, nothing discussed anywhere."""
    bsn, born, name = "900100825", "1971-07-07", "Noor Visser"
    charts = {"wilgenhof": chart("wilgenhof", "8", name), "meerwijck": chart("meerwijck", "9", name)}
    for dossier in charts.values():
        dossier.person(bsn, born, "female")
    return person("visser", bsn, born, charts)


def talsma() -> Person:
    """Died; the practice knows."""
    bsn, born, name = "900101222", "1930-05-05", "Oene Talsma"
    practice = chart("wilgenhof", "9", name)
    practice.person(bsn, born, "male", having(deceasedDateTime="2026-06-30"))
    practice.treatment("89666000", "deny", "2026-02-02")
    return person("talsma", bsn, born, {"wilgenhof": practice})


def hendriks() -> Person:
    """Discussed every quarter for eleven years: several pages of directives at one source."""
    bsn, born, name = "900101635", "1936-10-10", "Roos Hendriks"
    practice = chart("wilgenhof", "10", name)
    practice.person(bsn, born, "female", capable(True))
    doctor = practice.clinician("Annelies Terpstra", "0100", "huisarts")
    for number in range(44):
        day = f"{2015 + number // 4}-{(number % 4) * 3 + 2:02d}-11"
        practice.treatment("32485007", "permit" if number < 43 else "deny", day, agreed(doctor))
    return person("hendriks", bsn, born, {"wilgenhof": practice})


def terlouw() -> Person:
    """Never asked about sharing; the hospital knows what matters in an emergency."""
    bsn, born, name = "900102007", "1957-02-09", "Hanna Terlouw"
    hospital = chart("meerwijck", "10", name)
    hospital.person(bsn, born, "female", capable(True))
    doctor = hospital.clinician("Hamid Ouali", "0300", "klinisch geriater")
    hospital.treatment("89666000", "deny", "2026-04-02", agreed(doctor))
    hospital.goal("1351964001", "2026-04-02")
    return person("terlouw", bsn, born, {"meerwijck": hospital}, silent=("meerwijck",))
