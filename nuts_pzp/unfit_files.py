"""Says which of the files that settings name cannot be used, and why: by its key, never by what it holds.

For the words of an error, once something did not open: the libraries say what was wrong, and not with which file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_SPKI = Encoding.DER, PublicFormat.SubjectPublicKeyInfo


def unfit(settings: object, folder: Path) -> str | None:
    """Return `key: what is wrong` of the first file that cannot be used, or None. Relative names are of `folder`."""
    groups = [
        (where, {key: folder / Path(value).expanduser() for key, value in files.items()})
        for where, files in files_in(settings)
    ]
    for judge in (_unreadable, _no_pem, _no_pair):
        for where, files in groups:
            if said := judge(files):
                return f"{where}{said}"
    return None


def files_in(settings: object, where: str = "") -> Iterator[tuple[str, dict[str, str | Path]]]:
    """Yield the files that stand side by side, at any depth, and where."""
    if isinstance(settings, Mapping):
        yield where, {k: v for k, v in settings.items() if str(k).endswith("_file") and isinstance(v, str | Path)}
        for key, value in settings.items():
            yield from files_in(value, f"{where}{key}.")
    elif isinstance(settings, list | tuple):
        for number, one in enumerate(settings):
            yield from files_in(one, f"{where}{number}.")


def _unreadable(files: dict[str, Path]) -> str | None:
    for key, path in files.items():
        try:
            path.open("rb").close()
        except FileNotFoundError:
            return f"{key}: there is no such file"
        except PermissionError:
            return f"{key}: this user may not read it"
        except OSError as error:
            return f"{key}: {error.strerror or 'cannot be read'}"
    return None


def _no_pem(files: dict[str, Path]) -> str | None:
    for key, path in files.items():
        if key == "key_file":
            try:
                load_pem_private_key(path.read_bytes(), None)
            except TypeError:
                return f"{key}: the key has a password; one without is needed"
            except (ValueError, UnsupportedAlgorithm):
                return f"{key}: no private key in PEM"
        elif key == "certificate_file" or key.endswith("roots_file"):
            try:
                x509.load_pem_x509_certificates(path.read_bytes())
            except ValueError:
                return f"{key}: no certificate in PEM"
    return None


def _no_pair(files: dict[str, Path]) -> str | None:
    certificate = files.get("certificate_file")
    if certificate is None:
        return None
    try:
        key = load_pem_private_key(files.get("key_file", certificate).read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "key_file: is missing, and certificate_file holds no key that can be read"
    own = x509.load_pem_x509_certificates(certificate.read_bytes())[0].public_key().public_bytes(*_SPKI)
    return None if own == key.public_key().public_bytes(*_SPKI) else "key_file: not the key of certificate_file"
