"""What every directory promises (nuts_pzp/addressing/port.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.exchange import Holder, Source
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.lrza import ListedOrganization

MEERWIJCK = ListedOrganization(
    "90000222",
    "V6",
    "Ziekenhuis Meerwijck",
    "0570-555222",
    "https://127.0.0.1:8443/meerwijck/fhir/",
    "https://127.0.0.1:8444/oauth2/meerwijck",
)
IDENTITY = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck", "0570-555222")


def holders(*uras: str) -> tuple[Holder, ...]:
    return tuple(Holder(Ura(ura), "nvi") for ura in uras)


async def test_a_listed_organization_has_its_type_name_and_phone(furnish: Any) -> None:
    directory = await furnish([MEERWIJCK])
    assert await directory.organization(Ura("90000222")) == IDENTITY


async def test_an_organization_that_is_not_listed_is_denied(furnish: Any) -> None:
    directory = await furnish([MEERWIJCK])
    stop = await directory.organization(Ura("90000999"))
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.ORGANIZATION_UNKNOWN


async def test_a_holder_becomes_a_source_with_both_addresses(furnish: Any) -> None:
    found = await (await furnish([MEERWIJCK])).sources(holders("90000222"))
    base, server = "https://127.0.0.1:8443/meerwijck/fhir", "https://127.0.0.1:8444/oauth2/meerwijck"
    assert found.items == (Source(IDENTITY, base, server),)
    assert found.complete


async def test_without_an_authorization_server_the_source_says_so(furnish: Any) -> None:
    directory = await furnish([replace(MEERWIJCK, authorization_server="")])
    found = await directory.sources(holders("90000222"))
    assert found.items[0].authorization_server is None


async def test_our_own_organization_is_marked_as_our_own(furnish: Any) -> None:
    own = replace(MEERWIJCK, ura="90000444", name="Huisartsenpost De Kade", type="N6")
    found = await (await furnish([own, MEERWIJCK])).sources(holders("90000222", "90000444"))
    assert [(source.holder.ura.value, source.own) for source in found.items] == [
        ("90000222", False),
        ("90000444", True),
    ]


async def test_a_holder_that_is_named_twice_is_one_source(furnish: Any) -> None:
    found = await (await furnish([MEERWIJCK])).sources(holders("90000222", "90000222"))
    assert len(found.items) == 1


async def test_nobody_to_address_is_a_complete_and_empty_answer(furnish: Any) -> None:
    found = await (await furnish([MEERWIJCK])).sources(())
    assert (found.items, found.gaps) == ((), ())


async def test_every_holder_without_a_usable_address_is_a_gap_named_by_its_ura(furnish: Any) -> None:
    directory = await furnish(
        [
            MEERWIJCK,
            ListedOrganization("90000111", "Z3", "De Wilgenhof"),
            ListedOrganization("90000333", "T2", "Lindezicht", "", "https://10.0.0.3/fhir"),
            ListedOrganization("90000555", "H2", "Avondrood", "", "https://127.0.0.1/fhir", "https://192.0.2.1/oauth2"),
        ]
    )
    found = await directory.sources(holders("90000111", "90000222", "90000333", "90000555", "90000999"))
    assert [source.holder.ura.value for source in found.items] == ["90000222"]
    assert [(gap.where, gap.stop.reason) for gap in found.gaps] == [
        ("90000111", Reason.ADDRESS_NONE),
        ("90000333", Reason.ADDRESS_REFUSED),
        ("90000555", Reason.ADDRESS_REFUSED),
        ("90000999", Reason.ORGANIZATION_UNKNOWN),
    ]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "ftp://127.0.0.1/fhir",
        "https://user:secret@127.0.0.1/fhir",
        "https://127.0.0.1/fhir?x=1",
        "https://127.0.0.1/fhir#x",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/fhir",
        "https://127.0.0.1:99999/fhir",
        "/relative",
    ],
)
async def test_an_address_that_may_not_be_dialled_is_refused_and_not_repeated_in_words(
    furnish: Any, address: str
) -> None:
    found = await (await furnish([replace(MEERWIJCK, fhir_base=address)])).sources(holders("90000222"))
    (gap,) = found.gaps
    assert gap.stop.reason is Reason.ADDRESS_REFUSED
    assert address not in gap.stop.detail
