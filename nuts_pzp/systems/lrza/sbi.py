"""Activity codes of the standaard bedrijfsindeling (SBI 2025) as organisation types, as far as they prove one.

Source: ConceptMap sbi-to-organisatietype of the Dutch generieke functies guide, 0.10. Only its equivalent and wider
targets: a narrower one (a huisartsenpost under general practice, a hospice under nursing home) is not proved by the
activity code, and would let an organisation pass for a type with more rights. Such an organisation lists its own type.
"""

from __future__ import annotations

SBI_SYSTEM = "https://www.cbs.nl/standaard-bedrijfsindeling"

TYPES: dict[str, tuple[str, ...]] = {
    "8610": ("V4",),
    "86101": ("V5",),
    "86102": ("V6",),
    "86104": ("G5",),
    "8621": ("H1", "Z3"),
    "86221": ("Z4",),
    "86222": ("G5",),
    "86910": ("Z5",),
    "86930": ("G5",),
    "86941": ("G3",),
    "86942": ("T2",),
    "86992": ("P6",),
    "8710": ("R5",),
    "87201": ("G6",),
    "87202": ("G5",),
    "87301": ("X3",),
    "87302": ("M1",),
    "47730": ("A1", "J8"),
}
