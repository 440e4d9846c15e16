"""The ward of tests/mitz_ward.py."""

from mitz_ward import serving, ward

__all__ = ["serving", "ward"]
