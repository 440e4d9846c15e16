"""Mitz: the open question as a value, and its bytes (spec consent 2). Pure; no I/O.

Trusts its caller for who is who. Written as a tree, so no value can add structure. The BSN is in the body only; the
assertion names the user and never the patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from ...identity import Bsn
from . import codes, open_codes
from .question import Party, Responsible


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Which holders may this professional of `user` ask about this patient, for treatment?"""

    message_id: UUID
    bsn: Bsn
    user: Party
    professional: Responsible

    @property
    def message_urn(self) -> str:
        """What `wsa:MessageID` says and `wsa:RelatesTo` must repeat."""
        return f"urn:uuid:{self.message_id}"


def build(question: OpenQuestion, endpoint: str, assertion: bytes) -> bytes:
    """Write the SOAP 1.2 envelope, UTF-8, with an assertion that was signed before; its bytes are not changed."""
    soap, wsa = f"{{{codes.SOAP}}}", f"{{{codes.WSA}}}"
    envelope = etree.Element(f"{soap}Envelope", nsmap={"soap": codes.SOAP, "wsa": codes.WSA})
    header = etree.SubElement(envelope, f"{soap}Header")
    must = {f"{soap}mustUnderstand": "1"}
    etree.SubElement(header, f"{wsa}Action", must).text = open_codes.ASK_ACTION
    etree.SubElement(header, f"{wsa}MessageID").text = question.message_urn
    etree.SubElement(header, f"{wsa}To", must).text = endpoint
    etree.SubElement(etree.SubElement(header, f"{wsa}ReplyTo"), f"{wsa}Address").text = codes.ANONYMOUS
    etree.SubElement(header, f"{{{open_codes.WSSE}}}Security", must, nsmap={"wsse": open_codes.WSSE}).text = _HERE
    body = etree.SubElement(envelope, f"{soap}Body")
    xcpd = f"{{{open_codes.XCPD}}}"
    asked = etree.SubElement(body, f"{xcpd}PatientLocationQueryRequest", nsmap={None: open_codes.XCPD})
    patient = {
        "root": codes.BSN_ROOT, "extension": question.bsn.value, "assigningAuthorityName": open_codes.BSN_AUTHORITY,
    }  # fmt: skip
    etree.SubElement(asked, f"{xcpd}RequestedPatientId", patient)
    written: bytes = etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written.replace(_HERE.encode(), assertion, 1)


_HERE = "0000-the-signed-assertion-comes-here-0000"
"""Stands before anything of the question but its id and address, so the first is this one."""
