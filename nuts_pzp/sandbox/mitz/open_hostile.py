"""Mitz twin: hostile answers to the open question, by name: each makes the bytes of one way to be wrong."""

from __future__ import annotations

from collections.abc import Callable

from . import codes
from .answers import envelope, fault, header, response
from .open_parts import ANSWER_ACTION, XCPD, OpenAsked, listing, part

Answer = Callable[[OpenAsked], bytes]
OTHER = "999990020"
"""Somebody else's BSN."""
ONE, TWO = "90000111", "90000222"
_OID = "urn:oid:2.16.840.1.113883.2.4.3.11.999.8"


def good(asked: OpenAsked, *providers: str) -> str:
    """Return a right answer that names these."""
    return _told(asked, *(_of(asked, one) for one in providers or (ONE, TWO)))


def _of(asked: OpenAsked, provider: str, bsn: str = "", source: str = _OID) -> str:
    return part(bsn or asked.bsn, provider, _OID, source)


def _told(asked: OpenAsked, *parts: str) -> str:
    return envelope(header(asked.message_id, ANSWER_ACTION), listing(*parts))


def _spoiled(*changes: tuple[str, str]) -> Answer:
    def spoil(asked: OpenAsked) -> bytes:
        text = good(asked)
        for former, latter in changes:
            assert former in text
            text = text.replace(former, latter)
        return text.encode()

    return spoil


def _laughs(asked: OpenAsked) -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    document = good(asked).partition("?>")[2]
    return f'<!DOCTYPE s [<!ENTITY l0 "ha">{entities}]>{document}'.replace("<SourceId>", "<SourceId>&l11;").encode()


def _corresponding(asked: OpenAsked) -> bytes:
    mark = f'<CorrespondingPatientId root="{codes.RULES[0].system}" extension="'
    return good(asked).replace(f"{mark}{asked.bsn}", f"{mark}{OTHER}").encode()


HOSTILE: dict[str, Answer] = {
    "other_patient": lambda asked: _told(asked, _of(asked, ONE, OTHER)).encode(),
    "other_patient_among_two": lambda asked: _told(asked, _of(asked, ONE, OTHER), _of(asked, TWO)).encode(),
    "corresponding_other_patient": _corresponding,
    "relates_to_other": lambda asked: good(asked).replace(asked.message_id, "0" * 8 + asked.message_id[8:]).encode(),
    "no_relates_to": lambda asked: envelope(header(None, ANSWER_ACTION), listing(_of(asked, ONE))).encode(),
    "two_relates_to": _spoiled(("</s:Header>", "<a:RelatesTo>urn:uuid:other</a:RelatesTo></s:Header>")),
    "other_action": _spoiled((ANSWER_ACTION, ANSWER_ACTION.replace("Response", ""))),
    "two_hundred_and_one": lambda asked: good(asked, *(f"{n:08}" for n in range(90_000_300, 90_000_501))).encode(),
    "a_thousand": lambda asked: good(asked, *(f"{n:08}" for n in range(90_000_300, 90_001_300))).encode(),
    "ura_of_another_register": _spoiled((codes.RULES[2].system, "2.16.528.1.1007.3.2")),
    "ura_in_letters": _spoiled((ONE, "9000011l")),
    "ura_in_other_digits": _spoiled((ONE, "٩٠٠٠٠١١١")),
    "ura_with_markup": _spoiled((ONE, "90000111&#10;")),
    "two_institutions": _spoiled(("<author-institution", '<author-institution extension="9"/><author-institution')),
    "no_institution": _spoiled(("author-institution", "author-institutions")),
    "null_flavor": _spoiled(("<author-institution", '<author-institution nullFlavor="UNK"')),
    "two_requested_patients": _spoiled(("<SourceId>", "<RequestedPatientId/><SourceId>")),
    "text_between": _spoiled(("<PatientLocationResponse>", "90000333<PatientLocationResponse>")),
    "comment_in_between": _spoiled(("<SourceId>", "<!-- 90000333 --><SourceId>")),
    "instruction": _spoiled(("<SourceId>", "<?php 1?><SourceId>")),
    "cdata": _spoiled(("<SourceId>", "<![CDATA[x]]><SourceId>")),
    "doctype": _spoiled(("<s:Envelope", '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/x.dtd"><s:Envelope')),
    "billion_laughs": _laughs,
    "no_namespace": _spoiled((f' xmlns="{XCPD}"', "")),
    "other_namespace": _spoiled((XCPD, "urn:ihe:iti:xcpd:2010")),
    "wrapped": _spoiled(("<PatientLocationQueryResponse", "<w><PatientLocationQueryResponse"),
                        ("</PatientLocationQueryResponse>", "</PatientLocationQueryResponse></w>")),
    "in_header": lambda asked: envelope(
        header(asked.message_id, ANSWER_ACTION).replace("</s:Header>", listing(_of(asked, ONE)) + "</s:Header>"), ""
    ).encode(),
    "two_lists": lambda asked: envelope(
        header(asked.message_id, ANSWER_ACTION), listing(_of(asked, ONE)) + listing(_of(asked, TWO))
    ).encode(),
    "iti_55": lambda asked: envelope(
        header(asked.message_id, ANSWER_ACTION), f'<PRPA_IN201306UV02 xmlns="{codes.HL7}"/>'
    ).encode(),
    "answer_of_the_closed_question": lambda asked: envelope(
        header(asked.message_id, ANSWER_ACTION), response("<Result><Decision>Permit</Decision></Result>")
    ).encode(),
    "fault_and_list": lambda asked: envelope(
        header(asked.message_id, ANSWER_ACTION),
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault>" + listing(_of(asked, ONE)),
    ).encode(),
    "fault_with_the_bsn": lambda asked: fault("Receiver", f"fout bij {asked.bsn}", asked.message_id).encode(),
    "truncated": lambda asked: good(asked).encode()[:-40],
    "second_document": lambda asked: (good(asked) + "<x/>").encode(),
    "utf16": lambda asked: good(asked).replace("UTF-8", "UTF-16").encode("utf-16"),
    "nul": _spoiled(("<SourceId>", "<SourceId>\0")),
    "deep": _spoiled(("<SourceId>", "<x>" * 40 + "</x>" * 40 + "<SourceId>")),
    "megabyte": lambda asked: good(asked).encode() + b" " * 1_048_576,
}  # fmt: skip

HONEST: dict[str, Answer] = {
    "two_holders": lambda asked: good(asked).encode(),
    "the_same_twice": lambda asked: good(asked, ONE, ONE, TWO).encode(),
    "addresses_as_source": lambda asked: _told(
        asked, _of(asked, ONE, source="http://127.0.0.1:9/fhir"), _of(asked, TWO, source="file:///etc/hostname")
    ).encode(),
    "other_category": lambda asked: _told(asked, _of(asked, ONE), _of(asked, TWO).replace("GGC002", "GGC012")).encode(),
    "nobody": lambda asked: _told(asked).encode(),
}
"""Odd, and answers all the same."""
