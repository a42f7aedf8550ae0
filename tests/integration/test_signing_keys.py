"""Signing keys on the deployed stack: rotated under load, and invalidated at once."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import jwt
import pytest

from tests.support.api import Api, error_code
from tests.support.function_settings import set_environment
from tools.local.stack import LocalStack


def kids(api):
    return [key["kid"] for key in api.call("GET", "/.well-known/jwks.json").json()["keys"]]


def test_key_rotation_under_load_refuses_nobody(api, stack):
    email = api.register().json()["data"]["user"]["email"]
    done = threading.Event()

    def tokens(answer):
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def live():
        statuses = []
        while not done.is_set():
            pair = tokens(api.login(email))
            statuses.append(api.me(pair["access_token"]).status_code)
            pair = tokens(api.refresh(pair["refresh_token"]))
            statuses.append(api.me(pair["access_token"]).status_code)
        return statuses

    before = kids(api)
    with ThreadPoolExecutor(2) as pool:
        lives = [pool.submit(live) for _ in range(2)]
        try:
            rotated = stack.invoke("rotate_signing_keys", {"force": True})["kids"]
            again = [stack.invoke("rotate_signing_keys", {}) for _ in range(3)]
        finally:
            done.set()
        statuses = [status for each in lives for status in each.result()]
    assert set(statuses) == {200}
    assert rotated[:-1] == before
    assert [answer["kids"] for answer in again] == [rotated] * 3


def test_pepper_rotation_keeps_sessions(api, stack):
    pair = api.register().json()["data"]
    before = pair["refresh_token"].split(".")[3]
    rotated = stack.invoke("rotate_signing_keys", {"task": "rotate_pepper"})
    assert rotated["refresh"][:2] == [before, str(int(before) + 1)]
    for _ in range(3):
        answer = api.refresh(pair["refresh_token"])
        assert answer.status_code == 200
        pair = answer.json()["data"]
        # The new one is used when every function has it, in a quarter of an hour.
        assert pair["refresh_token"].split(".")[3] == before
    assert api.me(pair["access_token"]).status_code == 200


def test_leaked_key_is_limited(api, stack):
    token = api.register().json()["data"]["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    ssm = stack.client("ssm")
    names = [each["Name"] for each in ssm.describe_parameters()["Parameters"]]
    (name,) = (name for name in names if name.endswith("/signing-keys"))
    content = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    assert "pepper" not in content
    (pem,) = (key["private_pem"] for key in json.loads(content)["keys"] if key["kid"] == kid)

    def answer(**changes):
        headers = {"typ": "at+jwt", "kid": kid}
        forged = jwt.encode({**claims, **changes}, pem, algorithm="ES256", headers=headers)
        response = api.me(forged)
        return response.status_code, None if response.is_success else error_code(response)

    now = int(time.time())
    assert answer() == (200, None)
    invalid = (401, "TOKEN_INVALID")
    assert answer(exp=now + 3 * 365 * 86400) == invalid
    assert answer(auth_time=now + 3600) == invalid
    for name in ("exp", "iat", "auth_time", "gen"):
        for value in (-(2**63), 10**18, 1.5, True, "x", [1]):
            assert answer(**{name: value}) == invalid, (name, value)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_new_epoch_invalidates_tokens_and_keeps_sessions():
    with LocalStack.start(parameters={"RateLimitFactor": "100"}) as stack:
        api = Api(
            stack.emulator_url,
            host=urlsplit(stack.api_url).netloc,
            headers={"x-latchkey-edge": stack.edge_secret},
        )
        devices = [api.register().json()["data"] for _ in range(5)]
        before = kids(api)
        deploy_epoch(stack, 2)
        for device in devices:
            refused = api.me(device["access_token"])
            assert (refused.status_code, error_code(refused)) == (401, "TOKEN_INVALID")
        for device in devices:
            answer = api.refresh(device["refresh_token"])
            assert api.me(answer.json()["data"]["access_token"]).status_code == 200
        assert set(kids(api)).isdisjoint(before)


def deploy_epoch(stack, epoch):
    """Do what a deployment does: each function's environment, and alias, first; then the keys."""
    functions = stack.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function["Environment"]["Variables"]
            if "KEY_EPOCH" in variables:
                changed = {**variables, "KEY_EPOCH": str(epoch)}
                set_environment(functions, function["FunctionName"], changed)
    stack.invoke("rotate_signing_keys", {"RequestType": "Update"})
