"""FHIR server twin: searching in memory, as FHIR R4 section 3.1.1 and HAPI do it. Pure.

`Refused` carries what the server would word; a message with a HAPI number is HAPI's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .parameters import VALUE_SETS, Parameter

Json = dict[str, Any]
Known = Mapping[str, Mapping[str, Parameter]]
Pairs = Sequence[tuple[str, str]]

CONTROLS = frozenset({"_count", "_include", "_format", "_pretty", "_elements", "_summary", "_total"})


class Refused(Exception):
    """A request that the server will not answer: status and diagnostics."""

    def __init__(self, status: int, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.status, self.diagnostics = status, diagnostics


class Index:
    """The resources of one server. `belongs` says whose a resource is that does not say so itself."""

    def __init__(self, known: Known, resources: Mapping[tuple[str, str], Json], belongs: Mapping[str, str]) -> None:
        self.known, self.resources, self._belongs = known, resources, belongs

    def find(self, kind: str, pairs: Pairs, *, base: str, lenient: bool, terminology: bool) -> list[Json]:
        """Return the matches in the order they were stored; raises Refused for what the server does not know."""
        tests = [
            self._test(kind, name, value, base, terminology)
            for name, value in pairs
            if name not in CONTROLS and (not lenient or self._knows(kind, name))
        ]
        candidates = [one for (type_, _), one in self.resources.items() if type_ == kind]
        return [one for one in candidates if all(test(one) for test in tests)]

    def included(self, matches: list[Json], includes: Sequence[str]) -> list[Json]:
        """Return the resources that `_include` brings along, each once, none that is a match already."""
        seen = {(one["resourceType"], one["id"]) for one in matches}
        found = []
        for include in includes:
            kind, path = self._include(include)
            for one in matches:
                if one["resourceType"] != kind:
                    continue
                for reference in _references(one, path):
                    key = (reference.partition("/")[0], reference.partition("/")[2])
                    if key in self.resources and key not in seen:
                        seen.add(key)
                        found.append(self.resources[key])
        return found

    def _include(self, include: str) -> tuple[str, str]:
        parts = include.split(":")
        if len(parts) < 2:
            raise Refused(400, f'HAPI-2018: Invalid _include parameter value: "{include}". ')
        parameter = self.known.get(parts[0], {}).get(parts[1])
        if parameter is None or parameter.kind != "reference":
            valid = sorted(name for name, one in self.known.get(parts[0], {}).items() if one.kind == "reference")
            raise Refused(
                400,
                f'HAPI-2015: Invalid _include parameter value: "{include}". Unknown search parameter "{parts[1]}" '
                f'for resource type "{parts[0]}". Valid search parameters for this search are: [{", ".join(valid)}]',
            )
        return parts[0], parameter.paths[0]

    def _knows(self, kind: str, name: str) -> bool:
        return re.split(r"[:.]", name, maxsplit=1)[0] in self.known[kind]

    def _test(self, kind: str, name: str, value: str, base: str, terminology: bool) -> Callable[[Json], bool]:
        head, _, rest = name.partition(".")
        head, _, modifier = head.partition(":")
        parameter = self.known[kind].get(head)
        if parameter is None:
            valid = ", ".join(sorted(self.known[kind]))
            raise Refused(
                400,
                f'HAPI-0524: Unknown search parameter "{head}" for resource type "{kind}". '
                f"Valid search parameters for this search are: [{valid}]",
            )
        if rest:
            return self._chain(parameter, (head, modifier, rest), value, base, terminology)
        wanted = list(split(value, ","))
        if parameter.kind == "reference":
            return lambda one: self._points(one, parameter, wanted, modifier, base)
        if modifier == "in":
            wanted = _expand(value, terminology)
        elif modifier:
            raise Refused(400, f'Unsupported modifier ":{modifier}" on search parameter "{head}"')
        match = {"token": _token, "uri": _canonical, "id": _plain}[parameter.kind]
        return lambda one: any(match(found, want) for found in walk(one, parameter.paths) for want in wanted)

    def _chain(
        self, parameter: Parameter, names: tuple[str, str, str], value: str, base: str, terminology: bool
    ) -> Callable[[Json], bool]:
        head, modifier, rest = names
        targets = (modifier,) if modifier else tuple(kind for kind in parameter.targets if kind in self.known)
        onward = re.split(r"[:.]", rest, maxsplit=1)[0]
        able = [kind for kind in targets if onward in self.known.get(kind, {})]
        if parameter.kind != "reference" or not able:
            raise Refused(400, f"HAPI-1243: Invalid parameter chain: {head}.{rest}")
        tests = {kind: self._test(kind, rest, value, base, terminology) for kind in able}

        def test(one: Json) -> bool:
            for reference in _references(one, parameter.paths[0]):
                kind, _, id_ = reference.partition("/")
                target = self.resources.get((kind, id_))
                if target is not None and kind in tests and tests[kind](target):
                    return True
            return False

        return test

    def _points(self, one: Json, parameter: Parameter, wanted: list[str], modifier: str, base: str) -> bool:
        found = set(_references(one, parameter.paths[0]))
        owner = self._belongs.get(f"{one['resourceType']}/{one['id']}")
        if owner and parameter.targets == ("Patient",):
            found.add(f"Patient/{owner}")
        for want in wanted:
            want = want.removeprefix(base + "/")
            if "/" in want and want in found:
                return True
            kinds = (modifier,) if modifier else parameter.targets
            if "/" not in want and any(f"{kind}/{want}" in found for kind in kinds):
                return True
        return False


def split(text: str, separator: str) -> Iterator[str]:
    """Split at the unescaped separator and keep escapes: FHIR knows `\\,` `\\|` `\\$` and `\\\\`."""
    part, escaped = "", False
    for character in text:
        if escaped:
            part, escaped = part + "\\" + character, False
        elif character == "\\":
            escaped = True
        elif character == separator:
            yield part
            part = ""
        else:
            part += character
    yield part + ("\\" if escaped else "")


def walk(one: Any, paths: Sequence[str]) -> Iterator[Any]:
    """Yield every value at dotted paths, lists flattened."""
    for path in paths:
        values = [one]
        for name in path.split("."):
            values = [inner for value in values for inner in _step(value, name)]
        yield from values


def _step(value: Any, name: str) -> list[Any]:
    inner = value.get(name) if isinstance(value, dict) else None
    if inner is None:
        return []
    return inner if isinstance(inner, list) else [inner]


def _references(one: Json, path: str) -> Iterator[str]:
    for value in walk(one, (path,)):
        if isinstance(value, dict) and isinstance(value.get("reference"), str):
            yield value["reference"]


def _unescape(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text)


def _token(found: Any, want: str) -> bool:
    """`system|code`, `|code` (no system), `code` (any system), `system|` (any code)."""
    parts = [_unescape(part) for part in split(want, "|")]
    for system, code in _codings(found):
        if len(parts) == 1 and code == parts[0]:
            return True
        if len(parts) == 2 and system == parts[0] and parts[1] in ("", code):
            return True
    return False


def _codings(found: Any) -> Iterator[tuple[str, str]]:
    if isinstance(found, bool):
        yield "", str(found).lower()
    elif isinstance(found, str):
        yield "", found
    elif isinstance(found, dict):
        for coding in found.get("coding", [found]):
            yield coding.get("system", ""), coding.get("code", coding.get("value", ""))


def _canonical(found: Any, want: str) -> bool:
    """Without a version any version will do; with one only that."""
    if not isinstance(found, str):
        return False
    return found == _unescape(want) or found.partition("|")[0] == _unescape(want)


def _plain(found: Any, want: str) -> bool:
    return bool(found == _unescape(want))


def _expand(value: str, terminology: bool) -> list[str]:
    codes = VALUE_SETS.get(value) if terminology else None
    if codes is None:
        raise Refused(404, f"HAPI-2788: Unknown ValueSet: {_quoted(value)}")
    return sorted(codes)


def _quoted(value: str) -> str:
    return value.replace(":", "%3A").replace("/", "%2F")
