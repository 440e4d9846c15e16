"""All named attacks."""

from __future__ import annotations

from hostile import requests_callers, requests_parameters, requests_wire
from hostile.attack import Attack

TABLE: list[Attack] = [*requests_parameters.TABLE, *requests_wire.TABLE, *requests_callers.TABLE]
