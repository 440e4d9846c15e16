"""nuts_pzp: the gateway for proactieve zorgplanning (PZP). One honest answer from many sources, every look recorded."""

__version__ = "0.1.0"
