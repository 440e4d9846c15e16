"""Nothing that identifies a patient or opens a door gets into a log line."""

from __future__ import annotations

import errno
import io
import logging
import sys

import pytest
import structlog

from nuts_pzp.identity import Bsn
from nuts_pzp.telemetry import configure, mask

HIDDEN = [
    "bsn 999900006 was asked",
    "identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C999900006&x=1",
    "patientid=999900006",
    "999 900 006",
    "9999.00.006",
    '<InstanceIdentifier extension="999900006"/>',
    "<InstanceIdentifier extension='999900006'/>",
    "Authorization: Bearer kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE",
    "dpop kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE",
    "got eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl back",
]


@pytest.mark.parametrize("line", HIDDEN)
def test_a_secret_in_a_line_is_masked(line: str) -> None:
    masked = mask(line)
    assert "999900006" not in masked.replace(" ", "").replace(".", "")
    assert "kVJw4c5J0yC1" not in masked
    assert "eyJhbGci" not in masked


@pytest.mark.parametrize("line", ["ura 90000111", "port 8443", "123456789", "took 0.123456789 s, 1700000000"])
def test_what_is_no_bsn_stays_readable(line: str) -> None:
    assert mask(line) == line


def test_every_way_into_a_line_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    log = structlog.get_logger("test")
    log.info("seen 999900006", url="/Patient?identifier=999900006", number=999900006, who=Bsn("999900006"))
    log.info("nested", found={"999900006": ["999900006", ("999900006",)]})
    try:
        raise ValueError("bad bsn 999900006")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed with %s", "999900006")
    written = capsys.readouterr().err
    assert written.count("\n") == 4
    assert "999900006" not in written


class Full(io.StringIO):
    """Standard error on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    configure("debug")
    for said in ("debug", "info", "warning", "error", "critical"):
        getattr(structlog.get_logger("test"), said)("the disk is full")
    logging.getLogger("library").error("so it is")


def test_text_that_is_no_utf8_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    structlog.get_logger("test").info("seen", what="\ud800 999900006")
    written = capsys.readouterr().err
    assert "ud800" in written
    assert "999900006" not in written
