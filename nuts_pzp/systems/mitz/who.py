"""Mitz: the professional of a question, by the region's tables: which code a role has, and whose register an id is of.

Under a mandate the one who gave it is responsible, and both are named (spec consent 1.4). No mapping means: not asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...identity import Assurance, Professional
from ...outcome import Deny
from ...reasons import Reason
from . import codes
from .question import Responsible


class Roster:
    """The tables of one tenant."""

    def __init__(self, roles: Mapping[str, str], root: str | None) -> None:
        """`roles`: role text -> UZI role code. `root`: the OID of ids outside the UZI register, if there is one."""
        self._roles = {_plain(text): code for text, code in roles.items()}
        self._root = root

    def responsible(self, professional: Professional) -> Responsible | Deny:
        """Return who is responsible, or why nobody can be named; NotAQuestion for values that cannot be written."""
        responsible = professional.mandated_by or professional
        if not responsible.id or not responsible.role or not professional.id or responsible.mandated_by:
            return Deny(Reason.CONSENT_ATTRIBUTES)
        role = self._roles.get(_plain(responsible.role))
        if role is None:
            return Deny(Reason.CONSENT_ROLE_UNMAPPED)
        mandated = professional.id if responsible is not professional else None
        if (responsible.assurance is Assurance.UZI) is not (professional.assurance is Assurance.UZI):
            return Deny(Reason.CONSENT_ATTRIBUTES, detail="mandate between professionals of two registers")
        if responsible.assurance is Assurance.UZI:
            return Responsible(responsible.id, role, mandated)
        if self._root is None:
            return Deny(Reason.CONSENT_ATTRIBUTES, detail="no professional_id_root for ids outside the UZI register")
        authority = codes.UZI_AUTHORITY if self._root == codes.UZI_ROOT else ""
        return Responsible(responsible.id, role, mandated, self._root, authority)


def _plain(role: str) -> str:
    return " ".join(role.split()).casefold()
