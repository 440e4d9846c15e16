"""Localization (lokalisatie): which organisations may hold PZP data of this patient."""
