"""A regional file: who takes part and where, for a region without NVI or LRZa. One small YAML file with an owner.

Serves localization and addressing, also as the table of types beside another directory. Trusts the file as it trusts
the settings beside it: it has an owner and a date by which it must be reviewed, and it may be required to carry the
owner's signature.
"""

from .directory import RegionalDirectory, build_directory, build_types
from .locator import RegionalLocator, build_locator

__all__ = ["RegionalDirectory", "RegionalLocator", "build_directory", "build_locator", "build_types"]
