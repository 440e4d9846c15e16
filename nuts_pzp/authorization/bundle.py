"""Policy bundles: Rego, its tests, its data and what may be asked, read from a folder and hashed (design D5).

Room: authorization. Trusts the folder that the settings name. A bundle with a manifest is ours; a folder with a plain
`.rego` and perhaps a CapabilityStatement is a published policy, and works unchanged (`capability: report`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .. import plain_yaml
from ..fhir.capability import Capability, NotACapability, read_capability
from . import roles
from .capability import joined

OWN = "pzp"
"""The project's own policy."""
SHIPPED = (OWN, "pzp_stu3")
"""The policies that come with the project: for a holder whose server speaks R4, and for one that speaks STU3."""
Shipped = Literal["pzp", "pzp_stu3"]

_LARGEST = 1_048_576
_MANIFESTS = ("manifest.yaml", "manifest.yml", "manifest.json")
_STATEMENTS = ("capability.json", "fhir_capabilitystatement.json", "capabilitystatement.json")
_PACKAGE = re.compile(r"^[ \t]*package[ \t]+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[ \t]*(?:#.*)?$", re.MULTILINE)
_TEST = re.compile(r"^(test_\w+)", re.MULTILINE)
_NOT_CODE = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`|#[^\n]*')
_IMPURE = re.compile(r"\b(time|http|rand|uuid|trace|print|opa|net)\b")


class NotABundle(ValueError):
    """Why the folder is no policy bundle, in words for its owner. Carries file names and no content."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Rego file."""

    name: str
    text: str = field(repr=False)

    @property
    def package(self) -> str:
        """The package it declares; raises NotABundle without one."""
        if found := _PACKAGE.search(_NOT_CODE.sub(_blank, self.text)):
            return found.group(1)
        raise NotABundle(f"{self.name}: no package line")

    @property
    def tests(self) -> tuple[str, ...]:
        """The names of its test rules, each once, in order."""
        return tuple(dict.fromkeys(_TEST.findall(_NOT_CODE.sub(_blank, self.text))))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A policy, ready for an engine. `digest` is the hex SHA-256 over every file's name and bytes."""

    name: str
    version: str
    package: str
    enforce: bool
    """True: whatever `stated` does not list is refused while parsing; False: the policy is told and judges itself."""
    stated: Capability | None
    modules: tuple[Module, ...]
    tests: tuple[Module, ...]
    data: Mapping[str, Any] = field(repr=False)
    digest: str

    @property
    def pure(self) -> bool:
        """True when no module names a builtin that reads a clock, a network, chance or a trace: it can be memoized."""
        return not any(_IMPURE.search(_NOT_CODE.sub(" ", module.text)) for module in self.modules)


_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_File = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: _Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+-]{1,40}$")]
    package: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]
    capability: Literal["enforce", "report"]
    capability_statement: _File | None = None
    modules: Annotated[tuple[_File, ...], Field(min_length=1)]
    tests: tuple[_File, ...] = ()
    data: tuple[_File, ...] = ()


def shipped(name: str = OWN) -> Path:
    """Return the folder of a policy that comes with the project: in the wheel, or at the top of a checkout."""
    within = Path(str(files("nuts_pzp"))) / "_policies" / name
    return within if within.is_dir() else Path(__file__).parents[2] / "policies" / name


def load(folder: Path, roles_file: Path | None = None) -> Bundle:
    """Read a bundle; `roles_file` replaces its role table as a whole. Raises NotABundle or OSError."""
    if not folder.is_dir():
        raise NotABundle("the policy folder does not exist")
    manifest = _manifest(folder)
    contents: dict[str, bytes] = {}

    def content(name: str) -> bytes:
        contents[name] = _bounded(folder / name)
        return contents[name]

    try:
        modules = tuple(Module(name, content(name).decode()) for name in manifest.modules)
        tests = tuple(Module(name, content(name).decode()) for name in manifest.tests)
        data = _data({name: content(name) for name in manifest.data})
        statement = manifest.capability_statement
        stated = read_capability(content(statement)) if statement else None
    except UnicodeDecodeError as error:
        raise NotABundle("a file is not UTF-8") from error
    except NotACapability as error:
        raise NotABundle(f"{manifest.capability_statement}: {error}") from error
    if not any(module.package == manifest.package for module in modules):
        raise NotABundle(f"no module declares package {manifest.package}")
    if manifest.capability == "enforce" and stated is None:
        raise NotABundle("capability: enforce needs a capability_statement")
    bundle = Bundle(
        name=manifest.name,
        version=manifest.version,
        package=manifest.package,
        enforce=manifest.capability == "enforce",
        stated=stated,
        modules=modules,
        tests=tests,
        data=data,
        digest=_digest({"": manifest.model_dump_json().encode(), **contents}),
    )
    return bundle if roles_file is None else _with_roles(bundle, roles_file)


def grammar(bundle: Bundle) -> Capability:
    """Return what the parser lets through for this bundle.

    Enforced: exactly what its statement lists. Reported: that and our own policy's, since a parser must know some
    language, and Patient stays POST only; the policy then hears whether its own statement lists the request.
    """
    if bundle.enforce and bundle.stated is not None:
        return bundle.stated
    own = load(shipped()).stated
    assert own is not None, "our own bundle has a statement"
    return joined(own, bundle.stated) if bundle.stated else own


def _manifest(folder: Path) -> _Manifest:
    for name in _MANIFESTS:
        if (folder / name).is_file():
            try:
                return _Manifest.model_validate(plain_yaml.load(_bounded(folder / name)))
            except (yaml.YAMLError, ValidationError, UnicodeDecodeError, RecursionError) as error:
                raise NotABundle(f"{name}: {_first(error)}") from error
    return _published(folder)


def _published(folder: Path) -> _Manifest:
    """Return the manifest that a published policy folder implies: its one package, and its statement if any."""
    names = sorted(path.name for path in folder.glob("*.rego"))
    tests = tuple(name for name in names if name.endswith("_test.rego"))
    modules = tuple(name for name in names if name not in tests)
    if not modules:
        raise NotABundle("the folder holds neither a manifest nor a .rego file")
    packages = {Module(name, _bounded(folder / name).decode("utf-8", "replace")).package for name in modules}
    if len(packages) != 1:
        raise NotABundle("several packages: write a manifest that says which one decides")
    package = packages.pop()
    return _Manifest(
        name=package.rpartition(".")[2],
        version="0",
        package=package,
        capability="report",
        capability_statement=next((name for name in _STATEMENTS if (folder / name).is_file()), None),
        modules=modules,
        tests=tests,
    )


def _data(contents: Mapping[str, bytes]) -> dict[str, Any]:
    """Merge the data documents of a bundle at the root, as OPA does; a role table is checked."""
    data: dict[str, Any] = {}
    for name, content in contents.items():
        document = _document(name, content)
        if clash := set(data) & set(document):
            raise NotABundle(f"{name}: {sorted(clash)[0]} is defined twice")
        data.update(document)
    return data


def _document(name: str, content: bytes) -> dict[str, Any]:
    try:
        document = plain_yaml.load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise NotABundle(f"{name}: {_first(error)}") from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise NotABundle(f"{name}: a data file is a mapping")
    if roles.KEY in document:
        try:
            return {**document, roles.KEY: roles.checked(document[roles.KEY])}
        except roles.NotARoleTable as error:
            raise NotABundle(f"{name}: {error}") from error
    return document


def _with_roles(bundle: Bundle, path: Path) -> Bundle:
    content = _bounded(path)
    document = _document(path.name, content)
    if set(document) != {roles.KEY}:
        raise NotABundle(f"{path.name}: a role file holds {roles.KEY} and nothing else")
    digest = _digest({"bundle": bundle.digest.encode(), roles.KEY: content})
    return replace(bundle, data={**bundle.data, **document}, digest=digest)


def _bounded(path: Path) -> bytes:
    with path.open("rb") as opened:
        content = opened.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise NotABundle(f"{path.name}: larger than 1 MiB")
    return content


def _digest(contents: Mapping[str, bytes]) -> str:
    """Hash names and contents, each with its length, so that no two bundles read the same."""
    running = hashlib.sha256()
    for name in sorted(contents):
        for part in (name.encode(), contents[name]):
            running.update(len(part).to_bytes(8, "big"))
            running.update(part)
    return running.hexdigest()


def _first(error: Exception) -> str:
    """Say what is wrong without the content: pydantic's key and message, or the place in the YAML."""
    if isinstance(error, ValidationError):
        what = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in what['loc'])}: {what['msg']}"
    mark = getattr(error, "problem_mark", None)
    wrong = "a key stands twice" if isinstance(error, plain_yaml.KeyTwice) else "not YAML"
    return f"{wrong}, line {mark.line + 1}" if mark else wrong


def _blank(found: re.Match[str]) -> str:
    """Keep the lines of what is blanked, so that a line start stays one."""
    return "\n" * found.group().count("\n") or " "
