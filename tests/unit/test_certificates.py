"""Our own certificates are named by where they are used, and complained about in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nuts_pzp.certificates import SOON, Certificates, named_in
from nuts_pzp.sandbox.authority import Authority

DAY = 86_400.0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Authority(tmp_path_factory.mktemp("ca"), "CA").server("gateway").certificate_file  # ends in 30 days


def test_every_certificate_of_a_settings_file_is_found_by_where_it_stands() -> None:
    settings = {
        "network": {"certificate_file": Path("a.pem"), "client_roots_file": Path("roots.pem")},
        "ehr": None,
        "consent": {"sources": ({"kind": "mitz", "certificate_file": "b.pem"}, {"kind": "local"})},
        "connector": {"certificate_file": "/abs/c.pem", "key_file": "c.key"},
    }
    assert list(named_in(settings, Path("/etc/x"), "t")) == [
        ("t.network", Path("/etc/x/a.pem")),
        ("t.consent.sources.mitz", Path("/etc/x/b.pem")),
        ("t.connector", Path("/abs/c.pem")),
    ]


@pytest.mark.parametrize(
    ("days", "ok", "words"), [(0, True, "ends on"), (10, False, "in 20 days"), (31, False, "ended on")]
)
def test_what_ends_soon_is_said_in_time(file: Path, days: float, ok: bool, words: str) -> None:
    watch = Certificates(lambda: [("listeners.network", file)], lambda: time.time() + days * DAY)
    [check] = watch.checks()
    assert (check.what, check.ok, check.critical) == ("certificate: listeners.network", ok, False)
    assert words in check.says
    assert SOON < 30 * DAY


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("rubbish")
    watch = Certificates(lambda: [("a", tmp_path / "none.pem"), ("b", tmp_path / "bad.pem")])
    assert [(check.ok, check.says) for check in watch.checks()] == [(False, "cannot be read")] * 2


def test_a_file_that_was_replaced_is_read_anew(file: Path, tmp_path: Path) -> None:
    here = tmp_path / "here.pem"
    here.write_text("rubbish")
    watch = Certificates(lambda: [("a", here)])
    assert not watch.checks()[0].ok
    here.write_bytes(file.read_bytes())
    assert watch.checks()[0].ok


def test_the_metric_has_the_end_as_unix_time(file: Path) -> None:
    [family] = Certificates(lambda: [("listeners.network", file)]).collect()
    [sample] = family.samples
    assert sample.labels == {"certificate": "listeners.network"}
    assert 29 * DAY < sample.value - time.time() < 31 * DAY
