"""What is wrong in a settings file, in the words of that file: by key, never by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError

_OF_YAML = {
    "tuple_type": "a list is expected",
    "list_type": "a list is expected",
    "model_type": "a mapping of settings is expected",
    "dict_type": "a mapping of settings is expected",
    "path_type": "the name of a file or folder is expected",
    "string_type": "a text is expected (in YAML: between quotes)",
    "bool_parsing": "true or false is expected",
    "bool_type": "true or false is expected",
}
"""What YAML calls it, where the checker speaks of Python."""

FORMS = frozenset({"<folder>", "<postgres>"})
"""What one key may hold, of several forms: tells the checker which one is meant, and stands in no file."""


def in_words(error: ValidationError, prefix: str = "") -> str:
    """Say which keys are wrong and what would be right; never the values."""
    said = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        key = prefix + ".".join(str(part) for part in problem["loc"] if part not in FORMS)
        words = _OF_YAML.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said.append(f"{key}: unknown key (remove it or check its spelling)")
        elif problem["type"] == "missing":
            said.append(f"{key}: is missing")
        else:
            said.append(f"{key}: {words}" if key else words)
    return "; ".join(said)


def key_of(part: object, whole: object) -> str | None:
    """Return the key in full under which a part stands in settings that were read, or None."""
    for key, value in _within(whole):
        if value is part:
            return key
        if (below := key_of(part, value)) is not None:
            return f"{key}.{below}"
    return None


def _within(whole: object) -> Iterator[tuple[str, object]]:
    """Yield what stands one level down, by its key; items of a list are numbered from 0, as in every refusal."""
    if isinstance(whole, BaseModel):
        yield from ((name, getattr(whole, name)) for name in type(whole).model_fields)
    elif isinstance(whole, Mapping):
        yield from ((str(name), value) for name, value in whole.items())
    elif isinstance(whole, list | tuple):
        yield from ((str(number), value) for number, value in enumerate(whole))
