"""The examples of `clients/python`, called as clients of each framework call them."""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import django
from django.test import AsyncClient as AsyncDjangoClient
from django.test import Client as DjangoClient
from fastapi.testclient import TestClient

from tools.template import ROOT

if TYPE_CHECKING:
    import pytest

    from latchkey_client.verify import Verifier

EXAMPLES = ROOT / "clients/python/examples"


class Examples:
    """Loads the examples, with a verifier in the place of theirs."""

    def __init__(self, patch: pytest.MonkeyPatch, verifier: Verifier) -> None:
        """Use this verifier until the test ends."""
        self.patch = patch
        patch.syspath_prepend(str(EXAMPLES))
        module: Any = ModuleType("verifier")
        module.make_verifier = lambda: verifier
        patch.setitem(sys.modules, "verifier", module)

    def load(self, name: str) -> Any:
        """Import an example anew."""
        self.patch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)


def headers_of(header):
    return {} if header is None else {"authorization": header}


def with_fastapi(examples):
    client = TestClient(examples.load("fastapi_app").app)

    def call(header):
        answer = client.get("/me", headers=headers_of(header))
        body = answer.json()
        return answer.status_code, body.get("detail") or body, answer.headers

    return call


def with_flask(examples):
    client = examples.load("flask_app").app.test_client()

    def call(header):
        answer = client.get("/me", headers=headers_of(header))
        return answer.status_code, answer.json.get("error") or answer.json, answer.headers

    return call


def with_django(path, examples):
    examples.patch.setenv("DJANGO_SETTINGS_MODULE", "django_app")
    examples.load("django_app")
    from django.conf import settings  # noqa: PLC0415 - it reads the variable
    from django.urls import clear_url_caches  # noqa: PLC0415

    if not settings.configured:
        django.setup()
    module = sys.modules["django_app"]
    examples.patch.setattr(settings, "LATCHKEY_VERIFIER", module.LATCHKEY_VERIFIER, raising=False)
    importlib.import_module("latchkey_client.django")._verifier.cache_clear()
    clear_url_caches()

    def call(header):
        if path == "/me":
            answer = DjangoClient().get(path, headers=headers_of(header))
        else:
            answer = asyncio.run(AsyncDjangoClient().get(path, headers=headers_of(header)))
        body = json.loads(answer.content)
        return answer.status_code, body.get("error") or body, answer.headers

    return call


def with_powertools(examples):
    module = examples.load("powertools_app")
    base = json.loads((ROOT / "events/get_me.json").read_text())

    def call(header):
        event = base | {"rawPath": "/me", "headers": headers_of(header)}
        event["requestContext"] = base["requestContext"] | {
            "http": base["requestContext"]["http"] | {"path": "/me", "method": "GET"}
        }
        answer = module.handler(event, None)
        body = json.loads(answer["body"])
        found = answer.get("headers") or {}
        return answer["statusCode"], body.get("error") or body, found

    return call


FRAMEWORKS = {
    "fastapi": with_fastapi,
    "flask": with_flask,
    "django": functools.partial(with_django, "/me"),
    "django async": functools.partial(with_django, "/me-async"),
    "powertools": with_powertools,
}
