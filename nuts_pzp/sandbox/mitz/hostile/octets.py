"""Hostile answers of the Mitz twin: what can be wrong below XML elements: encodings, declarations, sizes."""

from __future__ import annotations

from ..request import Asked
from .parts import Hostile, declared, honest, spoiled

_FIRST = '<?xml version="1.0" encoding="UTF-8"?>\n'
_LAUGHS = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
_DECISION = "<Decision>Permit<"


def _permit(asked: Asked) -> str:
    return honest("Permit", asked)


def _utf7(asked: Asked) -> bytes:
    text = _permit(asked).removeprefix(_FIRST).replace("<", "+ADw-").replace(">", "+AD4-")
    return ('<?xml version="1.0" encoding="UTF-7"?>' + text).encode()


def _padded(inner: str) -> Hostile:
    """Put this into the status of a Permit, where real answers have a message."""
    return spoiled(("</Status>", f"<StatusDetail>{inner}</StatusDetail></Status>"))


OCTETS: dict[str, Hostile] = {
    # Declarations
    "xxe_file": declared('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "&x;"),
    "xxe_external_dtd": declared('<!DOCTYPE r SYSTEM "http://127.0.0.1:9/answer.dtd">'),
    "billion_laughs": declared(f"<!DOCTYPE r [{_LAUGHS}]>", "&l9;"),
    "quadratic_blowup": declared(f'<!DOCTYPE r [<!ENTITY q "{"P" * 60_000}">]>', "&q;" * 10_000),
    "entity_decision": declared('<!DOCTYPE r [<!ENTITY d "Permit">]>', "&d;"),
    "doctype_only": declared("<!DOCTYPE r>"),
    "doctype_parameter_entity": declared("<!DOCTYPE r [<!ENTITY % p \"<!ENTITY d 'Permit'>\"> %p;]>", "&d;"),
    "doctype_default_attribute": declared(
        '<!DOCTYPE r [<!ATTLIST StatusCode Value CDATA "urn:oasis:names:tc:xacml:1.0:status:ok">]>'
    ),
    "entity_undeclared": spoiled((_DECISION, "<Decision>&permit;<")),
    # Things that two readers read differently
    "comment_split": spoiled((_DECISION, "<Decision>Per<!-- -->mit<")),
    "comment_suffix": spoiled((_DECISION, "<Decision>Permit<!-- -->Deny<")),
    "comment_first": spoiled(("<s:Envelope", "<!-- --><s:Envelope")),
    "comment_last": spoiled(("</s:Envelope>", "</s:Envelope><!-- -->")),
    "pi_in_decision": spoiled((_DECISION, "<Decision>Per<?x y?>mit<")),
    "pi_stylesheet": spoiled(("<s:Envelope", '<?xml-stylesheet href="a.xsl"?><s:Envelope')),
    "cdata_decision": spoiled((_DECISION, "<Decision><![CDATA[Permit]]><")),
    "cdata_split": spoiled((_DECISION, "<Decision>Per<![CDATA[mit]]><")),
    # Encodings
    "utf16": lambda asked: _permit(asked).replace("UTF-8", "UTF-16").encode("utf-16"),
    "utf16_without_mark": lambda asked: _permit(asked).removeprefix(_FIRST).encode("utf-16-le"),
    "utf7": _utf7,
    "latin1_declared": lambda asked: _permit(asked).replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    "unknown_encoding_declared": lambda asked: _permit(asked).replace("UTF-8", "x-none").encode(),
    "overlong_utf8": lambda asked: _permit(asked).encode().replace(b">Permit<", b">\xc1\x90ermit<"),
    "surrogates_in_utf8": lambda asked: _permit(asked).encode().replace(b">Permit<", b">Permit\xed\xa0\x80<"),
    "nul": lambda asked: _permit(asked).encode().replace(b">Permit<", b">Permit\x00<"),
    "control_character": lambda asked: _permit(asked).encode().replace(b">Permit<", b">Permit\x08<"),
    "xml_1_1": lambda asked: _permit(asked).replace('version="1.0"', 'version="1.1"').encode(),
    # Where a document begins and ends
    "empty": lambda _: b"",
    "white_space_only": lambda _: b" \r\n\t ",
    "truncated": lambda asked: _permit(asked).encode()[:-40],
    "trailing_second_document": lambda asked: (_permit(asked) + honest("Deny", asked).removeprefix(_FIRST)).encode(),
    "trailing_text": lambda asked: (_permit(asked) + "Permit").encode(),
    "space_before_declaration": lambda asked: (" " + _permit(asked)).encode(),
    "unbound_prefix": spoiled((_DECISION, "<x:Decision>Permit</x:Decision><Decision>Permit<")),
    "duplicate_attribute": spoiled(("<StatusCode ", '<StatusCode Value="urn:x" ')),
    "json": lambda _: b'{"Response":[{"Decision":"Permit"}]}',
    "html": lambda _: b"<html><body>Permit</body></html>",
    # Sizes
    "oversize": lambda asked: (_permit(asked) + " " * 262_144).encode(),
    "deep_nesting": _padded("<d>" * 200 + "</d>" * 200),
    "too_many_elements": _padded("<d/>" * 5_000),
    "too_many_attributes": _padded("<d " + " ".join(f'a{number}=""' for number in range(5_000)) + "/>"),
    "too_many_namespaces": _padded("<d " + " ".join(f'xmlns:n{number}="urn:n"' for number in range(4_000)) + "/>"),
    "long_decision": spoiled((_DECISION, f"<Decision>{'Permit ' * 30_000}<")),
    "character_references": spoiled((_DECISION, f"<Decision>{'&#80;' * 40_000}<")),
}
