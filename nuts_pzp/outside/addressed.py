"""Reads addresses that settings give of ourselves and of others: what cannot be one is refused when they are read."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from .dialling import is_name
from .reaching import is_address
from .request import Origin, split

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*", re.ASCII)


def _base_url(text: str) -> str:
    written, path = split(text)
    origin = Origin.parse(written)
    if origin is None or not _is_host(origin.host) or not _PATH.fullmatch(path):
        raise ValueError("a URL such as https://host.example/path is expected, without user name, query or fragment")
    return text


def _host(text: str) -> str:
    if not _is_host(text):
        raise ValueError("an IP address or a host name is expected, without scheme, port or brackets")
    return text


def _is_host(text: str) -> bool:
    return is_address(text) or is_name(text)


BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""A URL to which paths are added, or that is compared: absolute, http or https."""

BaseUrlOrNone = Annotated[str, AfterValidator(lambda text: text and _base_url(text))]
"""The same, or an empty text."""

Host = Annotated[str, AfterValidator(_host)]
"""Where to bind: `0.0.0.0` or `::` for every address of its family."""
