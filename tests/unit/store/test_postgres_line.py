"""Where the state database may be: TLS with its name checked, or loopback, and nothing that nobody looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.postgres_line import agreed

ROOTS = Path("/keys/roots.pem")
WHOLE = "user=pzp dbname=pzp password=geheim "


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "/run/postgresql", "127.0.0.1,localhost"])
def test_on_loopback_no_tls_is_needed(host: str) -> None:
    assert "sslrootcert" not in agreed(WHOLE + f"host={host}", None)


@pytest.mark.parametrize("where", ["host=db.example", "host=localhost,db.example", "host=localhost hostaddr=10.0.0.3"])
def test_elsewhere_the_name_is_checked_against_our_roots(where: str) -> None:
    found = agreed(WHOLE + where, ROOTS)
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", str(ROOTS))
    with pytest.raises(StoreFailed, match="roots_file"):
        agreed(WHOLE + where, None)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_less_than_verify_full_is_refused_elsewhere(mode: str) -> None:
    with pytest.raises(StoreFailed, match="verify-full"):
        agreed(WHOLE + f"host=db.example sslmode={mode}", ROOTS)


@pytest.mark.parametrize(
    "strange", ["service=other", "options=-csearch_path=x", "target_session_attrs=any", "gssencmode=prefer"]
)
def test_what_would_change_what_was_agreed_is_refused(strange: str) -> None:
    with pytest.raises(StoreFailed, match=strange.partition("=")[0]):
        agreed(WHOLE + "host=localhost " + strange, None)


@pytest.mark.parametrize("missing", ["user=pzp dbname=pzp", "user=pzp host=localhost", "dbname=pzp host=localhost", ""])
def test_nothing_is_left_to_the_environment(missing: str) -> None:
    with pytest.raises(StoreFailed, match="does not say"):
        agreed(missing, None)


@pytest.mark.parametrize("name", ["PGHOSTADDR", "PGSERVICE"])
def test_an_environment_that_leads_elsewhere_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "10.0.0.9")
    with pytest.raises(StoreFailed, match=name):
        agreed(WHOLE + "host=localhost", None)


def test_what_is_no_dsn_is_refused_without_its_words() -> None:
    with pytest.raises(StoreFailed) as refused:
        agreed("geheim wachtwoord", None)
    assert "geheim" not in str(refused.value)
