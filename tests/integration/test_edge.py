"""The edge over HTTP: it can't be bypassed, and caches no errors."""

from __future__ import annotations

import secrets

import pytest

from tests.support.api import Api, error_code

KEYS = "/.well-known/jwks.json"


@pytest.fixture
def bare(wide_api):
    """The API itself, without the edge's proof."""
    return Api(wide_api.base_url, wide_api.host)


@pytest.mark.parametrize("proof", [{}, {"x-latchkey-edge": ""}, {"x-latchkey-edge": "a guess"}])
def test_direct_requests_to_the_api_are_refused(bare, proof):
    for method, path in [
        ("GET", "/api/v1/health"),
        ("GET", KEYS),
        ("POST", "/api/v1/auth/login"),
        ("GET", "/api/v1/users/me"),
    ]:
        answer = bare.call(method, path, headers=proof)
        assert (answer.status_code, error_code(answer)) == (403, "DIRECT_ACCESS_REFUSED")


def test_public_keys_are_cached_and_personal_responses_are_not(api):
    fresh = {"accept": f"*/*;n={secrets.token_hex(4)}"}
    first, second = (api.call("GET", KEYS, headers=fresh) for _ in range(2))
    assert [each.headers["x-cache"].split()[0] for each in (first, second)] == ["Miss", "Hit"]
    assert first.json() == second.json()
    token = api.register().json()["data"]["access_token"]
    answers = [api.me(token) for _ in range(2)]
    assert {each.headers["x-cache"].split()[0] for each in answers} == {"Miss"}
    assert {each.status_code for each in answers} == {200}


def test_errors_are_not_cached(api):
    path = f"/api/v1/users/me/exports/exp_{secrets.token_hex(8)}"
    answers = [api.call("GET", path) for _ in range(2)]
    assert {each.headers["x-cache"].split()[0] for each in answers} == {"Miss"}
    assert len({each.headers["x-request-id"] for each in answers}) == 2


def test_page_is_read_only(api):
    page = api.call("GET", "/reset-password")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert api.call("POST", "/reset-password").status_code == 403
    assert api.call("GET", "/assets/nothing.js").status_code == 403
    assert api.call("POST", KEYS).status_code == 403
