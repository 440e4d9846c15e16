"""Values that are made at every request: frozen, compared by their fields, and as quiet as they are told to be."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nuts_pzp.exchange import Presented
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.values import Value, replace


class Pair(Value, frozen=True):
    hidden = frozenset({"secret"})

    name: str
    secret: str = ""


@dataclass(frozen=True)
class Plain:
    name: str


def test_a_value_cannot_be_changed() -> None:
    one = Pair("a", "b")
    with pytest.raises(AttributeError):
        one.name = "c"  # type: ignore[misc]
    assert one == Pair("a", "b")
    assert hash(one) == hash(Pair("a", "b"))
    assert one != Pair("a", "c")


def test_what_is_hidden_is_not_shown_and_the_rest_is() -> None:
    assert repr(Pair("a", "999912008")) == "Pair(name='a')"
    shown = f"{Presented('M', 'Bearer secret', 'proof', b'der', 'GET', 'https://x.example/999912008')}"
    assert shown == "Presented(correlation='M', method='GET', address='', trace='')"
    assert "999912008" not in repr(FhirRequest("read", "Patient", "999912008"))


def test_replacing_takes_values_and_dataclasses_and_no_strange_field() -> None:
    assert replace(Pair("a", "b"), name="c") == Pair("c", "b")
    assert replace(Plain("a"), name="c") == Plain("c")
    for one in (Pair("a"), Plain("a")):
        with pytest.raises(TypeError):
            replace(one, other="c")
