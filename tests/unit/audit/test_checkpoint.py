from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nuts_pzp.audit.ledger.checkpoint import BadCheckpoint, NoteSigner, VerifierKey

ORIGIN = "gw.example/nuts-pzp/90000222/1"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SIGNER = NoteSigner(ORIGIN, PRIVATE)
ROOT = bytes(range(32))
NOTE = SIGNER.sign(7, ROOT)
TEXT = f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode()}\n"


def signed(text: str, key: Ed25519PrivateKey = PRIVATE, name: str = ORIGIN, key_id: bytes | None = None) -> bytes:
    """Sign any text as a note, so that only the text can be what is refused."""
    line = base64.b64encode((key_id or SIGNER.verifier.id) + key.sign(text.encode())).decode()
    return f"{text}\n— {name} {line}\n".encode()


def test_a_note_is_what_the_format_says() -> None:
    text, _, line = NOTE.decode().partition("\n\n")
    assert text + "\n" == TEXT
    dash, name, encoded = line.rstrip("\n").split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    raw = base64.b64decode(encoded)
    assert len(raw) == 4 + 64
    PRIVATE.public_key().verify(raw[4:], TEXT.encode())


def test_a_signed_note_opens_to_what_was_signed() -> None:
    opened = SIGNER.verifier.open(NOTE)
    assert (opened.origin, opened.size, opened.root) == (ORIGIN, 7, ROOT)


def test_the_key_id_is_that_of_the_published_example() -> None:
    published = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = VerifierKey.parse(published + "\n")
    assert key.id.hex() == "c74f20a3"
    assert str(key) == published


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_damaged_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="verifier key"):
        VerifierKey.parse(text)


FORGED = {
    "wrong key": signed(TEXT, OTHER),
    "wrong key under its own id": NoteSigner(ORIGIN, OTHER).sign(7, ROOT),
    "other origin, right key": NoteSigner("gw.example/nuts-pzp/90000111/1", PRIVATE).sign(7, ROOT),
    "other origin in the text": signed(TEXT.replace("90000222", "90000111")),
    "other name on the signature": signed(TEXT, name="gw.example/nuts-pzp/90000111/1"),
    "size plus one": NOTE.replace(b"\n7\n", b"\n8\n"),
    "size minus one": NOTE.replace(b"\n7\n", b"\n6\n"),
    "leading zero": signed(TEXT.replace("\n7\n", "\n07\n")),
    "plus sign": signed(TEXT.replace("\n7\n", "\n+7\n")),
    "negative size": signed(TEXT.replace("\n7\n", "\n-7\n")),
    "space in size": signed(TEXT.replace("\n7\n", "\n 7\n")),
    "other digits": signed(TEXT.replace("\n7\n", "\n\u0667\n")),
    "huge size": signed(TEXT.replace("\n7\n", f"\n{10**20}\n")),
    "carriage returns": signed(TEXT.replace("\n", "\r\n")),
    "carriage returns after signing": NOTE.replace(b"\n", b"\r\n"),
    "tab": signed(TEXT.replace("\n7\n", "\n7\t\n")),
    "extra text line": signed(TEXT + "2026-11-22\n"),
    "missing line": signed(f"{ORIGIN}\n7\n"),
    "blank line in text": signed(TEXT.replace("\n7\n", "\n\n7\n")),
    "short root": signed(f"{ORIGIN}\n7\n{base64.b64encode(ROOT[:31]).decode()}\n"),
    "long root": signed(f"{ORIGIN}\n7\n{base64.b64encode(ROOT + b'x').decode()}\n"),
    "root without padding": signed(f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode().rstrip('=')}\n"),
    "root with spare bits": signed(TEXT.replace("Hh8=", "Hh9=")),
    "url-safe root": signed(f"{ORIGIN}\n7\n{base64.urlsafe_b64encode(bytes([255] * 32)).decode()}\n"),
    "hyphen for dash": NOTE.replace("\u2014".encode(), b"-"),
    "en dash": NOTE.replace("\u2014".encode(), "\u2013".encode()),
    "two spaces": NOTE.replace("\u2014 ".encode(), "\u2014  ".encode()),
    "trailing space": NOTE[:-1] + b" \n",
    "no final newline": NOTE[:-1],
    "line after signature": NOTE + b"x\n",
    "blank after signature": NOTE + b"\n",
    "signed twice": NOTE + NOTE.rpartition(b"\n\n")[2],
    "seventeen signatures": NOTE + b"".join(
        f"\u2014 witness{number}.example {base64.b64encode(bytes(68)).decode()}\n".encode() for number in range(16)
    ),
    "no signature": TEXT.encode(),
    "empty signature block": TEXT.encode() + b"\n",
    "not UTF-8": b"\xff" + NOTE,
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_checkpoint_is_refused(name: str) -> None:
    with pytest.raises(BadCheckpoint):
        SIGNER.verifier.open(FORGED[name])


def test_the_words_say_what_is_wrong() -> None:
    for name, words in (
        ("wrong key", "does not fit"),
        ("wrong key under its own id", "not signed by this key"),
        ("other origin, right key", f"another log's origin; the key given is of {SIGNER.verifier.name}"),
        ("signed twice", "signed twice"),
        ("extra text line", "three lines"),
        ("carriage returns", "control character"),
        ("seventeen signatures", "too many"),
    ):
        with pytest.raises(BadCheckpoint, match=words):
            SIGNER.verifier.open(FORGED[name])


def test_a_cosignature_of_another_key_does_not_hurt() -> None:
    line = f"\u2014 witness.example {base64.b64encode(bytes(90)).decode()}\n"
    assert SIGNER.verifier.open(NOTE + line.encode()).size == 7


def test_every_flipped_bit_of_a_note_is_found() -> None:
    for position in range(len(NOTE)):
        for bit in range(8):
            changed = bytearray(NOTE)
            changed[position] ^= 1 << bit
            with pytest.raises(BadCheckpoint):
                SIGNER.verifier.open(bytes(changed))


def test_a_note_cut_short_anywhere_is_refused() -> None:
    for length in range(len(NOTE)):
        with pytest.raises(BadCheckpoint):
            SIGNER.verifier.open(NOTE[:length])
