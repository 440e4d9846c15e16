"""One scheme, one space, one token; everything else is no token."""

from __future__ import annotations

import pytest

from nuts_pzp.exchange import Presented
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nuts_node.presented import Shown, shown

TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"


def presented(authorization: str) -> Presented:
    return Presented("c", authorization, None, None, "GET", "https://pep.example/fhir/Goal")


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        (f"Bearer {TOKEN}", "bearer"),
        (f"bearer {TOKEN}", "bearer"),
        (f"DPoP {TOKEN}", "dpop"),
        (f"dpop {TOKEN}==", "dpop"),
    ],
)
def test_both_schemes_are_read_in_any_case(header: str, scheme: str) -> None:
    read = shown(presented(header))
    assert isinstance(read, Shown)
    assert read.scheme == scheme
    assert read.token == header.split(" ")[1]


def test_no_header_is_no_token() -> None:
    assert shown(presented("")) == Deny(Reason.TOKEN_ABSENT)


@pytest.mark.parametrize(
    "header",
    [
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer",
        "Bearer ",
        "Bearer short",
        f"Bearer  {TOKEN}",
        f" Bearer {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN}\n",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        f"Bearer {TOKEN},DPoP {TOKEN}",
        f"Bearer\t{TOKEN}",
        f"Bearer {TOKEN}===",
        f"Bearer {'a' * 4097}",
        f"Bearer {TOKEN}é",
        f"Bearer {TOKEN}%0a",
    ],
)
def test_any_other_form_is_an_invalid_token(header: str) -> None:
    read = shown(presented(header))
    assert isinstance(read, Deny)
    assert read.reason is Reason.TOKEN_INVALID
    assert TOKEN not in repr(read)


def test_a_shown_token_hides_itself() -> None:
    assert TOKEN not in repr(shown(presented(f"Bearer {TOKEN}")))
