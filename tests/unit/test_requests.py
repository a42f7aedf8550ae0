"""Requests: undeclared parts can't be read, and only the edge can name the viewer."""

from __future__ import annotations

import pytest

from latchkey import http
from latchkey.domain.limits import LOGIN_PER_ADDRESS
from latchkey.http import endpoint, ok, public, signed_in
from latchkey.http.request import parse_event
from latchkey.wiring import part
from latchkey.wiring.storage import throttling
from tests.support.builders import NOW
from tests.support.service import InProcessService

SECRET = "the-edge"
SOURCE_IP = "203.0.113.7"


def an_event(**headers):
    return {
        "routeKey": "GET /api/v1/any",
        "headers": headers,
        "requestContext": {
            "requestId": "request-1",
            "http": {"method": "GET", "path": "/api/v1/any", "sourceIp": SOURCE_IP},
        },
    }


def a_request(**headers):
    return parse_event(an_event(**headers), now=NOW, edge_secret=SECRET)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("body", "declares no body"),
        ("query", "declares no query parameters"),
        ("caller", "does not authenticate its caller"),
        ("account_id", "has no owner"),
    ],
)
def test_undeclared_parts_of_a_request_are_a_programming_error(name, message):
    with pytest.raises(RuntimeError, match=message):
        getattr(a_request(), name)


def test_a_handler_that_reads_an_undeclared_body_returns_500_without_details():
    InProcessService()

    @endpoint(caller=public())
    def handler(request):
        return ok(request.body)

    response = handler(an_event())
    assert response["statusCode"] == 500
    assert "INTERNAL_ERROR" in response["body"]
    assert "declares" not in response["body"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1:443", "192.0.2.1"),
        ("2001:db8::1:443", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("not an address:443", SOURCE_IP),
        ("", SOURCE_IP),
    ],
)
def test_viewer_address_of_the_edge_replaces_the_source_if_it_is_valid(address, expected):
    headers = {"x-latchkey-edge": SECRET, "cloudfront-viewer-address": address}
    assert a_request(**headers).context.ip_address == expected


@pytest.mark.parametrize("host", ["", "a b", "x" * 300, "accounts.test/evil"])
def test_a_malformed_host_of_the_edge_is_no_origin(host):
    assert a_request(**{"x-latchkey-edge": SECRET, "x-latchkey-host": host}).edge_origin is None


def test_the_origin_of_a_request_that_bypassed_the_edge_is_unknown():
    assert a_request(**{"x-latchkey-host": "accounts.test"}).edge_origin is None
    through = a_request(**{"x-latchkey-edge": SECRET, "x-latchkey-host": "Accounts.test"})
    assert through.edge_origin == "https://accounts.test"


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("de;q=0.5, en", ["en", "de"]),
        ("fr;q=0, de", ["de"]),
        ("fr;q=2, de;q=x, en;q=1.000", ["en"]),
        ("a, b, c", ["a", "b", "c"]),
    ],
)
def test_languages_are_sorted_by_weight_and_malformed_ones_are_ignored(header, languages):
    assert a_request(**{"accept-language": header}).languages == languages


def test_an_endpoint_loads_its_parts_and_its_limits_before_the_first_request_in_lambda(monkeypatch):
    @part
    def needed(_):
        return "made"

    def declare(**options):
        endpoint(caller=signed_in(), needs=needed, **options)(lambda request, _: ok(request))

    parts = InProcessService().services._made
    declare(limits=(LOGIN_PER_ADDRESS,))
    assert needed not in parts
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "latchkey-GetMeFunction")
    declare()
    assert needed in parts
    assert throttling not in parts
    declare(limits=(LOGIN_PER_ADDRESS,))
    assert throttling in parts


def test_the_import_face_of_handlers_has_no_other_names():
    assert set(http.__all__) == set(http.MODULES)
    with pytest.raises(AttributeError, match="no attribute 'respond'"):
        http.respond  # noqa: B018 - the access is the test
