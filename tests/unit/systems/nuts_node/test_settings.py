"""A wrong setting stops the start and is named; nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nuts_pzp.identity import Purpose
from nuts_pzp.systems.nuts_node.settings import CredentialsSettings, GatekeeperSettings

GATE = {"node": "http://127.0.0.1:8081", "issuer": "https://node.example/oauth2/meerwijck"}
CREDENTIALS = {"node": "http://127.0.0.1:8081", "subject": "meerwijck"}


def test_by_default_one_scope_means_treatment_and_tokens_are_bearer() -> None:
    assert GatekeeperSettings.model_validate(GATE).scopes == {"pzp-gf": Purpose.TREATMENT}
    read = CredentialsSettings.model_validate(CREDENTIALS)
    assert (read.scopes, read.token_type) == ({Purpose.TREATMENT: "pzp-gf"}, "Bearer")


def test_purposes_are_written_as_their_codes() -> None:
    scopes = {"pzp-gf": "TREAT", "pzp-spoed": "ETREAT"}
    read = GatekeeperSettings.model_validate({**GATE, "scopes": scopes})
    assert read.scopes == {"pzp-gf": Purpose.TREATMENT, "pzp-spoed": Purpose.EMERGENCY}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"isuer": "x"}, "isuer"),
        ({"scopes": {}}, "scopes"),
        ({"scopes": {"pzp gf": "TREAT"}}, "scopes"),
        ({"scopes": {"pzp-gf": "SPOED"}}, "scopes"),
        ({"remember": 61}, "remember"),
        ({"remember": -1}, "remember"),
        ({"proof_window": 0}, "proof_window"),
        ({"scope_claims": {"other": {}}}, "scope_claims"),
        ({"claims": {"employee_id": "x"}}, "employee_id"),
        ({"claims": {"employee_role": "same", "employee_name": "same"}}, "claims"),
        ({"api": {"key": "inline"}}, "key_file"),
    ],
)
def test_a_wrong_setting_of_the_door_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        GatekeeperSettings.model_validate({**GATE, **change})


@pytest.mark.parametrize(
    "change", [{"subject": "a/b"}, {"subject": ""}, {"token_type": "bearer"}, {"scopes": {"TREAT": "a b"}}, {"x": 1}]
)
def test_a_wrong_setting_of_the_credentials_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CredentialsSettings.model_validate({**CREDENTIALS, **change})
