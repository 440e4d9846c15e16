"""FHIR XML, written from FHIR JSON by the definitions and nothing else (ADR 0098). Pure."""

from .writer import Unwritable, to_xml

__all__ = ["Unwritable", "to_xml"]
