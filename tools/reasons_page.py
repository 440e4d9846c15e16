"""Write docs/reference/reasons.md from the catalogue: `python tools/reasons_page.py`."""

from __future__ import annotations

from pathlib import Path

from nuts_pzp.reasons import Reason

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "reasons.md"


def page() -> str:
    """Return the page as Markdown."""
    lines = [
        "# Reasons",
        "",
        "Every refusal and every gap has one stable code. Other organisations see only the outward face (HTTP status,",
        "FHIR issue type); the code itself stands in the audit log and in what the own EHR, IT and the officer see.",
        "This page is made from the catalogue by `python tools/reasons_page.py`; a test holds them together.",
        "",
    ]
    for reason in Reason:
        lines += [
            f"### {reason.code}",
            "",
            f"Face {reason.face.status} `{reason.face.issue}`. Officer: {reason.text('officer', 'nl')}.",
            "",
            f"- IT: {reason.text('it', 'nl')} / {reason.text('it', 'en')}",
            f"- Clinician: {reason.text('clinician', 'nl')} / {reason.text('clinician', 'en')}",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
