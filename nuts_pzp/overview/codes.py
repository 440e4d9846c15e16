"""The words that clinicians read, by code (spec pzp-fhir 7, design 7). A code that is not here is never left blank.

Where the form's wording is clinically richer than the SNOMED display, the form's wording is used.
"""

from __future__ import annotations

import unicodedata

SNOMED = "http://snomed.info/sct"
NULL_FLAVORS = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
        "http://hl7.org/fhir/v3/NullFlavor",
        "urn:oid:2.16.840.1.113883.5.1008",
    }
)

ACP = "713603004"
CONVERSATION_CODES = frozenset({ACP, "411600B", "190099"})
TREATMENT_CATEGORY = "129125009"
INFORM = "223449006"
ICD_OFF = "400231000146108"
ICD_OFF_TEXTS = (ICD_OFF, "uitzetten van cardioverter-defibrillator", "uitzetten icd in laatste levensfase")

TREATMENTS = {
    "89666000": "Reanimatie (cardiopulmonale resuscitatie)",
    "40617009": "Kunstmatige (invasieve) beademing",
    "305351004": "Opname op intensive care",
    "32485007": "Opname in ziekenhuis",
    "281789004": "Behandeling met antibiotica",
    "116762002": "Toediening van een bloedproduct",
}
TREATMENTS_AS_TEXT = {"229912004": "toedienen van enterale voeding"}
ICD_OFF_LABEL = "Uitzetten ICD in laatste levensfase"

PERMIT = "Wel uitvoeren"
DENY = "Niet uitvoeren"
OTHERWISE = "Anders, namelijk: {}"
UNCLEAR = "Anders (niet ingevuld wat)"
NO_DECISION = "Geen besluit vastgelegd"
UNDECIDED = "Nee, nog geen besluit genomen"
NOT_DISCUSSED = "Niet besproken"
UNKNOWN = "Nog onbekend"
UNREADABLE = "Niet te interpreteren"
UNREAD_ANSWER = "antwoord in een vorm die hier niet gelezen wordt"

NO_INFORMATION_TEXTS = frozenset({"niet besproken", "onbekend", "nog onbekend"})
UNDECIDED_START = "nee, nog geen besluit"

NO_INFORMATION_CODES = {
    "UNK": UNKNOWN,
    "NASK": NOT_DISCUSSED,
    "NI": "Geen informatie",
    "NAV": "Tijdelijk niet beschikbaar",
    "NA": "Niet van toepassing",
    "MSK": "Afgeschermd",
}
ABSENT_REASONS = {
    "asked-unknown": "Gevraagd, onbekend",
    "not-asked": "Niet gevraagd",
    "unknown": UNKNOWN,
    "temp-unknown": UNKNOWN,
    "asked-declined": "Gevraagd, niet beantwoord",
    "masked": "Afgeschermd",
    "not-applicable": "Niet van toepassing",
}

COMFORT_ONLY = "713148004"
GOAL_SYNONYMS = {"225353007": COMFORT_ONLY}
GOALS = {
    "385987000": "Curatief / actief ziektebeleid",
    "1351964001": "Palliatief met als doel levensverlenging én symptoomverlichting",
    COMFORT_ONLY: "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is",
}

WISHES, PLACE_OF_DEATH, EUTHANASIA = "153851000146100", "395091006", "340171000146104"
DONOR_REGISTER, IMPORTANT = "570801000146104", "247751003"
OBSERVATIONS = {
    WISHES: "Wensen en verwachtingen",
    PLACE_OF_DEATH: "Gewenste plek van overlijden",
    EUTHANASIA: "Standpunt ten opzichte van euthanasie",
    DONOR_REGISTER: "Keuze vastgelegd in donorregister",
    IMPORTANT: "Wat verder nog belangrijk is",
}
FREE_TEXT = frozenset({WISHES, IMPORTANT})

YES, NO = "373066001", "373067005"
YES_NO = {YES: "Ja", NO: "Nee"}
BOOLEANS = {"1": True, "0": False, YES: True, NO: False}
AGREED = {"441898007": "Akkoord"}

PLACES = {
    "264362003": "Thuis",
    "22232009": "Ziekenhuis",
    "108344006": "Verpleeghuis",
    "284546000": "Hospice",
    "OTH": "Anders",
}
NO_EUTHANASIA = "340201000146103"
EUTHANASIA_POSITIONS = {
    "340181000146102": "Heeft euthanasieverklaring",
    NO_EUTHANASIA: "Wenst geen euthanasie",
    "340191000146100": "Geen euthanasieverklaring, zou wel verzoek kunnen doen in bepaalde situaties",
}
VALUES = {PLACE_OF_DEATH: PLACES, EUTHANASIA: EUTHANASIA_POSITIONS, DONOR_REGISTER: YES_NO}

DIRECTIVE_SYSTEM = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.1"
DIRECTIVES = {
    "NR": "Niet-reanimerenverklaring",
    "VOL": "Volmacht",
    "VERB": "Behandelverbod",
    "VERBVL": "Behandelverbod met aanvulling voltooid leven",
    "MON": "Mondelinge afspraak",
    "EU": "Euthanasieverzoek",
    "EUD": "Euthanasieverzoek met aanvulling dementie",
    "LW": "Levenswensverklaring",
    "DO": "Verklaring donorschap",
    "ZB": "Zelfbindingsverklaring",
    "OTH": "Anders",
}

FIRST_CONTACT_ROLE = "01"
REPRESENTATIVE_ROLES = frozenset({"24", "03", "15", "310141000146103"})
ROLE_SYSTEM = "urn:oid:2.16.840.1.113883.2.4.3.11.22.472"
ROLES = {
    "01": "Eerste contactpersoon",
    "02": "Tweede contactpersoon",
    "03": "Curator",
    "09": "Anders",
    "11": "Voogd",
    "14": "Bewindvoerder",
    "15": "Mentor",
    "23": "Contactpersoon",
    "24": "Wettelijke vertegenwoordiger (ook: wordt dit bij wilsonbekwaamheid)",
    "310141000146103": "Schriftelijk gemachtigde zorg en behandeling",
    "100001": "Mantelzorger",
}
RELATIONS = {
    "HUSB": "Echtgenoot",
    "WIFE": "Echtgenote",
    "DOMPART": "Partner",
    "FTH": "Vader",
    "MTH": "Moeder",
    "SONC": "Zoon",
    "DAUC": "Dochter",
    "BRO": "Broer",
    "SIS": "Zuster",
    "OTH": "Anders",
}
RELATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"

ICD_TYPES = {
    "72506001": "implanteerbare cardioverter-defibrillator",
    "465460004": "univentriculair",
    "468542000": "tweekamer",
    "704707009": "biventriculair",
    "1263462004": "pulsgenerator CRT-D",
    "1236894001": "subcutaan",
}
SPECIALTIES = {"0100": "huisarts", "01.015": "huisarts"}

ENDED = "Beëindigd"
CONFLICT = "Tegenstrijdig, geen keuze gemaakt: zie beide"
NOT_RECORDED = "Niet vastgelegd in de geraadpleegde bronnen"
NOT_KNOWN = "Onbekend (niet alle bronnen bereikbaar)"
NOBODY = "onbekend"
PATIENT = "patiënt"


def normal(text: str) -> str:
    """Fold a text for comparison: trimmed, case folded, runs of white space as one space. Never by likeness.

    A letter with its accent is one text, whether written as one character or as two.
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def quoted(code: str, display: str) -> str:
    """Word a code that is not in our tables: the source's own words in quotes, with the code; never blank."""
    words = display.strip()
    if words and code:
        return f'"{words}" ({code})'
    return f'"{words}"' if words else f"onbekende code ({code})"
