"""Signed checkpoints: the C2SP tlog-checkpoint in a C2SP signed note, Ed25519 only, three text lines, nothing else.

Trusts no key found beside a log: the verifier is handed its key. Strictness is part of the format (spec audit 3.3):
a note that could be written in a second way is refused, so no changed bit goes unseen.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .merkle import HASH_BYTES

_ED25519 = b"\x01"
_MOST_SIGNATURES = 16
_NAME = re.compile(r"[!-*,-~]{1,200}", re.ASCII)  # printable, no space, no plus sign
_SIZE = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_TEXT_LINES = 3
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class BadCheckpoint(Exception):
    """The note is not a checkpoint this key signed; the text says in which respect."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its origin, its size, and the root over its first `size` records."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A log's public key under its name, which is also the log's origin."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != HASH_BYTES:
            raise ValueError("not a verifier key")

    @property
    def id(self) -> bytes:
        """Return the four bytes that a signature line starts with."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+id+base64`; ValueError when the id does not belong to the key."""
        name, _, rest = text.strip().partition("+")
        _, _, encoded = rest.partition("+")
        raw = _exact_base64(encoded)
        if raw is None or raw[:1] != _ED25519:
            raise ValueError("not a verifier key")
        key = cls(name, raw[1:])
        if str(key) != text.strip():
            raise ValueError("the verifier key contradicts itself")
        return key

    def open(self, note: bytes) -> Checkpoint:
        """Return the checkpoint that this key signed; raise BadCheckpoint for anything else."""
        text, signatures = _split(note)
        checkpoint = _parse(text)
        if checkpoint.origin != self.name:
            raise BadCheckpoint(f"another log's origin; the key given is of {self.name}")
        mine = [raw[4:] for name, raw in signatures if name == self.name and raw[:4] == self.id]
        if len(mine) != 1:
            raise BadCheckpoint("not signed by this key" if not mine else "signed twice by this key")
        try:
            _loaded(self.public).verify(mine[0], text.encode())
        except InvalidSignature:
            raise BadCheckpoint("the signature does not fit") from None
        return checkpoint


@lru_cache(maxsize=256)
def _loaded(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


class NoteSigner:
    """Signs a log's checkpoints under its origin."""

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = VerifierKey(origin, public)
        self._key, self._id = key, self.verifier.id
        self._start = f"\n— {origin} ".encode()

    def sign(self, size: int, root: bytes) -> bytes:
        """Return the signed note for this tree."""
        text = Checkpoint(self.verifier.name, size, root).text().encode()
        signature = base64.b64encode(self._id + self._key.sign(text))
        return b"%b%b%b\n" % (text, self._start, signature)


def _split(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Separate the text from its signatures, refusing every second spelling."""
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise BadCheckpoint("not UTF-8") from None
    if _CONTROL.search(whole):
        raise BadCheckpoint("a control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise BadCheckpoint("no signature block")
    signed = lines[:-1].split("\n")
    if len(signed) > _MOST_SIGNATURES:
        raise BadCheckpoint("too many signatures")
    return text + "\n", [_signature(line) for line in signed]


def _signature(line: str) -> tuple[str, bytes]:
    dash, space, rest = line.partition(" ")
    name, second, encoded = rest.partition(" ")
    raw = _exact_base64(encoded)
    if dash != "—" or not space or not second or not _NAME.fullmatch(name) or raw is None:
        raise BadCheckpoint("a malformed signature line")
    return name, raw  # the length is the affair of whoever knows the key; a cosigner may use another algorithm


def _parse(text: str) -> Checkpoint:
    lines = text[:-1].split("\n")
    if len(lines) != _TEXT_LINES:
        raise BadCheckpoint("not three lines")
    origin, size, encoded = lines
    if not _NAME.fullmatch(origin):
        raise BadCheckpoint("a malformed origin")
    if not _SIZE.fullmatch(size):
        raise BadCheckpoint("a malformed size")
    root = _exact_base64(encoded)
    if root is None or len(root) != HASH_BYTES:
        raise BadCheckpoint("a malformed root")
    return Checkpoint(origin, int(size), root)


def _exact_base64(text: str) -> bytes | None:
    """Decode standard base64 that encodes back to the same characters, else None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
