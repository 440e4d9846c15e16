"""Settings of Mitz that cannot work refuse the start."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from mitz_asked import HOLDER
from pydantic import ValidationError

from nuts_pzp.identity import (
    Tenant,
)
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.systems.mitz.consent import MitzSettings, build


def around(tmp_path: Path, *networks: str) -> Surroundings:
    allowed = tuple(ipaddress.ip_network(network) for network in networks)
    return Surroundings(Tenant("meerwijck", HOLDER), Outbound(allowed), tmp_path, tmp_path)


@pytest.mark.parametrize(
    "own",
    [
        {"url": "https://mitz.test", "roles": {"Huisarts": "01.015"}},
        {"url": "https://mitz.test", "roles": {"Huisarts": "01.015"}, "roots_file": "r.pem"},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "key_file": "k.pem"},
        {"url": "http://127.0.0.1", "roles": {}},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "arts"}},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "professional_id_root": "uzi"},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "user_types": [""]},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "fail_open": True},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "holder_ura": "90000111"},
        {"roles": {"Huisarts": "01.015"}},
    ],
    ids=[
        "client_cert_missing",
        "client_key_missing",
        "files_with_http",
        "no_roles",
        "role_is_no_code",
        "root_is_no_oid",
        "type_is_no_code",
        "fail_open_is_no_key",
        "holder_is_no_key",
        "no_url",
    ],
)
def test_settings_that_cannot_work_refuse_the_start(own: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        build(own, around(tmp_path, "127.0.0.0/8"))


def test_http_url_refused_in_production(tmp_path: Path) -> None:
    own = {"url": "http://mitz.test", "roles": {"Huisarts": "01.015"}}
    with pytest.raises(ValueError, match="plain http"):
        build(own, around(tmp_path))


def test_no_setting_is_named_or_acts_as_fail_open() -> None:
    assert set(MitzSettings.model_fields) == {
        "url",
        "roots_file",
        "certificate_file",
        "key_file",
        "roles",
        "professional_id_root",
        "user_types",
        "expect_action",
        "require_relates_to",
        "notifications",
        "subscriptions",
        "user_categories",
    }
