"""One overview of many answers (spec pzp-fhir 3). Pure, order independent."""

from __future__ import annotations
