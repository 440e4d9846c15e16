"""What became of each source: told everything, part, nothing, refused (spec pzp-fhir 3.6 rule 9, design 7).

A source that failed or refused is never an empty source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from ..outcome import Deny, Gap
from ..reasons import Face, Reason
from .dossier import Dossier, Told
from .shape import Missing, SourceRow

Status = Literal["ok", "partial", "failed", "not-authorised", "unsupported-version", "rejected"]

_REASONS = {
    Reason.SOURCE_TIMEOUT: "timeout",
    Reason.SOURCE_DOWN: "unreachable",
    Reason.SOURCE_BROKEN: "unreadable",
    Reason.SOURCE_TOO_BIG: "too-big",
    Reason.SOURCE_TRUNCATED: "truncated",
    Reason.SOURCE_TLS: "tls",
    Reason.SOURCE_NO_PATIENT: "no-patient",
    Reason.SOURCE_OTHER_PATIENT: "patient-mismatch",
    Reason.PATIENT_BIRTH_DATE: "patient-mismatch",
    Reason.PATIENT_MISMATCH: "patient-mismatch",
    Reason.SOURCE_VERSION: "unsupported-version",
    Reason.ADDRESS_NONE: "no-address",
    Reason.ORGANIZATION_UNKNOWN: "unknown-organization",
    Reason.SOURCE_RESTING: "not-asked",
    Reason.SOURCE_NO_TURN: "not-asked",
    Reason.LOCALIZATION_USUAL: "not-asked",
}
_REJECTED = frozenset({Reason.SOURCE_OTHER_PATIENT, Reason.PATIENT_BIRTH_DATE, Reason.PATIENT_MISMATCH})
_REFUSED = frozenset({Reason.TOKEN_REFUSED, Reason.SOURCE_REFUSED, Reason.SOURCE_UNAUTHENTICATED})
_NOT_ASKED = frozenset({Reason.SOURCE_NO_PATIENT, Reason.ORGANIZATION_UNKNOWN})
"""A no of ours or of the directory: the source itself refused nothing."""
_NOTICES: dict[Status, str] = {
    "ok": "Volledig",
    "not-authorised": "Niet vrijgegeven",
    "rejected": "Persoonsgegevens komen niet overeen",
    "unsupported-version": "Niet volledig: {who} levert een versie die hier niet gelezen wordt{call}",
    "failed": "Niet volledig: {who} antwoordde niet{call}",
    "partial": "Niet volledig: {who} gaf niet alles{call}",
}

_NOT_ASKED_NOTICES = {
    Reason.SOURCE_RESTING.code: "Bron tijdelijk niet bereikbaar: {who} is niet gevraagd{call}",
    Reason.SOURCE_NO_TURN.code: "Niet volledig: {who} is niet gevraagd{call}",
    Reason.LOCALIZATION_USUAL.code: "Niet volledig: {who} is niet gevraagd{call}",
}


def row(told: Told, dossier: Dossier | None, statements: int, rejected: Gap | None = None) -> SourceRow:
    """Return a source's row. `rejected` is why the whole source was put aside, if it was."""
    gaps = (rejected,) if rejected else told.gaps + _said(dossier)
    missing = tuple(sorted((_missing(gap) for gap in gaps), key=lambda one: (one.where, one.code)))
    status = _status(missing, gave=statements > 0)
    call = f", bel {told.phone}" if told.phone else ""
    chief = _chief(missing, status) if missing else None
    notice = _NOT_ASKED_NOTICES.get(chief.code, _NOTICES[status]) if chief else _NOTICES[status]
    return SourceRow(
        told.id,
        told.ura or None,
        told.name,
        told.phone or None,
        (dossier.dialect or "r4") if dossier and not rejected else None,
        status,
        chief.reason if chief else None,
        statements,
        notice.format(who=told.name, call=call),
        missing,
    )


def unaddressed(gaps: Sequence[Gap]) -> list[SourceRow]:
    """Return a row for each place that could not even be asked: a source without address, or localization itself."""
    places: dict[str, tuple[str, str]] = {}
    for gap in gaps:
        name, phone = places.get(gap.where, ("", ""))
        places[gap.where] = (name or gap.name, phone or gap.phone)
    return [
        row(Told(where, name or _NAMES.get(where, where), (), _at(where, gaps), _ura(where), phone), None, 0)
        for where, (name, phone) in sorted(places.items())
    ]


def _ura(where: str) -> str:
    return where if where.isdigit() else ""


_NAMES = {"localization": "Lokalisatie (het zoeken van bronnen)"}


def _at(name: str, gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    return tuple(gap for gap in gaps if gap.where == name)


def _said(dossier: Dossier | None) -> tuple[Gap, ...]:
    """The gap that a source speaks of in its own answer."""
    return (Gap("OperationOutcome", dossier.trouble),) if dossier and dossier.trouble else ()


def _missing(gap: Gap) -> Missing:
    reason = gap.stop.reason
    words = _REASONS.get(reason) or ("not-released" if _refused(gap) else reason.face.issue)
    return Missing(gap.where, _kind(gap), words, reason.code)


def _refused(gap: Gap) -> bool:
    return gap.stop.reason in _REFUSED or (isinstance(gap.stop, Deny) and gap.stop.reason.face is Face.FORBIDDEN)


def _kind(gap: Gap) -> Status:
    if gap.stop.reason is Reason.SOURCE_VERSION:
        return "unsupported-version"
    if gap.stop.reason in _REJECTED:
        return "rejected"
    if gap.stop.reason in _NOT_ASKED:
        return "failed"
    return "not-authorised" if _refused(gap) else "failed"


def _status(missing: tuple[Missing, ...], *, gave: bool) -> Status:
    if not missing:
        return "ok"
    kinds = {one.status for one in missing}
    whole: tuple[Status, ...] = ("rejected", "unsupported-version")
    for kind in whole:
        if kind in kinds:
            return kind
    if gave:
        return "partial"
    return "failed" if "failed" in kinds else "not-authorised"


def _chief(missing: tuple[Missing, ...], status: Status) -> Missing:
    return next((one for one in missing if one.status == status), missing[0])
