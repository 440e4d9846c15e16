"""Sandbox: what a test person is, apart from what is in the dossiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from ...identity import Bsn
from ..organizations import member
from ..resources import Chart, Json

GP_AND_OUT_OF_HOURS = "RPZAC001"
"""The consulting category that general practices and out-of-hours posts fall under."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a citizen chose: may this holder disclose to this consulting category? Absent is not the same as no."""

    holder: str
    category: str
    permits: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One authored patient. Nobody like this exists; the BSN is of a public test range."""

    slug: str
    bsn: Bsn
    birth_date: date
    name: str
    charts: Mapping[str, Chart] = field(repr=False)
    choices: tuple[Choice, ...] = ()
    registered: tuple[str, ...] = ()
    """Slugs of the holders that registered this patient at the NVI."""

    @property
    def records(self) -> dict[str, tuple[Json, ...]]:
        """The FHIR resources by organisation slug, in that organisation's dialect and with its own ids."""
        return {slug: tuple(chart.resources) for slug, chart in self.charts.items()}

    @property
    def patient_ids(self) -> dict[str, str]:
        """The logical id of the Patient by organisation slug; equal ids mean nothing across organisations."""
        return {slug: chart.patient_id for slug, chart in self.charts.items()}


def chart(slug: str, patient_id: str, name: str) -> Chart:
    """Open a dossier at an organisation, in the dialect that it speaks."""
    dialect = member(slug).dialect
    assert dialect is not None, "this organisation holds nothing"
    return Chart(dialect, patient_id, name)


def person(
    slug: str,
    bsn: str,
    birth_date: str,
    charts: Mapping[str, Chart],
    *,
    objects: tuple[str, ...] = (),
    silent: tuple[str, ...] = (),
) -> Person:
    """Make a person known at every holder with a chart, who permits each to the GP category save those in `objects`.

    Of those in `silent` nothing was ever chosen, which Mitz does not tell from a refusal.
    """
    choices = tuple(
        Choice(holder, GP_AND_OUT_OF_HOURS, holder not in objects) for holder in charts if holder not in silent
    )
    name = next(iter(charts.values())).patient_name
    return Person(slug, Bsn(bsn), date.fromisoformat(birth_date), name, charts, choices, tuple(charts))
