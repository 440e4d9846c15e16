"""First match, filters, one capture, format gate: what becomes a claim, and what does not (spec nuts-node 3.2)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.sandbox.nuts_node.matching import BadDefinition, NoMatch, at, match, submission


def definition(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "pd", "input_descriptors": [{"id": "one", "constraints": {"fields": list(fields)}}], **more}


def claim(field: dict[str, Any], value: Any) -> Any:
    """The claim a field makes of a value, or the error's class."""
    try:
        found = match(definition({"id": "c", "path": ["$.v"], **field}), [{"v": value}])
    except (NoMatch, BadDefinition) as error:
        return type(error)
    return found[0].claims["c"]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ({}, "x", "x"),
        ({}, ["a", 1], ["a", 1]),
        ({}, {"a": 1}, {"a": 1}),
        ({}, None, NoMatch),
        ({"optional": True}, None, None),
        ({"filter": {"type": "string"}}, 5, NoMatch),
        ({"filter": {"type": "number"}}, 5, 5),
        ({"filter": {"type": "number"}}, True, NoMatch),
        ({"filter": {"type": "boolean"}}, True, True),
        ({"filter": {"type": "string"}}, {"a": 1}, BadDefinition),
        ({"filter": {"type": "string", "const": "x"}}, "x", "x"),
        ({"filter": {"type": "string", "const": "x"}}, "y", NoMatch),
        ({"filter": {"type": "string", "const": "x"}, "optional": True}, "y", NoMatch),
        ({"filter": {"type": "string", "const": "b"}}, ["a", "b"], ["a", "b"]),
        ({"filter": {"type": "string", "enum": ["a", "b"]}}, "b", "b"),
        ({"filter": {"type": "string", "enum": ["a", "b"]}}, "c", NoMatch),
        ({"filter": {"type": "string", "pattern": "b+"}}, "abbc", "bb"),
        ({"filter": {"type": "string", "pattern": "a(b+)"}}, "abbc", "bb"),
        ({"filter": {"type": "string", "pattern": "^b"}}, "abbc", NoMatch),
        ({"filter": {"type": "string", "pattern": "^(b)$"}}, "b", "b"),
        ({"filter": {"type": "string", "pattern": "^(b)$"}}, "b\n", NoMatch),
        ({"filter": {"type": "string", "pattern": "b\\$"}}, "b$", "b$"),
        ({"filter": {"type": "string", "pattern": "a(b+)"}}, ["abbc"], ["abbc"]),
        ({"filter": {"type": "string", "pattern": "(a)(b)"}}, "ab", BadDefinition),
        ({"filter": {"type": "string", "pattern": "("}}, "ab", BadDefinition),
    ],
)
def test_a_field_makes_this_claim(field: dict[str, Any], value: Any, expected: Any) -> None:
    assert claim(field, value) == expected


def test_the_first_path_with_a_fitting_value_wins() -> None:
    field = {"id": "c", "path": ["$.a", "$.b", "$.c"], "filter": {"type": "string"}}
    assert match(definition(field), [{"a": 1, "b": "two", "c": "three"}])[0].claims == {"c": "two"}


def test_the_first_credential_that_fits_wins() -> None:
    field = {"id": "c", "path": ["$.v"]}
    assert match(definition(field), [{"w": 0}, {"v": 1}, {"v": 2}])[0].credential == {"v": 1}


def test_all_unmet_descriptors_are_named() -> None:
    both = {
        "id": "pd",
        "input_descriptors": [{"id": name, "constraints": {"fields": [{"path": ["$.v"]}]}} for name in "ab"],
    }
    with pytest.raises(NoMatch, match=r"no VC for InputDescriptor \(a\), no VC for InputDescriptor \(b\)"):
        match(both, [])


def test_an_unsigned_credential_matches_only_when_its_format_is_listed() -> None:
    field = {"path": ["$.v"]}
    assert match(definition(field, format={"ldp_vc": {"proof_type": ["JsonWebSignature2020"]}}), [{"v": 1}])
    with pytest.raises(NoMatch):
        match(definition(field, format={"jwt_vc": {"alg": ["ES256"]}}), [{"v": 1}])


@pytest.mark.parametrize(("algorithms", "fits"), [(["PS256", "ES256"], True), (["ES256"], False)])
async def test_a_signed_credential_matches_only_with_a_listed_algorithm(
    bench: Any, algorithms: list[str], fits: bool
) -> None:
    wanted = definition({"path": ["$.credentialSubject[0].san.otherName"]}, format={"jwt_vc": {"alg": algorithms}})
    if fits:
        assert match(wanted, bench.user.wallet)
    else:
        with pytest.raises(NoMatch):
            match(wanted, bench.user.wallet)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", {"a": [{"b": 1}]}),
        ("$.a[0].b", 1),
        ("$.a[1]", None),
        ("$.a.b", None),
        ("$.x.y", None),
        ("$.a[0]", {"b": 1}),
    ],
)
def test_paths_lead_to_a_value_or_to_nothing(path: str, expected: Any) -> None:
    assert at(path, {"a": [{"b": 1}]}) == expected


@pytest.mark.parametrize("path", ["a.b", "$..b", "$.a[*]", "$.a[-1]", "$.a[?(@.b)]"])
def test_other_paths_are_not_supported(path: str) -> None:
    with pytest.raises(BadDefinition):
        at(path, {})


def test_one_credential_alone_has_a_path_without_index() -> None:
    made = match(definition({"path": ["$.v"]}), [{"v": 1}])
    assert submission(definition(), made, "s") == {
        "id": "s",
        "definition_id": "pd",
        "descriptor_map": [{"id": "one", "format": "ldp_vc", "path": "$.verifiableCredential"}],
    }
