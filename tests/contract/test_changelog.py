"""New parameters, profile fields and endpoints are in the CHANGELOG by name.

It describes those of the first release as a whole; first_release.txt lists them, and never grows.
"""

from __future__ import annotations

from latchkey.domain.account import PROFILE_FIELDS
from tools.operations import camel_case
from tools.template import ROOT, load, routes

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
FIRST = frozenset((ROOT / "tests/contract/first_release.txt").read_text().split())


def missing(names, changelog=CHANGELOG):
    return [name for name in sorted(set(names) - FIRST) if f"`{name}" not in changelog]


def test_a_new_parameter_is_in_the_changelog():
    assert missing(load()["Parameters"]) == [], "CHANGELOG.md: add what deployers can choose"


def test_a_new_field_of_the_profile_is_in_the_changelog():
    assert missing(PROFILE_FIELDS) == [], "CHANGELOG.md: add what people can say"


def test_a_new_endpoint_is_in_the_changelog():
    names = [
        f"{route.method} {route.path.removeprefix('/api/v1')}"
        for route in routes()
        if camel_case(route.function) not in FIRST
    ]
    changelog = CHANGELOG.replace("/api/v1", "")
    assert missing(names, changelog) == [], "CHANGELOG.md: add what clients can do"


def test_only_new_names_are_missed():
    assert missing(["SessionLimit", "full_name", "revokeSession"]) == []
    assert missing(["ForgottenLimit"]) == ["ForgottenLimit"]
    assert missing(["ForgottenLimit"], "- `ForgottenLimit` limits them.") == []
