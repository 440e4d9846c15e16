"""Functions of Rego that call themselves: OPA refuses them, regorus runs until its stack ends and the process with it.

Reads the syntax trees that the engine itself made of the modules, before anything is evaluated. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_Path = tuple[str, ...]


def recursive(modules: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the name of a function that calls itself, directly or by way of others; None when there is none."""
    calls: dict[_Path, set[_Path]] = {}
    for module in modules:
        tree = module["ast"]
        package = _path(tree["package"]["refr"])
        known = _imports(tree, str(module["source"]["contents"]).encode())
        for rule in tree["rules"]:
            name = _path(rule.get("Spec", {}).get("head", {}).get("Func", {}).get("refr", {}))
            if name:
                made = {_resolved(call, package, known) for call in _called(rule)}
                calls.setdefault((*package, *name), set()).update(made)
    return next((".".join(name) for name in sorted(calls) if _reaches(name, calls)), None)


def _imports(tree: Mapping[str, Any], text: bytes) -> dict[str, _Path]:
    """What each imported name stands for."""
    found = {}
    for one in tree["imports"]:
        path, alias = _path(one["refr"]), one.get("as")
        if path:
            found[text[alias["start"] : alias["end"]].decode() if alias else path[-1]] = path
    return found


def _resolved(path: _Path, package: _Path, known: Mapping[str, _Path]) -> _Path:
    path = (*known[path[0]], *path[1:]) if path[0] in known else path
    return path[1:] if path[0] == "data" else (*package, *path)


def _called(tree: Any) -> Iterator[_Path]:
    """Yield the path of every call within."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if (call := one.get("Call")) and (path := _path(call["fcn"])):
                yield path
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _path(reference: Mapping[str, Any]) -> _Path:
    """Return the steps of `data.a.f` or `data["a"].f`; empty when a step is worked out only while it runs."""
    if var := reference.get("Var"):
        return (str(var["value"]),)
    if dot := reference.get("RefDot"):
        before = _path(dot["refr"])
        return (*before, str(dot["field"][1])) if before else ()
    if (bracket := reference.get("RefBrack")) and "String" in bracket["index"]:
        before = _path(bracket["refr"])
        return (*before, str(bracket["index"]["String"]["value"])) if before else ()
    return ()


def _reaches(start: _Path, calls: Mapping[_Path, set[_Path]]) -> bool:
    seen: set[_Path] = set()
    waiting = list(calls[start])
    while waiting:
        one = waiting.pop()
        if one == start:
            return True
        if one in calls and one not in seen:
            seen.add(one)
            waiting.extend(calls[one])
    return False
