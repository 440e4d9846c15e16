"""What a wilsverklaring is of and where it is, in R4 and STU3 (spec pzp-fhir 1.1, 3.3). It is never fetched."""

from __future__ import annotations

from collections.abc import Iterator

from .codes import DIRECTIVES, normal, quoted
from .datatypes import Attachment, Concept, Reference
from .records import Record
from .statements import Document, Said, Statement
from .wording import beside, codes_in, joined, same_text, text_of

_TYPES = {
    code: (f"directive:{code}", Said("decision", code, label, code), label)
    for code, label in DIRECTIVES.items()
    if code != "OTH"
}
"""Item key, value and label of a wilsverklaring, by its type."""
Kind = tuple[str, Said, str]


def documents_said(record: Record, concepts: list[Concept], document: Document, fallback: str) -> Iterator[Statement]:
    """Yield the document for each kind that the record says it is of."""
    comment = record.comment
    for key, said, label in directives_said(concepts, document.title, fallback):
        mine = (one for one in concepts if said.code in codes_in((one,)))
        record.comment = joined(comment, *(beside(one, said.display) for one in mine))
        yield record.says(key, said, label, document)


def document_of(attachment: Attachment | None, source: Reference | None) -> Document:
    """Return where a wilsverklaring is: what is attached counts before what is pointed at."""
    title = (attachment.title if attachment else None) or (source.display if source else None) or ""
    kind = attachment.content_type if attachment else None
    place = (attachment.url if attachment else None) or (source.reference if source else None)
    return Document(title, kind or "", place or "")


def directives_said(concepts: list[Concept], title: str, fallback: str) -> list[Kind]:
    """Return item key, value and label for each kind that a wilsverklaring is of: one document may be of several."""
    listed = codes_in(concepts) - {"OTH"}
    lone = next((words for one in concepts if (words := text_of(one))), "") if len(listed) == 1 else ""
    found: dict[str, Kind] = {}
    for concept in concepts:
        for coding in concept.coding or ():
            code = coding.code or ""
            if code in listed:
                found[code] = _TYPES.get(code) or _unlisted(code, (coding.display or concept.text or lone).strip())
    others = [one for one in concepts if not listed or codes_in((one,)) == {"OTH"}]
    texts = [one.text.strip() for one in others if one.text and one.text.strip()] or ["" if listed else title.strip()]
    for text in filter(None, texts):
        display = f"Anders: {text}"
        found[f"OTH {normal(text)}"] = (
            f"directive:OTH:{normal(text)}",
            Said("decision", "OTH", display, same_text("OTH", text)),
            display,
        )
    if not found:
        display = "Wilsverklaring (soort niet opgegeven)"
        return [(f"directive:#{fallback}", Said("decision", "", display, f"#{fallback}"), display)]
    return [found[code] for code in sorted(found)]


def _unlisted(code: str, words: str) -> Kind:
    display = quoted(code, words)
    return f"directive:{code}", Said("decision", code, display, code), display
