"""Every FHIR answer about every sandbox person, before a validator that nobody here wrote.

NUTS_PZP_INTEROP_VALIDATOR names a command; it gets file names, prints what it finds, and ends with 0 when nothing is an
error (docs/how-to/interop-validator.md).
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from facade_client import QUERIES, FacadeClient, patient_id
from staging import FHIR, Visitor

from nuts_pzp.sandbox.people import PEOPLE

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200), pytest.mark.asyncio(loop_scope="session")]

COMMAND = os.environ.get("NUTS_PZP_INTEROP_VALIDATOR", "")


def written(folder: Path, name: str, content: Any) -> None:
    (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")


async def answers(visitor: Visitor, folder: Path) -> int:
    """Write the consultation as FHIR, and every query of the facade, of every person; return how many."""
    for person in PEOPLE:
        asked = visitor.question(person.slug, history=True)
        given = await visitor.consultation(json=asked, headers=FHIR)
        written(folder, f"{person.slug}-consultation", given.json())
        client = FacadeClient(visitor)
        found = await client.search(person.slug)
        written(folder, f"{person.slug}-patient", found.json())
        if found.status_code == 200:
            for number, name in enumerate(QUERIES):
                got = await client.query(name, patient_id(found))
                written(folder, f"{person.slug}-{number:02d}-{got.status_code}", got.json())
    written(folder, "metadata", (await FacadeClient(visitor).ask("metadata")).json())
    return len(list(folder.iterdir()))


@pytest.mark.skipif(not COMMAND, reason="NUTS_PZP_INTEROP_VALIDATOR names no validator: NOTHING WAS VALIDATED")
async def test_no_answer_holds_an_error(visitor: Visitor, tmp_path: Path) -> None:
    count = await answers(visitor, tmp_path)
    assert count > 10 * len(PEOPLE)
    files = sorted(str(one) for one in tmp_path.iterdir())
    running = await asyncio.create_subprocess_exec(
        *shlex.split(COMMAND), *files, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()
    sys.stdout.write(said.decode(errors="replace")[-8000:])
    assert running.returncode == 0, said.decode(errors="replace")[-8000:]
