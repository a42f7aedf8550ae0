"""The metadata of the issuer: true, cacheable, and usable by an ordinary verifier."""

from __future__ import annotations

import jwt
import pytest

from latchkey.security.token_verification import ALGORITHM
from tests.support.service import API_HOST, InProcessService

PATHS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]


@pytest.mark.parametrize("path", PATHS)
def test_metadata_names_the_issuer_and_its_endpoints(service, ada, path):
    answer = service.request("GET", path)
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    assert answer.body == {
        "issuer": claims["iss"],
        "jwks_uri": "https://accounts.test/.well-known/jwks.json",
        "introspection_endpoint": f"https://{API_HOST}/api/v1/auth/introspect",
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "subject_types_supported": ["public"],
        "response_types_supported": [],
        "grant_types_supported": [],
    }
    assert answer.headers["cache-control"] == "public, max-age=300"


def test_a_verifier_that_knows_the_issuer_alone_verifies_a_token(service, ada):
    found = service.request("GET", PATHS[0]).body
    keys = service.request("GET", found["jwks_uri"].removeprefix(found["issuer"])).body
    (algorithm,) = found["id_token_signing_alg_values_supported"]
    kid = jwt.get_unverified_header(ada.token)["kid"]
    key = next(jwt.PyJWK(each) for each in keys["keys"] if each["kid"] == kid)
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        ada.token,
        key,
        algorithms=[algorithm],
        issuer=found["issuer"],
        audience="latchkey",
        options=options,
    )
    assert claims["sub"] == ada.id


@pytest.mark.parametrize(
    ("issuer", "public_url", "keys"),
    [
        ("https://old.test", "https://new.test", "https://new.test"),
        ("https://own.test/", "", "https://own.test"),
        ("http://localhost:8000", "http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_addresses_are_those_of_the_configuration(issuer, public_url, keys):
    service = InProcessService(ISSUER=issuer, PUBLIC_URL=public_url)
    found = service.request("GET", PATHS[0], headers={"host": "evil.test"}).body
    assert found["issuer"] == issuer
    assert found["jwks_uri"] == f"{keys}/.well-known/jwks.json"


def test_an_issuer_that_is_no_address_has_no_metadata():
    service = InProcessService(ISSUER="urn:latchkey:latchkey", PUBLIC_URL="")
    answer = service.request("GET", PATHS[0])
    assert (answer.status, answer.code) == (404, "METADATA_UNAVAILABLE")
    assert answer.headers["cache-control"] == "no-store"
