"""The changed programs: one function with one small change each, made by the operators of mutmut."""

from __future__ import annotations
import __future__

import difflib
import importlib
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

import libcst as cst
from mutmut.mutation.file_mutation import create_mutations, deep_replace

ROOT = Path(__file__).parents[2]
PACKAGE = "nuts_pzp.overview"
FOLDER = ROOT / PACKAGE.replace(".", "/")


@dataclass(frozen=True, slots=True)
class Change:
    """One function of a module, as it is and as it is changed; `owner` is the class it stands in, if any."""

    name: str
    module: str
    owner: str
    function: str
    before: str
    after: str

    @property
    def place(self) -> tuple[str, str]:
        """File and qualified name, as a code object names them."""
        return str(FOLDER / f"{self.module}.py"), f"{self.owner}.{self.function}" if self.owner else self.function

    def lines(self) -> list[str]:
        """The lines that differ, with - and + before them."""
        both = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), n=0, lineterm="")
        return [line[0] + " " + line[1:].strip() for line in both if line[:3] not in ("---", "+++") and line[0] in "-+"]

    def apply(self) -> None:
        """Make the change in this process: whoever imported the function runs the changed one from now on."""
        module = importlib.import_module(f"{PACKAGE}.{self.module}")
        text = self.after
        if self.owner:
            text = f"class {self.owner}:\n{textwrap.indent(text, '    ')}"
        names = dict(vars(module))
        exec(compile(text, module.__file__ or "", "exec", __future__.annotations.compiler_flag, True), names)
        target, changed = (_function(space, self) for space in (vars(module), names))
        target.__code__, target.__defaults__ = changed.__code__, changed.__defaults__
        target.__kwdefaults__ = changed.__kwdefaults__

    def whole(self) -> str:
        """Return the whole module, changed: for what runs when it is imported."""
        source = (FOLDER / f"{self.module}.py").read_text("utf-8")
        indent = "    " if self.owner else ""
        before, after = (textwrap.indent(text.strip("\n"), indent) for text in (self.before, self.after))
        if source.count(before) != 1:
            raise ValueError(f"{self.name}: the function is not found once in its module")
        return source.replace(before, after)


def _function(space: dict[str, object], change: Change) -> FunctionType:
    found = vars(space[change.owner])[change.function] if change.owner else space[change.function]
    found = getattr(found, "__func__", found)
    assert isinstance(found, FunctionType), change.name
    return found


def changes_of(module: str) -> list[Change]:
    """Return every change to the functions of a module; names count from 1 within a function."""
    path = FOLDER / f"{module}.py"
    tree, mutations, _, _ = create_mutations(str(path), path.read_text("utf-8"))
    owners = {
        part: statement.name.value
        for statement in tree.body
        if isinstance(statement, cst.ClassDef)
        for part in statement.body.body
    }
    found: list[Change] = []
    counted: Counter[str] = Counter()
    for mutation in mutations:
        function = mutation.contained_by_top_level_function
        if not isinstance(function, cst.FunctionDef):
            continue
        changed = deep_replace(function, mutation.original_node, mutation.mutated_node)
        owner, name = owners.get(function, ""), function.name.value
        label = f"{module}.{owner}.{name}" if owner else f"{module}.{name}"
        counted[label] += 1
        before, after = tree.code_for_node(function), tree.code_for_node(changed)
        found.append(Change(f"{label}:{counted[label]}", module, owner, name, before, after))
    return found
