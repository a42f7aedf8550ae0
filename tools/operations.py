"""The operations of the HTTP API: each route of the template with the handler behind it."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tools.template import ROOT, Route, folder, functions, routes

if TYPE_CHECKING:
    from latchkey.http.endpoints import Endpoint

API_PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route and its handler.

    id        the folder's name in camel case; a further route of the same function adds its own
              path: `getMe`, `getMeAtAuthMe`
    alias_of  the id of the function's first route, for the further ones
    """

    id: str
    route: Route
    endpoint: Endpoint
    alias_of: str | None


def camel_case(text: str) -> str:
    """Return the camel case form: `revoke_session` is `revokeSession`."""
    words: list[str] = re.findall(r"[A-Za-z0-9]+", text)
    return words[0] + "".join(_capitalise(word) for word in words[1:])


def logical_id(folder_name: str) -> str:
    """Return the logical id in the template: `revoke_session` is `RevokeSessionFunction`."""
    return f"{_capitalise(camel_case(folder_name))}Function"


def folders() -> set[str]:
    """Return the folders with a function's code."""
    return {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


@cache
def endpoints() -> dict[str, Endpoint]:
    """Load the handler of every function that has a route, by its folder."""
    routed = {route.function for route in routes()}
    named = dict.fromkeys(folder(properties) for properties in functions().values())
    return {
        name: importlib.import_module(f"functions.{name}.app").handler
        for name in named
        if name in routed
    }


@cache
def operations() -> tuple[Operation, ...]:
    """Return every operation, in the template's order."""
    found: list[Operation] = []
    for route in routes():
        plain = camel_case(route.function)
        alias = any(operation.id == plain for operation in found)
        suffix = _capitalise(camel_case(route.path.removeprefix(API_PREFIX)))
        found.append(
            Operation(
                id=f"{plain}At{suffix}" if alias else plain,
                route=route,
                endpoint=endpoints()[route.function],
                alias_of=plain if alias else None,
            )
        )
    return tuple(found)


def _capitalise(word: str) -> str:
    return word[:1].upper() + word[1:]
