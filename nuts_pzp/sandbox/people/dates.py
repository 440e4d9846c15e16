"""Sandbox: two people whose dates are the trouble (spec pzp-fhir 0 fact 5, 3.4 to 3.6)."""

from __future__ import annotations

from .. import form
from ..changes import agreed, capable, comment, during, ended, status
from ..form import BETA3, YES, Cover, add_form
from .person import Person, chart, person


def hofstra() -> Person:
    """One practice that contradicts itself: form against directive, dates mistyped, links to the wrong conversation."""
    bsn, born = "999930825", "1952-09-30"
    practice = chart("wilgenhof", "2", "Douwe Hofstra")
    practice.person(bsn, born, "male", capable(True))
    doctor = practice.clinician("Annelies Terpstra", "0100", "huisarts")
    before = practice.talk("2022-11-08", doctor, join="encounter")
    day = "2024-11-08"
    talk = practice.talk(day, doctor, join="procedure")
    practice.treatment("305351004", "permit", day, agreed(doctor), during(before))
    practice.treatment("89666000", "deny", day, agreed(doctor), during(talk))
    practice.treatment("281789004", "permit", day, agreed(doctor), during(talk))
    later = comment("Wil eerst horen wat de cardioloog ervan vindt.")
    practice.treatment(_ICD_OFF, None, day, later, during(talk))
    practice.icd("2018-03", None, during(talk))
    add_form(
        practice,
        Cover(filled=f"{day}T10:15:00+01:00", authored="2020-01-15T09:00:00+01:00"),
        form.treatment("305351004", "2", "Te zwaar, en te weinig te winnen."),
        form.treatment("89666000", "2"),
    )
    # Meant 2024, typed 2022: by its date this form is old, and nobody may guess otherwise.
    add_form(
        practice,
        Cover(filled="2022-11-18T11:00:00+01:00", authored="2024-11-18T11:20:00+01:00"),
        form.treatment("281789004", "2"),
    )
    add_form(
        practice,
        Cover(filled=f"{day}T10:15:00+01:00", authored=f"{day}T10:30:00+01:00", subject=False),
        form.matters("De duiven moeten naar de buurman."),
    )
    return person("hofstra", bsn, born, {"wilgenhof": practice})


def brouwer() -> Person:
    """Agreements that ended, that have no date, a date to come, or only a year."""
    bsn, born = "999931222", "1938-12-02"
    practice = chart("wilgenhof", "3", "Tineke Brouwer")
    practice.person(bsn, born, "female", capable(True))
    practice.treatment("89666000", "permit", "2022-03-01")
    practice.treatment("305351004", "deny", "2024-06-01")
    practice.treatment("32485007", "permit", None)
    practice.treatment("281789004", "permit", None)
    practice.treatment("116762002", "permit", "2022-03-01")
    practice.treatment("Sondevoeding", "deny", "2024")
    practice.treatment("Dialyse", "deny", "2024")
    hospital = chart("meerwijck", "2", "Tineke Brouwer")
    hospital.person(bsn, born, "female", capable(True))
    hospital.treatment("89666000", "deny", "2024-02-10", ended("2025-01-15", "Op verzoek van mevrouw ingetrokken."))
    hospital.treatment("305351004", "permit", "2024-02-10", ended("2025-01-15"))
    hospital.treatment("40617009", "deny", "2023-08-20", status("inactive"))
    hospital.treatment("32485007", "deny", "2024-02-10")
    hospital.treatment("116762002", "deny", "2062-05-01")
    hospital.treatment("sondevoeding ", "deny", "2024-06-01")
    hospital.treatment("dialyse", "permit", "2024-06-01")
    return person("brouwer", bsn, born, {"wilgenhof": practice, "meerwijck": hospital})


def wit() -> Person:
    """Forms next to resources, the same conversation known twice, and an evening that is the next day here."""
    bsn, born = "900011634", "1947-06-25"
    from_practice = chart("meerwijck", "3", "Karel de Wit")
    from_practice.person(bsn, born, "male")
    doctor = from_practice.clinician("Hamid Ouali", "0335", "klinisch geriater")
    from_practice.talk("2025-07-01", doctor)
    from_practice.treatment("89666000", "deny", "2025-07-01", agreed(doctor))
    from_practice.treatment("116762002", "deny", "2025-07-01", agreed(doctor))
    from_practice.goal("713148004", "2025-07-01")
    add_form(
        from_practice,
        # 22:15 UTC is a quarter past midnight in Amsterdam: the first of July.
        Cover(filled="2025-06-30T22:15:00Z", authored="2025-07-01T08:00:00+02:00", questionnaire=form.RC2),
        form.treatment("89666000", "2"),
        form.treatment("116762002", "UNK"),
        form.goal("713148004"),
    )
    home = chart("lindezicht", "2", "Karel de Wit")
    home.person(bsn, born, "male")
    add_form(
        home,
        Cover(filled="2025-07-01", authored="2025-07-01T13:00:00+02:00", questionnaire=BETA3),
        form.goal("225353007"),
        form.treatment("32485007", "1", "Alleen voor een gebroken heup."),
        form.treatment("40617009", "UNK"),
        form.other("Antistolling", "2", "Na de maagbloeding."),
        form.other("Bestraling", "0"),
        form.icd(YES, "Links onder het sleutelbeen."),
        form.icd_off("ASKU"),
        form.euthanasia("UNK", "Nog niet besproken."),
        form.donor("373067005"),
        form.matters("Elke zondag kerkradio."),
    )
    add_form(
        home,
        Cover(filled="2025-09-12", authored="2025-09-12T10:00:00+02:00", status="in-progress"),
        form.treatment("89666000", "0"),
    )
    return person("wit", bsn, born, {"meerwijck": from_practice, "lindezicht": home})


_ICD_OFF = "uitzetten van cardioverter-defibrillator in laatste levensfase"
