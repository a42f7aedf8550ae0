"""The edge's secret: where it is required, and what does not replace it."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from latchkey import wiring
from tests.support.service import ENVIRONMENT, InProcessService
from tools.template import routes

PROOF = {"x-latchkey-edge": ENVIRONMENT["EDGE_SECRET"]}
VIEWER = {"cloudfront-viewer-address": "81.2.69.160:443", "cloudfront-viewer-country": "GB"}
NO_PROOF: list[dict[str, str]] = [
    {},
    {"x-latchkey-edge": ""},
    {"x-latchkey-edge": "a guess"},
    {"x-latchkey-edge": ENVIRONMENT["EDGE_SECRET"] + " "},
]
REFRESH = "/api/v1/auth/refresh"
# A signed request can't come through the edge: the edge changes what was signed.
EVERY = sorted({(route.method, route.path) for route in routes() if not route.signed})
SIGNED = sorted({(route.method, route.path) for route in routes() if route.signed})


@pytest.fixture
def closed():
    """A service that answers only what comes through the edge."""
    return InProcessService(DIRECT_ACCESS="refused")


# Requests that bypass it -------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_every_operation_refuses_requests_that_bypass_the_edge(closed, method, path):
    target = re.sub(r"\{\w+\}", "x", path)
    for headers in NO_PROOF:
        answer = closed.request(method, target, headers=headers)
        assert (answer.status, answer.code) == (403, "DIRECT_ACCESS_REFUSED")


@pytest.mark.parametrize(("method", "path"), SIGNED)
def test_signed_operation_refuses_requests_without_a_signature(closed, method, path):
    for headers in (*NO_PROOF, PROOF):
        answer = closed.request(method, path, headers=headers)
        assert (answer.status, answer.code) == (403, "SIGNATURE_REQUIRED")


def test_requests_through_the_edge_are_accepted(closed):
    assert closed.request("GET", "/api/v1/health", headers=PROOF).status == 200
    json_body = {"email": "ada@example.com", "password": "plum kettle orbits a quiet lake"}
    answer = closed.request("POST", "/api/v1/auth/register", json_body=json_body, headers=PROOF)
    token = answer.data["access_token"]
    assert closed.request("GET", "/api/v1/users/me", token=token, headers=PROOF).status == 200
    assert closed.request("GET", "/api/v1/users/me", token=token).code == "DIRECT_ACCESS_REFUSED"


def authorize(token: str) -> Any:
    event = {
        "version": "2.0",
        "headers": {"authorization": f"Bearer {token}"},
        "requestContext": {"requestId": "r", "http": {"sourceIp": "203.0.113.7"}},
    }
    return importlib.import_module("functions.authorizer.app").handler(event)


def test_authorizer_reads_no_session_for_a_request_that_bypasses_the_edge(monkeypatch):
    service = InProcessService()
    token = service.register().data["access_token"]
    reads: list[object] = []
    read = service.table.get
    monkeypatch.setattr(service.table, "get", lambda *a, **o: reads.append(a) or read(*a, **o))
    assert "auth_error" not in authorize(token)["context"]
    assert reads
    reads.clear()
    service.configure(direct_access=False)
    context = authorize(token)["context"]
    assert context["auth_error"] == "DIRECT_ACCESS_REFUSED"
    assert "session_id" not in context
    assert not reads


def test_other_apis_need_no_edge_secret():
    service = InProcessService()
    token = service.register().data["access_token"]
    service.configure(direct_access=False, authorizer_passes_reasons=False)
    assert authorize(token)["isAuthorized"] is True


# An empty secret is no secret --------------------------------------------------------------------


@pytest.mark.parametrize("proof", [{}, {"x-latchkey-edge": ""}, {"x-latchkey-edge": "anything"}])
def test_viewer_headers_are_ignored_with_an_empty_secret(proof):
    service = InProcessService(EDGE_SECRET="", PUBLIC_URL="", ALLOWED_ORIGINS="")
    service.register()
    session = service.login(headers=proof | VIEWER).data["session"]
    assert (session["ip_address"], session["location"]) == ("203.0.113.7", None)
    refused = by_cookie(service, {**proof, "x-latchkey-host": "evil.test"}, "https://evil.test")
    assert refused.code == "ORIGIN_NOT_ALLOWED"
    service.configure(direct_access=False)
    assert service.login(headers=proof).code == "DIRECT_ACCESS_REFUSED"


# CloudFront's own name as the address ------------------------------------------------------------

CLOUDFRONT = "d111111abcdef8.cloudfront.net"


def by_cookie(service: InProcessService, headers: dict[str, str], origin: str | None):
    """Refresh as a page does: with the cookie, and the Origin that its browser says."""
    cookie = f"__Host-latchkey_refresh={service.login().data['refresh_token']}"
    sent = headers if origin is None else {**headers, "origin": origin}
    return service.request("POST", REFRESH, cookies=[cookie], headers=sent)


@pytest.fixture
def nameless():
    """A service without a domain, behind its CloudFront."""
    service = InProcessService(PUBLIC_URL="", ALLOWED_ORIGINS="https://app.example.com")
    service.register()
    return service


@pytest.mark.parametrize("host", [CLOUDFRONT, CLOUDFRONT.upper()])
def test_a_page_under_cloudfronts_own_name_may_refresh(nameless, host):
    headers = {**PROOF, "x-latchkey-host": host}
    assert by_cookie(nameless, headers, f"https://{CLOUDFRONT}").status == 200
    assert by_cookie(nameless, headers, "https://app.example.com").status == 200


def test_a_page_under_cloudfronts_own_name_may_sign_in_with_a_cookie(nameless):
    fields = {"token_transport": "cookie"}
    headers = {**PROOF, "x-latchkey-host": CLOUDFRONT, "origin": f"https://{CLOUDFRONT}"}
    assert nameless.login(fields=fields, headers=headers).status == 200
    without_proof = {"x-latchkey-host": CLOUDFRONT, "origin": f"https://{CLOUDFRONT}"}
    assert nameless.login(fields=fields, headers=without_proof).code == "ORIGIN_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({**PROOF, "x-latchkey-host": CLOUDFRONT}, "https://evil.test"),
        ({**PROOF, "x-latchkey-host": CLOUDFRONT}, f"http://{CLOUDFRONT}"),
        ({**PROOF, "x-latchkey-host": CLOUDFRONT}, "null"),
        ({**PROOF, "x-latchkey-host": CLOUDFRONT}, None),
        ({"x-latchkey-host": CLOUDFRONT}, f"https://{CLOUDFRONT}"),
        ({"x-latchkey-host": CLOUDFRONT, "x-latchkey-edge": "a guess"}, f"https://{CLOUDFRONT}"),
        ({**PROOF, "x-latchkey-host": "evil.test/x"}, "https://evil.test/x"),
        ({**PROOF, "x-latchkey-host": ""}, "https://"),
        (PROOF, ""),
        ({}, ""),
    ],
)
def test_no_other_page_may_refresh(nameless, headers, origin):
    assert by_cookie(nameless, headers, origin).code == "ORIGIN_NOT_ALLOWED"


def test_with_a_domain_only_its_origin_is_allowed():
    service = InProcessService(ALLOWED_ORIGINS="")
    service.register()
    headers = {**PROOF, "x-latchkey-host": CLOUDFRONT}
    assert by_cookie(service, headers, f"https://{CLOUDFRONT}").code == "ORIGIN_NOT_ALLOWED"
    assert by_cookie(service, headers, ENVIRONMENT["PUBLIC_URL"]).status == 200
    assert wiring.services().config.public_url == ENVIRONMENT["PUBLIC_URL"]
