"""Wilsverklaringen in R4: which kind, which document, what stays in sight (spec pzp-fhir 1.1, 3.5, 3.8)."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("code", "display"),
    [
        ("NR", "Niet-reanimerenverklaring"),
        ("VOL", "Volmacht"),
        ("VERB", "Behandelverbod"),
        ("VERBVL", "Behandelverbod met aanvulling voltooid leven"),
        ("MON", "Mondelinge afspraak"),
        ("EU", "Euthanasieverzoek"),
        ("EUD", "Euthanasieverzoek met aanvulling dementie"),
        ("LW", "Levenswensverklaring"),
        ("DO", "Verklaring donorschap"),
        ("ZB", "Zelfbindingsverklaring"),
    ],
)
def test_each_kind_of_directive(pen: Any, look: Any, code: str, display: str) -> None:
    seen = look(
        a=[pen.directive(code, "2023-05-01", sourceAttachment={"title": "Papier", "contentType": "application/pdf"})]
    )
    item = seen[f"directive:{code}"]
    assert (item["value"]["display"], item["date"]) == (display, "2023-05-01")
    assert item["value"]["document"] == {"title": "Papier", "contentType": "application/pdf", "reference": ""}
    assert "directive" not in seen.items


def test_a_directive_without_type_is_shown_all_the_same(pen: Any, look: Any) -> None:
    seen = look(a=[pen.directive(None, "2023-05-01")])
    keys = [key for key in seen.items if key.startswith("directive:")]
    assert [seen[key]["label"] for key in keys] == ["Wilsverklaring (soort niet opgegeven)"]


def test_every_active_document_stays_visible_newest_first(pen: Any, look: Any) -> None:
    seen = look(
        a=[
            pen.directive("NR", "2019-01-01", id="old"),
            pen.directive("NR", "2018-01-01", id="gone", status="inactive"),
        ],
        b=[pen.directive("NR", "2023-01-01", id="new")],
    )
    item = seen["directive:NR"]
    assert item["state"] == "current"
    assert item["date"] == "2023-01-01"
    assert [one["date"] for one in item["value"]["documents"]] == ["2023-01-01", "2019-01-01"]
    assert [one["value"]["kind"] for one in item["history"]] == ["ended"]


def test_the_same_document_ended_elsewhere_later_is_ended(pen: Any, look: Any) -> None:
    same = {"identifier": [{"system": "urn:x", "value": "doc-1"}]}
    ended = {
        "status": "inactive",
        "provision": {"period": {"end": "2024-02-01"}, "code": pen.directive("NR", None)["provision"]["code"]},
    }
    seen = look(a=[pen.directive("NR", "2019-01-01", **same)], b=[pen.directive("NR", "2019-01-01", **same, **ended)])
    assert seen["directive:NR"]["state"] == "ended"
    assert "DUPLICATE_ID_DIFFERS" in seen.codes("directive:NR")


def test_a_document_is_replaced_by_its_own_record_of_the_next_day(pen: Any, look: Any) -> None:
    same = {"identifier": [{"system": "urn:x", "value": "doc-1"}]}
    seen = look(a=[pen.directive("NR", "2019-01-01", **same)], b=[pen.directive("NR", "2019-01-02", **same)])
    assert "documents" not in seen["directive:NR"]["value"]
    assert [one["date"] for one in seen["directive:NR"]["history"]] == ["2019-01-01"]
