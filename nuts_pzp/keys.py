"""Key files: 32-byte secrets and Ed25519 signing keys, each in a file of its own that only its owner may read.

Trusts the file system's owner and mode bits and nothing else. Keys never enter a message, a repr or a log.
"""

from __future__ import annotations

import binascii
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

SECRET_BYTES = 32
_LARGEST = 4_096


class BadKeyFile(Exception):
    """The key file is unreadable, readable by others, or holds no such key. Names the file, never its content."""


def read_private(path: Path) -> bytes:
    """Read a key file whole; refuse a symbolic link, group or world access, and another user's file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    try:
        if why := refusal(os.fstat(descriptor)):
            raise BadKeyFile(f"{path}: {why}")
        content = os.read(descriptor, _LARGEST + 1)
        if len(content) > _LARGEST:
            raise BadKeyFile(f"{path}: too large to be a key")
        return content
    finally:
        os.close(descriptor)


def refusal(found: os.stat_result) -> str | None:
    """Say why a file with these mode bits may not hold a key, or None."""
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    if found.st_mode & 0o077:
        return "readable by group or others; set its mode to 0600"
    if found.st_uid not in (os.geteuid(), 0):
        return "owned by another user"
    return None


def write_private(path: Path, content: bytes) -> None:
    """Create a key file (0600, durable); raise FileExistsError when there is one, for a key is never overwritten."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)  # atomic, and fails when the name is taken
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def secret(path: Path) -> bytes:
    """Load a 32-byte secret, kept as 64 hexadecimal digits."""
    text = read_private(path).strip()
    try:
        value = binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        raise BadKeyFile(f"{path}: not hexadecimal") from None
    if len(value) != SECRET_BYTES:
        raise BadKeyFile(f"{path}: not {SECRET_BYTES} bytes")
    return value


def secret_or_new(path: Path) -> bytes:
    """Load a 32-byte secret, or make one when there is no such file."""
    if not path.exists():
        try:
            write_private(path, secrets.token_hex(SECRET_BYTES).encode() + b"\n")
        except FileExistsError:
            pass  # somebody else made it in between; theirs counts
        except OSError as error:
            raise BadKeyFile(f"{path}: {error.strerror}") from None
    return secret(path)


def signer(path: Path) -> Ed25519PrivateKey:
    """Load an Ed25519 private key from unencrypted PKCS#8 PEM."""
    try:
        key = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyFile(f"{path}: not an unencrypted PEM private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKeyFile(f"{path}: not an Ed25519 key")
    return key


def signer_or_new(path: Path) -> Ed25519PrivateKey:
    """Load an Ed25519 private key, or make one when there is no such file."""
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            write_private(path, pem)
        except FileExistsError:
            pass
        except OSError as error:
            raise BadKeyFile(f"{path}: {error.strerror}") from None
    return signer(path)
