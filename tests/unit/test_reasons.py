"""The catalogue of reasons is complete, unique, and says nothing it should not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nuts_pzp.fhir.operation_outcome import refusal
from nuts_pzp.reasons import Face, Reason

READERS = ("clinician", "it", "officer")
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_has_a_sentence_for_each_reader_in_both_languages(reason: Reason) -> None:
    for reader in READERS:
        for language in ("nl", "en"):
            assert len(reason.text(reader, language)) > 8  # type: ignore[arg-type]


def test_codes_are_stable_in_form_and_unique() -> None:
    codes = [reason.code for reason in Reason]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"PZP-[A-Z]+-[0-9]{3}", code) for code in codes)


def test_every_reason_has_an_anchor_in_the_docs() -> None:
    page = DOCS.read_text("utf-8")
    assert [reason.code for reason in Reason if f"### {reason.code}" not in page] == []


@pytest.mark.parametrize("reason", [r for r in Reason if r.face is Face.FORBIDDEN], ids=lambda reason: reason.name)
def test_every_403_looks_the_same_to_the_network(reason: Reason) -> None:
    assert refusal(reason, "X") == refusal(Reason.PATIENT_UNKNOWN, "X")
    assert reason.code.encode() not in refusal(reason, "X")


def test_a_malformed_request_is_told_what_to_mend() -> None:
    assert b"PZP-REQUEST-001" in refusal(Reason.REQUEST_AMBIGUOUS, "X")
