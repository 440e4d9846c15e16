"""`nuts-pzp consent sign-static` and `import-static`: a region signs its file, a holder checks and installs it.

Exit codes: 0 done, 2 wrong use or unusable keys, 3 the file is refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, ValidationError

from ..identity import Bsn, NotAnIdentifier
from ..keys import BadKeyFile, secret_or_new, signer_or_new, sync_folder
from ..systems.regional_consent.document import (
    FORMAT,
    LONGEST,
    MOST_BYTES,
    Draft,
    Expected,
    Refused,
    Signed,
    pseudonym,
    sign,
    verified,
)
from ..systems.regional_consent.shelf import accept
from ..systems.regional_consent.source import RegionalConsentSettings, expected
from .options import Config
from .tenancy import AsJson, Tenancy, TenantId, refuse, tenancy

_REFUSED = 3


class _Drafts(BaseModel):
    """ENTRIES.json."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    entries: list[Draft]


def sign_static(
    entries: Annotated[Path, typer.Argument(metavar="ENTRIES.json", help="The choices, with BSNs; mode 0600")],
    out: Annotated[Path, typer.Option(help="The signed file")],
    region: Annotated[str, typer.Option(help="The region's name")],
    serial: Annotated[int, typer.Option(help="Higher than every one before", min=1)],
    signing_key: Annotated[
        Path, typer.Option(help="Ed25519 key (PEM, 0600); made when absent, its public half beside it")
    ],
    key_id: Annotated[str, typer.Option(help="Name of the signing key")],
    pseudonym_key: Annotated[Path, typer.Option(help="32 bytes in hexadecimal (0600); made when absent")],
    pseudonym_key_id: Annotated[str, typer.Option(help="Name of the pseudonym key")],
    days: Annotated[int, typer.Option(help="How long it may be used", min=1, max=LONGEST.days)] = 7,
) -> None:
    """Make and sign a region's file of choices. No BSN is in it, only keyed pseudonyms."""
    drafts = _drafts(entries)
    try:
        signer, key = signer_or_new(signing_key), secret_or_new(pseudonym_key)
    except BadKeyFile as error:
        refuse(str(error))
    now = datetime.now(UTC).replace(microsecond=0)
    content = {
        "format": FORMAT,
        "region": region,
        "serial": serial,
        "issued_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
        "pseudonym": {"alg": "HMAC-SHA256", "key_id": pseudonym_key_id},
        "entries": [_entry(draft, key) for draft in drafts],
    }
    signed = sign(content, signer, key_id)
    try:
        verified(signed, Expected(region, {key_id: signer.public_key()}, pseudonym_key_id), now)
    except Refused as error:
        refuse(f"what would be signed is not a file that a holder takes: {error.kind}")
    _install(out, signed)
    public = signing_key.with_name(f"{signing_key.name}.pub.pem")
    public.write_bytes(signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    typer.echo(
        f"Signed: {region} serial {serial}, {len(drafts)} entries, until {content['not_after']}; key in {public}"
    )


def import_static(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The region's signed file")],
    tenant: TenantId,
    config: Config = Path("deployment.yaml"),
    as_json: AsJson = False,
) -> None:
    """Check a region's file as the gateway does and put it where the gateway looks: it counts at the next question."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        refuse(f"{file.name}: {error.strerror}")
    with tenancy(config, tenant) as place:
        own = _own(place)
        try:
            signed = asyncio.run(_import(place, own, raw))
        except Refused as error:
            if as_json:
                typer.echo(
                    json.dumps({"schema": "nuts-pzp-consent-import/1", "outcome": "refused", "class": error.kind})
                )
            else:
                typer.echo(f"refused: {error.kind}", err=True)
            raise typer.Exit(_REFUSED) from None
        ura = place.around.tenant.organization.ura.value
    mine = sum(entry.holder_ura == ura for entry in signed.document.entries)
    said = {
        "outcome": "installed",
        "serial": signed.document.serial,
        "entries": mine,
        "until": signed.document.not_after,
    }
    if as_json:
        typer.echo(json.dumps({"schema": "nuts-pzp-consent-import/1", **said}))
    else:
        typer.echo(f"Installed: serial {said['serial']}, {mine} entries about this holder, until {said['until']}")


async def _import(place: Tenancy, own: RegionalConsentSettings, raw: bytes) -> Signed:
    """Install first and hold the serial then: a crash in between leaves a file that the gateway accepts."""
    assert place.around.store is not None
    try:
        takes = expected(own, place.around)
    except (ValueError, OSError) as error:
        refuse(str(error))
    signed = verified(raw, takes, datetime.now(UTC))
    await accept(place.around.store, signed, hold=False)
    _install(place.around.path(own.file), raw)
    await accept(place.around.store, signed)
    return signed


def _own(place: Tenancy) -> RegionalConsentSettings:
    found = place.sources("regional_consent")
    if len(found) != 1:
        refuse("this tenant has not one consent source of kind regional_consent")
    try:
        return RegionalConsentSettings.model_validate(found[0].own)
    except ValidationError:
        refuse("the settings of regional_consent are not right: nuts-pzp check says which")


def _drafts(path: Path) -> list[Draft]:
    """Read the choices; the file holds BSNs, so only its owner may read it."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            refuse(f"{path.name}: holds BSNs; set its mode to 0600")
        return _Drafts.model_validate_json(path.read_bytes()).entries
    except OSError as error:
        refuse(f"{path.name}: {error.strerror}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        refuse(f"{path.name}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}")


def _entry(draft: Draft, key: bytes) -> dict[str, Any]:
    entry = draft.model_dump(exclude={"bsn"}, exclude_defaults=True)
    try:
        return entry | {"patient": pseudonym(key, Bsn(draft.bsn))}
    except NotAnIdentifier as error:
        refuse(f"{draft.id}: {error}")


def _install(path: Path, content: bytes) -> None:
    """Replace a file as a whole: who reads meanwhile sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    sync_folder(path.parent)
