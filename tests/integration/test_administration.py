"""Operations of administrators on the deployed stack, attacked with an administrator's token."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys

import pytest

from tests.support.administration import HOSTILE_FILTERS, SOMEBODY
from tests.support.api import a_fresh_address, error_code
from tools.template import ROOT

USERS = "/api/v1/users"
SESSIONS = "/api/v1/sessions"
REVOCATIONS = f"{SESSIONS}/revocations"
REFUSED = (400, "VALIDATION_ERROR")
NOT_CONFIRMED = "REVOCATION_NOT_CONFIRMED"


def make_admin(stack, email):
    """Run `make admin`, with permission to invoke the function."""
    command = [sys.executable, "-m", "tools.invoke", stack.deployment.name, "GrantAdminFunction"]
    environment = {**os.environ, **stack.emulator.environment}
    return subprocess.run(  # noqa: S603 - our own tool
        [*command, json.dumps({"email": email})],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def admin(wide_api, stack):
    email = a_fresh_address()
    user_id = wide_api.register(email).json()["data"]["user"]["id"]
    made = make_admin(stack, email)
    assert (made.returncode, json.loads(made.stdout)) == (0, {"id": user_id, "role": "admin"})
    return wide_api.login(email).json()["data"]["access_token"]


def answer(sent):
    return sent.status_code, error_code(sent)


def test_grant_with_a_wrong_address_fails(stack):
    for email in (a_fresh_address(), "", "*"):
        made = make_admin(stack, email)
        assert made.returncode == 1
        assert "ACCOUNT_NOT_FOUND" in made.stdout


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param(HOSTILE_FILTERS[::8], id="some"),
        pytest.param(HOSTILE_FILTERS, id="all", marks=pytest.mark.slow),
    ],
)
def test_hostile_filters_are_refused(wide_api, admin, filters):
    """All of them are tried in `tests/functions/test_administration.py`, too."""
    for criteria in filters:
        found = wide_api.call("GET", SESSIONS, token=admin, params=criteria)
        assert answer(found) == REFUSED, criteria
        tried = wide_api.call("POST", REVOCATIONS, token=admin, json=criteria)
        assert answer(tried) == REFUSED, criteria
    for criteria in (
        {"email_prefix": "a\u0000"},
        {"email_prefix": " "},
        {"email_prefix": "x" * 255},
        {"status": "erasing"},
        {"created_from": "2026-01-02T00:00:00Z", "created_to": "2026-01-01T00:00:00Z"},
        *({"limit": text} for text in ("0", "101", "-1", "1e2", "9" * 400, "\u0661", "")),
    ):
        found = wide_api.call("GET", USERS, token=admin, params=criteria)
        assert answer(found) == REFUSED, criteria
    for email_prefix in ("\U0001f511", "%", "#", "a" * 254):
        found = wide_api.call("GET", USERS, token=admin, params={"email_prefix": email_prefix})
        assert (found.status_code, found.json()["data"]["users"]) == (200, []), email_prefix


def garbled(cursor):
    """Cursors that look like one of ours."""
    version, binding, *position = json.loads(base64.urlsafe_b64decode(cursor + "=" * 3))

    def write(*parts):
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    yield from ("", "?", "=", cursor[:-3], cursor + "A", cursor * 200, cursor.swapcase(), "W10")
    yield write(version + 1, binding, *position)
    yield write(version, "0" * len(binding), *position)
    yield write(version, binding, *position[:-1])
    yield write(version, binding, *position, "more")
    yield write(version, binding, *position[:-1], {"S": "x"})
    yield write(version, binding, *position[:-1], "\u0000")
    yield write(version, binding, *position[:-1], "~" * 2000)
    yield base64.urlsafe_b64encode(b"[" * 1500).decode().rstrip("=")


@pytest.mark.parametrize("path", [SESSIONS, pytest.param(USERS, marks=pytest.mark.slow)])
def test_cursor_works_only_for_its_caller_list_and_filter(wide_api, stack, admin, path):
    email = a_fresh_address()
    wide_api.register(email)
    assert make_admin(stack, email).returncode == 0
    other = wide_api.login(email).json()["data"]["access_token"]
    first = wide_api.call("GET", path, token=admin, params={"limit": "1"})
    cursor = first.json()["data"]["next_cursor"]
    assert cursor is not None
    for text in garbled(cursor):
        sent = wide_api.call("GET", path, token=admin, params={"limit": "1", "cursor": text})
        assert answer(sent) == (400, "INVALID_CURSOR"), text
    elsewhere = SESSIONS if path == USERS else USERS
    criteria = {"limit": "1", "cursor": cursor}
    since = {"created_from": "2020-01-01T00:00:00Z"}
    for token, where, more in (
        (other, path, {}),
        (admin, elsewhere, {}),
        (admin, path, since),
        (admin, "/api/v1/audit", {}),
    ):
        sent = wide_api.call("GET", where, token=token, params={**criteria, **more})
        assert answer(sent) == (400, "INVALID_CURSOR"), where
    assert wide_api.call("GET", path, token=admin, params=criteria).status_code == 200


def test_confirmation_works_once_for_its_caller_and_filter(wide_api, stack, admin):
    email = a_fresh_address()
    ada = wide_api.register(email).json()["data"]
    me = wide_api.call("GET", f"{USERS}/me", token=admin).json()["data"]["id"]
    criteria = {"user_id": ada["user"]["id"]}

    def revoke(token=admin, **fields):
        return wide_api.call("POST", REVOCATIONS, token=token, json={"dry_run": False, **fields})

    confirmation = wide_api.call("POST", REVOCATIONS, token=admin, json=criteria).json()["data"][
        "confirmation"
    ]
    made_up = ("rev_00000000000000000000000001", "#", confirmation.upper(), f"{confirmation}x")
    for sent in (
        revoke(**criteria),
        revoke(**criteria, confirmation=None),
        *(revoke(**criteria, confirmation=text) for text in made_up),
        revoke(user_id=SOMEBODY, confirmation=confirmation),
        revoke(**criteria, country="DE", confirmation=confirmation),
    ):
        assert answer(sent)[1] == NOT_CONFIRMED
        assert 400 <= sent.status_code < 500
    assert answer(revoke(confirmation=confirmation)) == REFUSED
    assert answer(revoke(**criteria, confirmation="a\u0000")) == REFUSED
    assert make_admin(stack, email).returncode == 0
    there = wide_api.login(email).json()["data"]["access_token"]
    assert answer(revoke(there, **criteria, confirmation=confirmation))[1] == NOT_CONFIRMED
    done = revoke(**criteria, confirmation=confirmation)
    assert done.json()["data"]["count"] == 2
    assert answer(revoke(**criteria, confirmation=confirmation))[1] == NOT_CONFIRMED
    assert answer(wide_api.me(there)) == (401, "SESSION_REVOKED")

    own = {"user_id": me}
    tried = wide_api.call("POST", REVOCATIONS, token=admin, json=own).json()["data"]
    ended = revoke(**own, confirmation=tried["confirmation"]).json()["data"]
    assert ended["count"] == tried["count"]
    assert wide_api.me(admin).status_code == 200
