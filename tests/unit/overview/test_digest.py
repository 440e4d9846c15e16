"""The digest is over the canonical JSON of the overview: keys sorted, no spaces, text as UTF-8."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from nuts_pzp.exchange import Answer, Source
from nuts_pzp.fhir.bundle import Bundle, read_bundle
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Gathered
from nuts_pzp.overview.merge import as_bytes, as_json, digest, merge
from nuts_pzp.sandbox.people import PEOPLE, Person

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.slug)
def test_the_digest_can_be_computed_from_what_was_told_with_any_json_library(person: Person) -> None:
    answers = []
    for number, resources in enumerate(person.records.values()):
        base = f"https://bron-{number}.example/fhir"
        entries = [{"resource": one} for one in resources]
        read = read_bundle(json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode(), base)
        assert isinstance(read, Bundle)
        holder = Organization(Ura(f"9000000{number}"), "V6", f"Bron é {number} \u2028\t", "0570-555000")
        answers.append(Answer(Source(holder, base, None), Gathered(read.resources)))
    overview = merge(answers, (), now=NOW, asked=(person.bsn, person.birth_date))
    told = json.loads(as_bytes(overview))
    assert told == as_json(overview)
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest(overview) == hashlib.sha256(canonical.encode()).hexdigest()
