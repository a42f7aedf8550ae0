"""The main story, over HTTP on the deployed stack."""

from __future__ import annotations

import json
import time

from tests.support.api import PASSWORD, a_fresh_address, error_code
from tools.template import ROOT

SESSIONS = "/api/v1/users/me/sessions"
IPHONE = {
    "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
}


def test_one_device_signs_the_other_out_on_its_next_request(api):
    email = a_fresh_address()
    laptop = api.register(email).json()["data"]["access_token"]
    body = {"email": email, "password": PASSWORD}
    phone = api.call("POST", "/api/v1/auth/login", json=body, headers=IPHONE)
    phone = phone.json()["data"]["access_token"]

    listed = api.call("GET", SESSIONS, token=laptop).json()["data"]
    assert listed["total_count"] == 2
    current, other = listed["sessions"]
    assert current["is_current"]
    assert other["device_name"] == "Safari on iOS"
    assert other["ip_address"] == "127.0.0.1"

    assert api.me(phone).status_code == 200
    ended = api.call("DELETE", f"{SESSIONS}/{other['id']}", token=laptop)
    assert ended.json()["data"] == {"session_id": other["id"], "device_name": "Safari on iOS"}
    refused = api.me(phone)
    assert (refused.status_code, error_code(refused)) == (401, "SESSION_REVOKED")
    assert api.me(laptop).status_code == 200


def test_sign_out_is_immediate_and_can_be_repeated(api):
    token = api.register().json()["data"]["access_token"]
    for _ in range(2):
        answer = api.call("POST", "/api/v1/auth/logout", token=token)
        assert answer.status_code == 200
        assert "__Host-latchkey_refresh=; Max-Age=0" in answer.headers["set-cookie"]
    assert error_code(api.me(token)) == "SESSION_REVOKED"


def test_browser_stays_signed_in_by_its_cookie(api, stack):
    email = a_fresh_address()
    api.register(email)
    signed_in = api.login(email, origin=stack.base_url, token_transport="cookie")
    assert signed_in.json()["data"]["refresh_token"] is None
    cookies = [value.partition(";")[0] for value in signed_in.headers.get_list("set-cookie")]
    headers = {"cookie": "; ".join(cookies), "origin": stack.base_url}
    refreshed = api.call("POST", "/api/v1/auth/refresh", headers=headers)
    assert refreshed.status_code == 200
    assert api.me(refreshed.json()["data"]["access_token"]).status_code == 200
    foreign = api.login(email, origin="https://evil.example", token_transport="cookie")
    assert (foreign.status_code, error_code(foreign)) == (403, "ORIGIN_NOT_ALLOWED")
    headers["origin"] = "https://evil.example"
    stolen = api.call("POST", "/api/v1/auth/refresh", headers=headers)
    assert (stolen.status_code, error_code(stolen)) == (403, "ORIGIN_NOT_ALLOWED")


def test_invalid_tokens_have_different_codes(api):
    token = api.register().json()["data"]["access_token"]
    header, payload, signature = token.split(".")
    for bad in ("x", f"{header}.{payload}.", f"{header}.{payload}.{signature[::-1]}"):
        refused = api.me(bad)
        assert (refused.status_code, error_code(refused)) == (401, "TOKEN_INVALID")
    missing = api.call("GET", "/api/v1/users/me")
    assert (missing.status_code, error_code(missing)) == (401, "TOKEN_MISSING")
    twice = api.call(
        "GET",
        "/api/v1/users/me",
        headers=[("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")],
    )
    assert (twice.status_code, error_code(twice)) == (401, "TOKEN_INVALID")


def test_a_body_of_a_megabyte_is_refused_in_the_envelope(api):
    answer = api.call("POST", "/api/v1/auth/login", json={"email": "x" * 1_000_000})
    assert (answer.status_code, error_code(answer)) == (400, "VALIDATION_ERROR")


def test_the_public_keys_verify_our_tokens(api):
    keys = api.call("GET", "/.well-known/jwks.json").json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256"] * len(keys)
    assert keys


def test_service_authorizer_denies_other_apis(stack, api):
    token = api.register().json()["data"]["access_token"]
    name = stack.deployment.outputs["ServiceAuthorizerArn"]

    def verdict(header):
        event = json.loads((ROOT / "events/authorizer.json").read_text())
        event["headers"]["authorization"] = header
        answer = stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    allowed = verdict(f"Bearer {token}")
    assert allowed["isAuthorized"] is True
    assert allowed["context"]["account_id"].startswith("usr_")
    assert verdict("Bearer x") == {"isAuthorized": False, "context": {}}
    api.call("DELETE", f"{SESSIONS}/all", token=token)
    assert verdict(f"Bearer {token}") == {"isAuthorized": False, "context": {}}


def test_every_request_writes_one_log_line_with_its_operation(stack, api):
    answer = api.register()
    request_id = answer.headers["x-request-id"]
    deadline = time.monotonic() + 20
    lines: list[str] = []
    while not lines and time.monotonic() < deadline:
        lines = [line for line in stack.logs(request_id) if '"outcome"' in line]
        time.sleep(0.2)
    (line,) = lines
    assert '"operation":"register"' in line
    assert PASSWORD not in line
