"""What is wrong in a settings file, in the words of that file: by key, never by value."""

from __future__ import annotations

from pydantic import ValidationError

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


def in_words(error: ValidationError, prefix: str = "") -> str:
    """Say which keys are wrong and what would be right; never the values."""
    said = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        key = prefix + ".".join(str(part) for part in problem["loc"])
        words = _OF_YAML.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said.append(f"{key}: unknown key (remove it or check its spelling)")
        elif problem["type"] == "missing":
            said.append(f"{key}: is missing")
        else:
            said.append(f"{key}: {words}" if key else words)
    return "; ".join(said)
