"""A leaked signing key: forged tokens are limited to what the service would sign."""

from __future__ import annotations

import jwt
import pytest

from tests.support.person import ME


def forged(service, token, **changes):
    """Sign ada's claims with the service's own key, some of them changed."""
    claims = jwt.decode(token, options={"verify_signature": False})
    headers = jwt.get_unverified_header(token)
    (key,) = service.keys.key_ring().keys
    headers = {"typ": headers["typ"], "kid": headers["kid"]}
    return jwt.encode({**claims, **changes}, key.private_pem, algorithm="ES256", headers=headers)


def seconds(service, *, later=0):
    return int(service.clock.now().timestamp()) + later


def outcome(answer):
    return answer.status, answer.body["error"]["code"]


def test_leaked_key_cannot_sign_longer_tokens(service, ada):
    for lifetime in (3600, 3 * 365 * 86400):
        token = forged(service, ada.token, exp=seconds(service, later=lifetime))
        assert outcome(service.request("GET", ME, token=token)) == (401, "TOKEN_INVALID")


def test_leaked_key_cannot_sign_future_tokens(service, ada):
    for name in ("auth_time", "iat"):
        changes = {name: seconds(service, later=3600), "exp": seconds(service, later=4200)}
        token = forged(service, ada.token, **changes)
        assert outcome(service.request("GET", ME, token=token)) == (401, "TOKEN_INVALID")


def test_leaked_key_cannot_forge_a_recent_authentication(service, ada):
    service.clock.advance(minutes=6)
    now = seconds(service)
    token = forged(service, ada.token, iat=now, exp=now + 600, auth_time=now)
    # The session knows when its person last proved who they are.
    assert service.request("GET", ME, token=token).status == 200
    refused = service.request("POST", f"{ME}/export", token=token)
    assert outcome(refused) == (403, "REAUTHENTICATION_REQUIRED")
    answer = service.request(
        "POST",
        "/api/v1/auth/reauthenticate",
        token=ada.token,
        json_body={"password": "plum kettle orbits a quiet lake"},
    )
    genuine = answer.data["access_token"]
    assert service.request("POST", f"{ME}/export", token=genuine).status == 202


@pytest.mark.parametrize("claim", ["exp", "iat", "auth_time", "gen", "sub", "sid", "role", "jti"])
def test_odd_claims_are_401_and_never_503(service, ada, claim):
    for value in (
        -(2**63),
        2**63,
        10**18,
        10**30,
        253402300799,
        1.5,
        True,
        "x",
        None,
        [1],
        {"a": []},
    ):
        answer = service.request("GET", ME, token=forged(service, ada.token, **{claim: value}))
        if claim in {"role", "jti"} and answer.status == 200:
            # The role comes from the session, and no id of a token is looked at.
            assert answer.data["role"] == "user"
            continue
        assert outcome(answer) in {(401, "TOKEN_INVALID"), (401, "TOKEN_EXPIRED")}, (claim, value)


@pytest.mark.parametrize("suffix", ["==", "=", "\n", "%0a"])
def test_token_with_another_encoding_is_refused(service, ada, suffix):
    answer = service.request("GET", ME, token=ada.token + suffix)
    assert outcome(answer) == (401, "TOKEN_INVALID")
