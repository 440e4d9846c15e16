"""Who speaks for a patient who cannot: in the order of the law, and as secret as the patient (BW 7:465)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nuts_pzp.audit import reading

WORDS = ("--form", "written", "--evidence", "form/17", "--birth-date", "1950-03-04")
OPERATOR = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
TO_THE_POST = ("--permit", "--user-ura", "90000444")
WHO = "Siebren Wartena, mentor, 999912021"


def spoken(office: Any, relation: str, *words: str, command: str = "record") -> Any:
    return office.run(command, "--voice", "representative", "--relation", relation, *WORDS, *OPERATOR, *words, "--json")


@pytest.mark.parametrize(
    ("before", "after", "stands"),
    [
        ("mentor", "child", False),
        ("curator", "partner", False),
        ("proxy", "partner", False),
        ("partner", "sibling", False),
        ("child", "sibling", True),
        ("curator", "mentor", True),
        ("child", "mentor", True),
        ("partner", "partner", True),
    ],
)
def test_who_goes_after_does_not_permit_where_one_who_goes_before_spoke(
    office: Any, before: str, after: str, stands: bool
) -> None:
    assert spoken(office, before, *TO_THE_POST).exit_code == 0
    done = spoken(office, after, *TO_THE_POST)
    assert (done.exit_code == 0) is stands
    if not stands:
        assert f"a {before} spoke for this patient before" in done.stderr
        assert spoken(office, after, *TO_THE_POST, "--earlier-gone").exit_code == 0


def test_anybody_objects_and_only_who_may_permit_ends_it(office: Any) -> None:
    assert spoken(office, "mentor", *TO_THE_POST).exit_code == 0
    objected = spoken(office, "sibling", "--objection")
    assert objected.exit_code == 0
    id = json.loads(objected.stdout)["id"]
    assert spoken(office, "sibling", "--id", id, command="revoke").exit_code == 2
    assert spoken(office, "mentor", "--id", id, command="revoke").exit_code == 0


async def test_who_it_is_lies_sealed_and_nowhere_else(office: Any) -> None:
    (office.folder / "who").write_text(WHO)
    words = (*TO_THE_POST, "--representative-file", str(office.folder / "who"))
    done = await asyncio.to_thread(spoken, office, "mentor", *words)
    assert done.exit_code == 0, done.output
    async with office.gateway():
        pass
    shown = json.dumps(office.records("sharing_consent")) + done.output
    kept = b"".join(one.read_bytes() for one in office.folder.rglob("*") if one.is_file() and one.name != "who")
    for secret in ("Wartena", "999912021"):
        assert secret not in shown
        assert secret.encode() not in kept
    [record] = [one for one in reading.records(office.folder / "ledger.sqlite", "meerwijck") if "consent" in one.code]
    assert record.record["detail"]["identity"] == "kept"


@pytest.mark.parametrize(("content", "said"), [("", "1 to 500"), ("x" * 501, "1 to 500"), (None, "cannot be read")])
def test_a_file_that_says_nobody_is_refused(office: Any, content: str | None, said: str) -> None:
    if content is not None:
        (office.folder / "who").write_text(content)
    done = spoken(office, "mentor", *TO_THE_POST, "--representative-file", str(office.folder / "who"))
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_patient_who_speaks_needs_no_representative(office: Any) -> None:
    (office.folder / "who").write_text(WHO)
    named = ("--representative-file", str(office.folder / "who"))
    done = office.run("record", "--voice", "patient", *TO_THE_POST, *WORDS, *OPERATOR, *named)
    assert done.exit_code == 2
    assert "--voice representative" in done.stderr
